#include "rpc/gates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

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
    const v1::ListGatesResponse list = gates_.List().value();
    for (const v1::Gate& g : list.gates()) {
      if (g.name() == gate) return {g.events().begin(), g.events().end()};
    }
    return {};
  }

  Gates gates_{/*enabled=*/true};
  std::vector<std::string> passed_;
};

TEST_F(GatesTest, WhatIsNotHeldPasses) {
  ASSERT_TRUE(gates_.Hold("run").ok());
  Arrive("latch", "doorbell 0->1 #1");
  EXPECT_THAT(passed_, ElementsAre("doorbell 0->1 #1"));
}

TEST_F(GatesTest, WhatWaitsPassesInItsOrder) {
  ASSERT_TRUE(gates_.Hold("latch").ok());
  Arrive("latch", "a");
  Arrive("latch", "b");
  EXPECT_THAT(passed_, IsEmpty());
  EXPECT_THAT(Waiting("latch"), ElementsAre("a", "b"));
  EXPECT_EQ(gates_.waiting("latch"), 2u);
  const v1::Gate released = gates_.Release("latch").value();
  EXPECT_THAT(passed_, ElementsAre("a", "b"));
  EXPECT_FALSE(released.held());
  EXPECT_EQ(released.waiting(), 0u);
  EXPECT_EQ(released.reached(), 2u);
}

TEST_F(GatesTest, OneOfThemIsLostOrComesTwice) {
  ASSERT_TRUE(gates_.Hold("latch").ok());
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
  ASSERT_TRUE(gates_.Hold("latch").ok());
  for (const char* event : {"a", "b", "b", "c"}) Arrive("latch", event);
  ASSERT_TRUE(gates_.PassOne("latch", "b").ok());
  EXPECT_THAT(passed_, ElementsAre("b"));
  EXPECT_THAT(Waiting("latch"), ElementsAre("a", "b", "c"));
  Arrive("latch", "d");
  EXPECT_THAT(passed_, ElementsAre("b"));
}

TEST_F(GatesTest, WhatDoesNotWaitThereCannotPass) {
  ASSERT_TRUE(gates_.Hold("latch").ok());
  ASSERT_TRUE(gates_.Hold("run").ok());
  Arrive("latch", "a");
  EXPECT_TRUE(absl::IsNotFound(gates_.PassOne("latch", "b").status()));
  EXPECT_TRUE(absl::IsNotFound(gates_.PassOne("run", "a").status()));
  EXPECT_THAT(passed_, IsEmpty());
}

// What an event causes in its own process arrives while it passes.
TEST_F(GatesTest, WhatPassesMayArriveAgain) {
  ASSERT_TRUE(gates_.Hold("all").ok());
  gates_.Pass("latch", "a", [this] { Arrive("irq_entry", "b"); });
  ASSERT_TRUE(gates_.PassOne("all", "a").ok());
  EXPECT_THAT(Waiting("irq_entry"), ElementsAre("b"));
  ASSERT_TRUE(gates_.PassOne("irq_entry", "b").ok());
  EXPECT_THAT(passed_, ElementsAre("b"));
}

TEST_F(GatesTest, AllHoldsEveryGateAndEachShowsItsOwn) {
  ASSERT_TRUE(gates_.Hold("all").ok());
  Arrive("latch", "a");
  Arrive("run", "b");
  EXPECT_THAT(Waiting("all"), ElementsAre("a", "b"));
  EXPECT_THAT(Waiting("latch"), ElementsAre("a"));
  EXPECT_THAT(Waiting("run"), ElementsAre("b"));
  EXPECT_EQ(gates_.waiting("latch"), 1u);
  ASSERT_TRUE(gates_.Release("all").ok());
  EXPECT_THAT(passed_, ElementsAre("a", "b"));
}

TEST_F(GatesTest, AGateThatIsHeldByItselfOutlastsAll) {
  ASSERT_TRUE(gates_.Hold("all").ok());
  ASSERT_TRUE(gates_.Hold("run").ok());
  Arrive("run", "a");
  Arrive("latch", "b");
  ASSERT_TRUE(gates_.Release("all").ok());
  EXPECT_THAT(passed_, ElementsAre("b"));
  ASSERT_TRUE(gates_.Release("run").ok());
  EXPECT_THAT(passed_, ElementsAre("b", "a"));
}

// Nothing is lost, and the order stays; whoever leads by gates hears of it.
TEST_F(GatesTest, TooManyOpenThemAll) {
  ASSERT_TRUE(gates_.Hold("latch").ok());
  ASSERT_TRUE(gates_.Hold("run").ok());
  std::vector<std::string> came;
  while (came.size() < Gates::kWaitingMax) {
    came.push_back(absl::StrCat(came.size()));
    Arrive(came.size() % 2 == 0 ? "latch" : "run", came.back());
  }
  EXPECT_THAT(passed_, IsEmpty());
  came.push_back("one more");
  Arrive("run", "one more");
  EXPECT_EQ(passed_, came);
  Arrive("latch", "later");
  EXPECT_EQ(passed_.back(), "later");

  const auto is_told = [](const absl::Status& status) {
    return absl::IsResourceExhausted(status) &&
           absl::StrContains(status.message(), "more than 16384 events");
  };
  EXPECT_TRUE(is_told(gates_.Hold("ring").status()));
  EXPECT_TRUE(is_told(gates_.PassOne("latch", "0").status()));
  EXPECT_TRUE(is_told(gates_.List().status()));
  EXPECT_TRUE(is_told(gates_.Release("run").status()));
  // It is known now: one begins anew.
  ASSERT_TRUE(gates_.Hold("run").ok());
  Arrive("run", "held");
  EXPECT_EQ(passed_.back(), "later");
  EXPECT_THAT(Waiting("run"), ElementsAre("held"));
}

}  // namespace
}  // namespace belfry::rpc
