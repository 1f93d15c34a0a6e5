#include "lab/gate.h"

#include <string>

#include "gtest/gtest.h"

namespace belfry::lab {
namespace {

v1::GateAt At(const std::string& gate, int cpu = 1) {
  v1::GateAt at;
  if (cpu >= 0) at.set_cpu(cpu);
  at.set_gate(gate);
  return at;
}

v1::Profile StepsOf(const std::string& steps) {
  v1::Profile profile;
  v1::Knob& knob = *profile.add_knobs();
  knob.set_name("steps");
  knob.set_value(steps);
  return profile;
}

TEST(Gate, KnownOnes) {
  for (const char* gate :
       {"enqueue", "ring", "latch", "irq_entry", "run", "reset",
        "ack:DISABLE_IRQ", "ack:DISABLE_IRQ_INACTIVE", "step:4",
        "step:calls:online"}) {
    EXPECT_TRUE(CheckGate(At(gate)).ok()) << gate;
    EXPECT_FALSE(CheckGate(At(gate, -1)).ok()) << gate;
  }
  for (const char* gate : {"commit", "publish:RUN", "journal:takedown"}) {
    EXPECT_TRUE(CheckGate(At(gate, -1)).ok()) << gate;
    EXPECT_FALSE(CheckGate(At(gate)).ok()) << gate;
  }
}

TEST(Gate, UnknownOnes) {
  for (const char* gate : {"", "latches", "ack:", "ack:disable_irq", "step:999",
                           "step:no_such_step"}) {
    EXPECT_FALSE(CheckGate(At(gate)).ok()) << gate;
  }
  for (const char* gate : {"publish:NOW", "journal:never"}) {
    EXPECT_FALSE(CheckGate(At(gate, -1)).ok()) << gate;
  }
}

TEST(Gate, AStepsNameIsItsNumberInTheProfilesTable) {
  EXPECT_EQ(ResolveGate(At("step:calls:online"), StepsOf("notifiers")).gate(),
            "step:9");
  EXPECT_EQ(ResolveGate(At("step:calls:online"), StepsOf("belfry")).gate(),
            "step:6");
  EXPECT_EQ(ResolveGate(At("step:9"), StepsOf("belfry")).gate(), "step:9");
  EXPECT_EQ(ResolveGate(At("latch"), StepsOf("belfry")).gate(), "latch");
}

TEST(Gate, AProfileMayLackAStep) {
  EXPECT_TRUE(ProfileHasGate(At("step:calls:online"), StepsOf("belfry")));
  EXPECT_TRUE(ProfileHasGate(At("step:190"), StepsOf("cpuhp-6.12")));
  EXPECT_TRUE(ProfileHasGate(At("latch"), StepsOf("cpuhp-6.12")));
  EXPECT_TRUE(ProfileHasGate(At("commit", -1), StepsOf("cpuhp-6.12")));
  EXPECT_FALSE(ProfileHasGate(At("step:calls:online"), StepsOf("cpuhp-6.12")));
  EXPECT_FALSE(ProfileHasGate(At("step:9"), StepsOf("belfry")));
}

TEST(Gate, WhatHasNotArrivedStopsNobody) {
  for (const char* gate : {"enqueue", "latch", "irq_entry"}) {
    EXPECT_FALSE(StopsItsProcess(gate)) << gate;
  }
  for (const char* gate : {"ack:RUN", "step:9", "reset", "run", "ring"}) {
    EXPECT_TRUE(StopsItsProcess(gate)) << gate;
  }
}

}  // namespace
}  // namespace belfry::lab
