#include "kernel/event_text.h"

#include <gtest/gtest.h>

namespace belfry::kernel {
namespace {

std::string At3(const CpuEvent& event) { return EventText(event, CpuId{3}); }

CsdKey Key(std::uint32_t src, Seq seq) {
  return {CpuId{src}, Incarnation{1}, seq};
}

TEST(EventTextTest, WhatTravelsBetweenCpusSaysWhoseCallItIs) {
  EXPECT_EQ(At3(Enqueue{.csd = {.key = Key(1, 7)}}), "call 1->3 #7");
  EXPECT_EQ(At3(Doorbell{Key(1, 7), false}), "doorbell 1->3 #7");
  EXPECT_EQ(At3(Enqueued{.from = CpuId{1}, .seq = 7}), "queued 1->3 #7");
  EXPECT_EQ(At3(Done{.from = CpuId{1}, .seq = 7}), "done 1->3 #7");
}

TEST(EventTextTest, WhatComesToACpuSaysWhich) {
  EXPECT_EQ(At3(IrqEntry{}), "irq_entry 3");
  EXPECT_EQ(At3(IdleExit{}), "idle_exit 3");
  EXPECT_EQ(At3(DeviceIrq{CpuId{2}}), "io 3 for 2");
  EXPECT_EQ(At3(DeviceIrq{.calls = {0, 1}}), "irq 3 calls 0-1");
  EXPECT_EQ(At3(CallMany{.cpus = {0, 2}}), "task 3 calls 0,2");
  EXPECT_EQ(At3(RunStep{.step = 9}), "step 3 9");
  EXPECT_EQ(At3(PowerOff{}), "power_off 3");
  EXPECT_EQ(At3(ArmTimer{CpuId{1}}), "arm_timer 3 for 1");
  EXPECT_EQ(At3(RunStage{OfflineStage::kFixupIrqs}), "fixup_irqs 3");
  EXPECT_EQ(At3(Kick{}), "reset 3");
  EXPECT_EQ(At3(StopperRuns{}), "stopper 3");
  EXPECT_EQ(At3(FunctionReturned{}), "return 3");
  EXPECT_EQ(At3(StopPublish{.state = MultiStopState::kRun}), "state 3 RUN");
  EXPECT_EQ(At3(Overdue{CpuId{1}, 7}), "overdue 3->1 #7");
}

TEST(EventTextTest, WhatComesToTheCoordinator) {
  EXPECT_EQ(EventText(CoordinatorEvent(
                Request{.kind = OpKind::kOffline, .cpu = CpuId{2}})),
            "request offline 2");
  EXPECT_EQ(EventText(CoordinatorEvent(
                FromCpuEvent{CpuId{2}, Incarnation{1},
                             StopAck{.state = MultiStopState::kPrepare}})),
            "ack 2 PREPARE");
  EXPECT_EQ(EventText(CoordinatorEvent(Journaled{.leg = Leg::kTakedown})),
            "journal takedown");
  EXPECT_EQ(
      EventText(CoordinatorEvent(PublishState{.state = MultiStopState::kExit})),
      "publish EXIT");
}

}  // namespace
}  // namespace belfry::kernel
