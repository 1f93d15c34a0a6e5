// The stop lease under a network that does its worst: what it promises holds in
// every state, and no safeguard can be left out. docs/PROTOCOL.md has the
// table. What takes minutes is not in every run of the tests:
//
//   lab_stop_world_test --gtest_also_run_disabled_tests
//   --gtest_filter='*Large*'
#include <algorithm>
#include <cstdint>
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

StopScope With(StopScope scope, LeaseWithout without) {
  scope.profile = PresetByName("belfry").value();
  scope.profile.lease_without = without;
  return scope;
}

std::string WayOf(const StopSearch& search) {
  return absl::StrJoin(search.way, "\n  ");
}

// ---- What is promised holds in every state, and each of so many comes to rest
// when nothing more goes wrong.

struct Machine {
  const char* name;
  StopScope scope;
  std::uint64_t states = 0;
  // One state in so many is followed until it is at rest.
  std::uint64_t rest_sample = 1;

  friend std::ostream& operator<<(std::ostream& out, const Machine& m) {
    return out << m.name;
  }
};

class StopWorldTest : public testing::TestWithParam<Machine> {};

TEST_P(StopWorldTest, HoldsInEveryState) {
  const StopSearch search = SearchStops(
      With(GetParam().scope, LeaseWithout::kNothing),
      {.states = 20'000'000, .rest_sample = GetParam().rest_sample});
  ASSERT_TRUE(search.violations.empty())
      << search.violations.front().what << " after\n  " << WayOf(search);
  EXPECT_TRUE(search.exhausted);
  EXPECT_EQ(search.states, GetParam().states);
}

// What is left out leads nowhere else.
TEST(StopSearchTest, LeavesOutWhatLeadsNowhereElse) {
  const StopScope scope =
      With({.cpus = 2, .requests = Stops(2, 1), .leases = 0, .ticks = 1},
           LeaseWithout::kNothing);
  const StopSearch all = SearchStops(scope, {.reduce = false});
  const StopSearch reduced = SearchStops(scope, {});
  EXPECT_TRUE(all.exhausted);
  EXPECT_TRUE(reduced.exhausted);
  EXPECT_EQ(reduced.places, all.places);
  EXPECT_LT(reduced.states, all.states / 2);
}

const auto kNameOf = [](const auto& one) {
  return std::string(one.param.name);
};

INSTANTIATE_TEST_SUITE_P(
    Machines, StopWorldTest,
    testing::Values(
        Machine{
            "Function", {.cpus = 2, .requests = Stops(2, 1), .leases = 1}, 760},
        Machine{"FunctionTwoLeases",
                {.cpus = 2, .requests = Stops(2, 1), .leases = 2},
                5294,
                20},
        Machine{
            "FunctionNobodyPauses",
            {.cpus = 2, .requests = Stops(2, 1), .pauses = false, .leases = 1},
            619,
            10},
        Machine{
            "FunctionNobodyPausesTwoLeases",
            {.cpus = 2, .requests = Stops(2, 1), .pauses = false, .leases = 2},
            4303,
            100},
        Machine{
            "FunctionTakenOver",
            {.cpus = 2, .requests = Stops(2, 1), .leases = 0, .takeovers = 1},
            2292},
        Machine{
            "FunctionLeaseAndTakenOver",
            {.cpus = 2, .requests = Stops(2, 1), .leases = 1, .takeovers = 1},
            45175,
            1000},
        Machine{"FunctionDeath",
                {.cpus = 2, .requests = Stops(2, 1), .leases = 0, .deaths = 1},
                700},
        Machine{"FunctionLeaseAndDeath",
                {.cpus = 2, .requests = Stops(2, 1), .leases = 1, .deaths = 1},
                8538,
                100},
        Machine{"TwoFunctions",
                {.cpus = 2, .requests = Stops(2, 2), .settled = 1, .leases = 1},
                804},
        Machine{"TwoFunctionsTakenOver",
                {.cpus = 2,
                 .requests = Stops(2, 2),
                 .settled = 1,
                 .leases = 0,
                 .takeovers = 1},
                3678,
                10},
        Machine{"Takedown",
                {.cpus = 2, .requests = Takedown(2), .leases = 1},
                1256},
        Machine{"TakedownTwoLeases",
                {.cpus = 2, .requests = Takedown(2), .leases = 2},
                16138,
                100},
        Machine{
            "TakedownNobodyPauses",
            {.cpus = 2, .requests = Takedown(2), .pauses = false, .leases = 1},
            868,
            10},
        Machine{"TakedownCalled",
                {.cpus = 2, .requests = Takedown(2), .leases = 1, .calls = 1},
                4752,
                10},
        Machine{
            "TakedownTakenOver",
            {.cpus = 2, .requests = Takedown(2), .leases = 0, .takeovers = 1},
            7652,
            10},
        Machine{"TakedownDeath",
                {.cpus = 2, .requests = Takedown(2), .leases = 0, .deaths = 1},
                762},
        Machine{"TakedownLeaseAndDeath",
                {.cpus = 2, .requests = Takedown(2), .leases = 1, .deaths = 1},
                14492,
                100},
        Machine{"ThreeCpusFunction",
                {.cpus = 3, .requests = Stops(3, 1), .leases = 1},
                3497,
                10},
        Machine{"ThreeCpusTakedown",
                {.cpus = 3, .requests = Takedown(3), .leases = 1},
                5639,
                10},
        Machine{"ThreeCpusTakedownDeath",
                {.cpus = 3, .requests = Takedown(3), .leases = 0, .deaths = 1},
                7997,
                10}),
    kNameOf);

INSTANTIATE_TEST_SUITE_P(
    DISABLED_Large, StopWorldTest,
    testing::Values(
        Machine{"FunctionNobodyPausesTakenOver",
                {.cpus = 2,
                 .requests = Stops(2, 1),
                 .pauses = false,
                 .leases = 1,
                 .takeovers = 1},
                41717,
                1000},
        Machine{"FunctionNobodyPausesTakenOverClockTicks",
                {.cpus = 2,
                 .requests = Stops(2, 1),
                 .pauses = false,
                 .leases = 0,
                 .ticks = 3,
                 .takeovers = 1},
                88796,
                1000},
        Machine{
            "TakedownLeaseAndTakenOver",
            {.cpus = 2, .requests = Takedown(2), .leases = 1, .takeovers = 1},
            259842,
            1000},
        Machine{"FunctionLeaseAndClockTicks",
                {.cpus = 2, .requests = Stops(2, 1), .leases = 1, .ticks = 3},
                11792,
                1000},
        Machine{"TakedownLeaseAndClockTicks",
                {.cpus = 2, .requests = Takedown(2), .leases = 1, .ticks = 3},
                24869,
                1000},
        Machine{"ThreeCpusFunctionTwoLeases",
                {.cpus = 3, .requests = Stops(3, 1), .leases = 2},
                30930,
                1000},
        Machine{
            "ThreeCpusFunctionTakenOver",
            {.cpus = 3, .requests = Stops(3, 1), .leases = 0, .takeovers = 1},
            26009,
            1000},
        Machine{
            "ThreeCpusTakedownTakenOver",
            {.cpus = 3, .requests = Takedown(3), .leases = 0, .takeovers = 1},
            134196,
            1000}),
    kNameOf);

// ---- Without one safeguard it does not.

struct Safeguard {
  const char* name;
  LeaseWithout without{};
  StopScope scope;
  // What breaks, and after so many states.
  Invariant broken{};
  std::uint64_t states = 0;
  // Many states are nearer than the one that breaks.
  bool depth_first = false;

  friend std::ostream& operator<<(std::ostream& out, const Safeguard& s) {
    return out << s.name;
  }
};

class SafeguardTest : public testing::TestWithParam<Safeguard> {};

TEST_P(SafeguardTest, IsNeeded) {
  const StopSearch search =
      SearchStops(With(GetParam().scope, GetParam().without),
                  {.states = 200'000, .depth_first = GetParam().depth_first});
  ASSERT_FALSE(search.violations.empty()) << search.states << " states";
  EXPECT_EQ(search.violations.front().invariant, GetParam().broken)
      << search.violations.front().what << " after\n  " << WayOf(search);
  EXPECT_EQ(search.states, GetParam().states);
}

INSTANTIATE_TEST_SUITE_P(
    Safeguards, SafeguardTest,
    testing::Values(
        Safeguard{.name = "PrepareAcks",
                  .without = LeaseWithout::kPrepareAcks,
                  .scope = {.cpus = 2,
                            .requests = Stops(2, 1),
                            .pauses = false,
                            .leases = 1},
                  .broken = Invariant::kStoppedMeansStopped,
                  .states = 158},
        Safeguard{.name = "AckGeneration",
                  .without = LeaseWithout::kAckGeneration,
                  .scope = {.cpus = 2,
                            .requests = Stops(2, 2),
                            .settled = 1,
                            .leases = 1},
                  .broken = Invariant::kStoppedMeansStopped,
                  .states = 915,
                  .depth_first = true},
        Safeguard{.name = "ClosedGenerations",
                  .without = LeaseWithout::kClosedGenerations,
                  .scope = {.cpus = 2, .requests = Stops(2, 1), .leases = 1},
                  .broken = Invariant::kStoppedMeansStopped,
                  .states = 1225},
        Safeguard{.name = "Confirm",
                  .without = LeaseWithout::kConfirm,
                  .scope = {.cpus = 2, .requests = Stops(2, 1), .leases = 1},
                  .broken = Invariant::kStoppedMeansStopped,
                  .states = 212},
        Safeguard{.name = "Tentative",
                  .without = LeaseWithout::kTentative,
                  .scope = {.cpus = 2, .requests = Takedown(2), .leases = 1},
                  .broken = Invariant::kOneView,
                  .states = 211},
        Safeguard{.name = "AbortOrder",
                  .without = LeaseWithout::kAbortOrder,
                  .scope = {.cpus = 2,
                            .requests = Stops(2, 1),
                            .pauses = false,
                            .leases = 0,
                            .takeovers = 1},
                  .broken = Invariant::kStoppedMeansStopped,
                  .states = 573},
        Safeguard{.name = "SecondDrain",
                  .without = LeaseWithout::kSecondDrain,
                  .scope = {.cpus = 2,
                            .requests = Takedown(2),
                            .leases = 1,
                            .calls = 1},
                  .broken = Invariant::kNothingLeftBehind,
                  .states = 1985},
        Safeguard{.name = "EpochFence",
                  .without = LeaseWithout::kEpochFence,
                  .scope = {.cpus = 2,
                            .requests = Stops(2, 1),
                            .leases = 0,
                            .takeovers = 1},
                  .broken = Invariant::kOneView,
                  .states = 1652}),
    kNameOf);

}  // namespace
}  // namespace belfry::lab
