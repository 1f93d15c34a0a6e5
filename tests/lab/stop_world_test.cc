// The stop lease under a network that does its worst: what it promises holds in
// every state, and no safeguard can be left out. docs/PROTOCOL.md has what the
// larger scopes came to, which take too long for every run.
#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "lab/stop_search.h"

namespace belfry::lab {
namespace {

using namespace kernel;  // NOLINT: this file is about little else.

// The CPU with the highest number runs the function, or goes.
std::vector<Request> Stops(std::uint32_t cpus, std::uint32_t times) {
  std::vector<Request> requests;
  for (std::uint32_t i = 0; i < times; ++i) {
    requests.push_back({.id = OpId{100 + i},
                        .kind = OpKind::kStop,
                        .active = CpuMask{cpus - 1},
                        .func = "nop"});
  }
  return requests;
}

std::vector<Request> Takedown(std::uint32_t cpus) {
  return {{.id = OpId{100}, .kind = OpKind::kOffline, .cpu = CpuId{cpus - 1}}};
}

struct Case {
  const char* name;
  StopScope scope;
  // What is left out, and what breaks then.
  LeaseWithout without = LeaseWithout::kNothing;
  Invariant broken{};
  bool depth_first = false;
  // So few states that all are seen.
  bool small = true;

  friend std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << c.name;
  }
};

StopSearch Search(const Case& c, LeaseWithout without) {
  StopScope scope = c.scope;
  scope.profile = PresetByName("belfry").value();
  scope.profile.stop_lease = StopLease::kHeld;
  scope.profile.lease_without = without;
  return SearchStops(
      scope,
      {.states = 400'000, .depth_first = c.depth_first, .rest_sample = 500});
}

class StopLeaseTest : public testing::TestWithParam<Case> {};

std::string WayOf(const StopSearch& search) {
  return absl::StrJoin(search.way, "\n  ");
}

TEST_P(StopLeaseTest, HoldsInEveryState) {
  const StopSearch search = Search(GetParam(), LeaseWithout::kNothing);
  ASSERT_TRUE(search.violations.empty())
      << search.violations.front().what << " after\n  " << WayOf(search);
  EXPECT_EQ(search.exhausted, GetParam().small) << search.states << " states";
}

TEST_P(StopLeaseTest, BreaksWithoutTheSafeguard) {
  if (GetParam().without == LeaseWithout::kNothing) return;
  const StopSearch search = Search(GetParam(), GetParam().without);
  ASSERT_FALSE(search.violations.empty()) << search.states << " states";
  EXPECT_EQ(search.violations.front().invariant, GetParam().broken)
      << search.violations.front().what << " after\n  " << WayOf(search);
}

INSTANTIATE_TEST_SUITE_P(
    Scopes, StopLeaseTest,
    testing::Values(
        Case{.name = "Confirm",
             .scope = {.cpus = 2, .requests = Stops(2, 1), .leases = 1},
             .without = LeaseWithout::kConfirm,
             .broken = Invariant::kStoppedMeansStopped},
        Case{.name = "ClosedGenerations",
             .scope = {.cpus = 2, .requests = Stops(2, 1), .leases = 1},
             .without = LeaseWithout::kClosedGenerations,
             .broken = Invariant::kStoppedMeansStopped},
        Case{.name = "PrepareAcks",
             .scope = {.cpus = 2,
                       .requests = Stops(2, 1),
                       .pauses = false,
                       .leases = 1},
             .without = LeaseWithout::kPrepareAcks,
             .broken = Invariant::kStoppedMeansStopped},
        Case{.name = "AbortOrder",
             .scope = {.cpus = 2,
                       .requests = Stops(2, 1),
                       .pauses = false,
                       .leases = 0,
                       .ticks = 2},
             .without = LeaseWithout::kAbortOrder,
             .broken = Invariant::kStoppedMeansStopped},
        Case{.name = "Tentative",
             .scope = {.cpus = 2, .requests = Takedown(2), .leases = 1},
             .without = LeaseWithout::kTentative,
             .broken = Invariant::kOneView},
        Case{.name = "SecondDrain",
             .scope =
                 {.cpus = 2, .requests = Takedown(2), .leases = 1, .calls = 1},
             .without = LeaseWithout::kSecondDrain,
             .broken = Invariant::kNothingLeftBehind},
        Case{.name = "AckGeneration",
             .scope = {.cpus = 2,
                       .requests = Stops(2, 2),
                       .settled = 1,
                       .leases = 1},
             .without = LeaseWithout::kAckGeneration,
             .broken = Invariant::kStoppedMeansStopped,
             .depth_first = true,
             .small = false},
        Case{.name = "EpochFence",
             .scope = {.cpus = 2,
                       .requests = Stops(2, 1),
                       .leases = 0,
                       .takeovers = 1},
             .without = LeaseWithout::kEpochFence,
             .broken = Invariant::kOneView,
             .small = false}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace belfry::lab
