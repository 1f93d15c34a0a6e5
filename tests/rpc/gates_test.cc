#include "rpc/gates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace belfry::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What has passed, in order.
class GatesTest : public ::testing::Test {
 protected:
  void Arrive(const std::string& gate, const std::string& event) {
    gates_.Pass(gate, event, [this, event] { passed_.push_back(event); });
  }
  std::vector<std::string> Waiting(const std::string& gate) {
    const v1::ListGatesResponse list = gates_.List();
    for (const v1::Gate& g : list.gates()) {
      if (g.name() == gate) return {g.events().begin(), g.events().end()};
    }
    return {};
  }

  Gates gates_{/*enabled=*/true};
  std::vector<std::string> passed_;
};

TEST_F(GatesTest, WhatIsNotHeldPasses) {
  gates_.Hold("run");
  Arrive("latch", "doorbell 0->1 #1");
  EXPECT_THAT(passed_, ElementsAre("doorbell 0->1 #1"));
}

TEST_F(GatesTest, WhatWaitsPassesInItsOrder) {
  gates_.Hold("latch");
  Arrive("latch", "a");
  Arrive("latch", "b");
  EXPECT_THAT(passed_, IsEmpty());
  EXPECT_THAT(Waiting("latch"), ElementsAre("a", "b"));
  EXPECT_EQ(gates_.waiting("latch"), 2u);
  const v1::Gate released = gates_.Release("latch");
  EXPECT_THAT(passed_, ElementsAre("a", "b"));
  EXPECT_FALSE(released.held());
  EXPECT_EQ(released.waiting(), 0u);
  EXPECT_EQ(released.reached(), 2u);
}

TEST_F(GatesTest, OneOfThemIsLostOrComesTwice) {
  gates_.Hold("latch");
  for (const char* event : {"a", "b"}) Arrive("latch", event);
  ASSERT_TRUE(
      gates_.PassOne("latch", "a", v1::PassGateRequest::HOW_NEVER).ok());
  EXPECT_THAT(passed_, IsEmpty());
  EXPECT_THAT(Waiting("latch"), ElementsAre("b"));
  ASSERT_TRUE(
      gates_.PassOne("latch", "b", v1::PassGateRequest::HOW_TWICE).ok());
  EXPECT_THAT(passed_, ElementsAre("b"));
  EXPECT_THAT(Waiting("latch"), ElementsAre("b"));
  ASSERT_TRUE(gates_.PassOne("latch", "b").ok());
  EXPECT_THAT(passed_, ElementsAre("b", "b"));
  EXPECT_THAT(Waiting("latch"), IsEmpty());
}

TEST_F(GatesTest, OneOfThemPassesByItsNameAndTheGateHoldsOn) {
  gates_.Hold("latch");
  for (const char* event : {"a", "b", "b", "c"}) Arrive("latch", event);
  ASSERT_TRUE(gates_.PassOne("latch", "b").ok());
  EXPECT_THAT(passed_, ElementsAre("b"));
  EXPECT_THAT(Waiting("latch"), ElementsAre("a", "b", "c"));
  Arrive("latch", "d");
  EXPECT_THAT(passed_, ElementsAre("b"));
}

TEST_F(GatesTest, WhatDoesNotWaitThereCannotPass) {
  gates_.Hold("latch");
  gates_.Hold("run");
  Arrive("latch", "a");
  EXPECT_TRUE(absl::IsNotFound(gates_.PassOne("latch", "b").status()));
  EXPECT_TRUE(absl::IsNotFound(gates_.PassOne("run", "a").status()));
  EXPECT_THAT(passed_, IsEmpty());
}

// What an event causes in its own process arrives while it passes.
TEST_F(GatesTest, WhatPassesMayArriveAgain) {
  gates_.Hold("all");
  gates_.Pass("latch", "a", [this] { Arrive("irq_entry", "b"); });
  ASSERT_TRUE(gates_.PassOne("all", "a").ok());
  EXPECT_THAT(Waiting("irq_entry"), ElementsAre("b"));
  ASSERT_TRUE(gates_.PassOne("irq_entry", "b").ok());
  EXPECT_THAT(passed_, ElementsAre("b"));
}

TEST_F(GatesTest, AllHoldsEveryGateAndEachShowsItsOwn) {
  gates_.Hold("all");
  Arrive("latch", "a");
  Arrive("run", "b");
  EXPECT_THAT(Waiting("all"), ElementsAre("a", "b"));
  EXPECT_THAT(Waiting("latch"), ElementsAre("a"));
  EXPECT_THAT(Waiting("run"), ElementsAre("b"));
  EXPECT_EQ(gates_.waiting("latch"), 1u);
  gates_.Release("all");
  EXPECT_THAT(passed_, ElementsAre("a", "b"));
}

TEST_F(GatesTest, AGateThatIsHeldByItselfOutlastsAll) {
  gates_.Hold("all");
  gates_.Hold("run");
  Arrive("run", "a");
  Arrive("latch", "b");
  gates_.Release("all");
  EXPECT_THAT(passed_, ElementsAre("b"));
  gates_.Release("run");
  EXPECT_THAT(passed_, ElementsAre("b", "a"));
}

}  // namespace
}  // namespace belfry::rpc
