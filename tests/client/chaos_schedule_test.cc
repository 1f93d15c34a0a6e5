#include "client/chaos_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "client/chaos_wires.h"

namespace belfry::client {
namespace {

ChaosPlan Plan() {
  ChaosPlan plan{.seed = 7,
                 .cpus = 4,
                 .duration = absl::Minutes(10),
                 .interval = absl::Milliseconds(500),
                 .episode = absl::Seconds(20)};
  for (const absl::string_view name : kChaosNames) {
    plan.kinds.push_back(*ParseChaosKind(name));
  }
  return plan;
}

TEST(ChaosSchedule, ASeedDrawsTheSameAlwaysAndAnotherDrawsAnother) {
  const ChaosPlan plan = Plan();
  EXPECT_EQ(DrawChaos(plan), DrawChaos(plan));
  ChaosPlan other = plan;
  other.seed = 8;
  EXPECT_NE(DrawChaos(plan), DrawChaos(other));
}

// A longer run begins as a shorter one.
TEST(ChaosSchedule, TheDurationOnlySaysWhereItEnds) {
  ChaosPlan plan = Plan();
  const std::vector<ChaosFault> all = DrawChaos(plan);
  plan.duration = absl::Minutes(5);
  const std::vector<ChaosFault> half = DrawChaos(plan);
  ASSERT_LT(half.size(), all.size());
  EXPECT_TRUE(std::equal(half.begin(), half.end(), all.begin()));
}

TEST(ChaosSchedule, FaultsComeAsOftenAsAsked) {
  const double count = static_cast<double>(DrawChaos(Plan()).size());
  EXPECT_NEAR(count, 1200, 150);
}

TEST(ChaosSchedule, EachKindComesAndNoneReachesOverARest) {
  const ChaosPlan plan = Plan();
  std::map<ChaosKind, int> kinds;
  absl::Duration before;
  for (const ChaosFault& fault : DrawChaos(plan)) {
    SCOPED_TRACE(TextOf(fault, plan.cpus));
    ++kinds[fault.kind];
    EXPECT_GE(fault.start, before);
    before = fault.start;
    EXPECT_GT(fault.duration, absl::ZeroDuration());
    EXPECT_LE(fault.end(),
              absl::Floor(fault.start, plan.episode) + plan.episode);
  }
  EXPECT_EQ(kinds.size(), kChaosNames.size());
}

// Pauses shorter than the stop lease, and longer.
TEST(ChaosSchedule, PausesLieOnBothSidesOfTheStopLease) {
  int shorter = 0;
  int longer = 0;
  for (const ChaosFault& fault : DrawChaos(Plan())) {
    if (fault.kind != ChaosKind::kPause) continue;
    ++(fault.duration < absl::Milliseconds(300) ? shorter : longer);
  }
  EXPECT_GT(shorter, 10);
  EXPECT_GT(longer, 10);
}

TEST(ChaosSchedule, VictimsAreThereAndTheOldestIsNeverKilled) {
  const ChaosPlan plan = Plan();
  const ChaosHost coordinator = plan.cpus;
  for (const ChaosFault& fault : DrawChaos(plan)) {
    SCOPED_TRACE(TextOf(fault, plan.cpus));
    ASSERT_FALSE(fault.side.empty());
    EXPECT_LE(fault.side.back(), coordinator);
    if (IsOfNetwork(fault.kind)) {
      std::set<ChaosHost> all(fault.side.begin(), fault.side.end());
      all.insert(fault.others.begin(), fault.others.end());
      EXPECT_FALSE(fault.others.empty());
      EXPECT_EQ(all.size(), plan.cpus + 1);
      EXPECT_EQ(fault.side.size() + fault.others.size(), plan.cpus + 1);
    } else {
      EXPECT_EQ(fault.side.size(), 1);
      const bool kills = fault.kind <= ChaosKind::kKillInStop;
      EXPECT_FALSE(kills && fault.side.front() == plan.cpus - 1);
    }
  }
}

TEST(ChaosSchedule, OnlyWhatIsAskedForComes) {
  ChaosPlan plan = Plan();
  plan.kinds = {ChaosKind::kPause, ChaosKind::kLoss};
  for (const ChaosFault& fault : DrawChaos(plan)) {
    EXPECT_TRUE(fault.kind == ChaosKind::kPause ||
                fault.kind == ChaosKind::kLoss);
  }
}

TEST(ChaosSchedule, NamesAreReadAsTheyAreWritten) {
  for (const absl::string_view name : kChaosNames) {
    EXPECT_EQ(NameOf(*ParseChaosKind(name)), name);
  }
  EXPECT_FALSE(ParseChaosKind("earthquake"));
}

TEST(ChaosWires, ACutIsOfBothWaysAndOneWayOfOne) {
  const Wires cut(
      3, {{.kind = ChaosKind::kPartition, .side = {0}, .others = {1, 2}}});
  EXPECT_TRUE(cut.Between(0, 1).cut);
  EXPECT_TRUE(cut.Between(2, 0).cut);
  EXPECT_FALSE(cut.Between(1, 2).cut);
  const Wires deaf(
      3, {{.kind = ChaosKind::kOneWay, .side = {0}, .others = {1, 2}}});
  EXPECT_TRUE(deaf.Between(0, 2).cut);
  EXPECT_FALSE(deaf.Between(2, 0).cut);
}

TEST(ChaosWires, OfEachKindTheWorstCounts) {
  const Wires wires(
      2, {{.kind = ChaosKind::kLoss, .side = {0}, .others = {1}, .percent = 5},
          {.kind = ChaosKind::kLoss, .side = {1}, .others = {0}, .percent = 9},
          {.kind = ChaosKind::kReorder,
           .side = {0},
           .others = {1},
           .percent = 20,
           .delay = absl::Milliseconds(3)}});
  EXPECT_EQ(wires.Between(0, 1),
            (Wire{.loss = 9, .held_back = 20, .hold = absl::Milliseconds(3)}));
  EXPECT_EQ(Wires(2).Between(1, 0), Wire{});
}

}  // namespace
}  // namespace belfry::client
