#include "lab/world_machine.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernel/profile.h"
#include "lab/explorer.h"
#include "lab/runner.h"
#include "lab/scenario.h"
#include "lab/schedule.h"
#include "tests/support/scenario_cases.h"

namespace belfry::lab {
namespace {

using ::belfry::testing::AllScenarioCases;
using ::belfry::testing::CaseName;
using ::belfry::testing::ExploredScenarioCases;
using ::belfry::testing::ScenarioCase;

constexpr std::uint64_t kSeeds = 20;

std::string PlayedTrace(const v1::Scenario& scenario, std::uint64_t seed) {
  WorldMachine machine(*kernel::PresetByName("linux-3.0"), scenario.machine(),
                       seed);
  RunScenario(scenario, machine, {.profile = "linux-3.0"});
  std::string trace;
  const auto view = machine.View();
  for (const v1::TraceEvent& event : view->events) {
    trace += event.SerializeAsString();
  }
  return trace;
}

class InMemory : public ::testing::TestWithParam<ScenarioCase> {};

TEST_P(InMemory, EndsAsItsFileExpects) {
  const auto& [scenario, expected] = GetParam();
  const std::string profile = ProfileText(expected);
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    WorldMachine machine(*ProfileOf(expected), scenario.machine(), seed);
    const v1::ScenarioResult result =
        RunScenario(scenario, machine, {.profile = profile});
    ASSERT_EQ(DifferenceFromExpected(scenario, result), "")
        << "seed " << seed << "\n"
        << result.picture() << result.explanation().DebugString();
  }
}

INSTANTIATE_TEST_SUITE_P(All, InMemory, ::testing::ValuesIn(AllScenarioCases()),
                         CaseName);

class Explored : public ::testing::TestWithParam<ScenarioCase> {};

TEST_P(Explored, EndsAsItsFileExpects) {
  const auto& [scenario, expected] = GetParam();
  const absl::string_view doorbells =
      scenario.machine().split_doorbell() ? kLateDoorbells : kPromptDoorbells;
  const ExploreResult result =
      Explore({.profile = *ProfileOf(expected),
               .scope = ScopeOf(scenario.explore(), doorbells)});
  const bool hangs = result.verdict == ExploreResult::Verdict::kHangs;
  EXPECT_EQ(hangs ? kHang : kHolds,
            ExpectedOfExploring(scenario, ProfileText(expected)));
}

INSTANTIATE_TEST_SUITE_P(All, Explored,
                         ::testing::ValuesIn(ExploredScenarioCases()),
                         CaseName);

TEST(WorldMachine, TheSameSeedIsTheSameTrace) {
  const v1::Scenario scenario = *FindScenario("lost-ipi");
  EXPECT_EQ(PlayedTrace(scenario, 7), PlayedTrace(scenario, 7));
  EXPECT_NE(PlayedTrace(scenario, 7), PlayedTrace(scenario, 8));
}

class Small : public ::testing::Test {
 protected:
  Small() { shape_.set_cpus(2); }

  WorldMachine Make(const std::string& preset = "belfry") {
    return WorldMachine(*kernel::PresetByName(preset), shape_, 0);
  }

  v1::Machine shape_;
};

TEST_F(Small, EveryCpuIsOnlineFromTheStart) {
  WorldMachine machine = Make();
  for (std::uint32_t cpu = 0; cpu < 2; ++cpu) {
    EXPECT_EQ(machine.Snapshot(cpu)->life(), "ONLINE");
  }
  EXPECT_EQ(machine.GetCluster()->view().online(), "0-1");
}

TEST_F(Small, AWaitingCallIsMadeAgainWhenItHasReturned) {
  WorldMachine machine = Make();
  const std::uint64_t before = machine.Snapshot(1)->doorbells_taken();
  v1::ScenarioCall call;
  call.set_cpu(1);
  call.set_function("nop");
  call.set_wait(true);
  call.set_count(3);
  ASSERT_TRUE(machine.StartCall(call).ok());
  EXPECT_TRUE(machine.WaitForChange(0));
  EXPECT_EQ(machine.Snapshot(1)->doorbells_taken(), before + 3);
}

TEST_F(Small, OnlyBuiltInFunctionsAreInMemory) {
  v1::ScenarioCall call;
  call.set_cpu(1);
  call.set_function("word_count");
  EXPECT_EQ(Make().StartCall(call).message(),
            "there is no function word_count in memory");
}

TEST_F(Small, AGateHoldsWhatComesToIt) {
  WorldMachine machine = Make();
  v1::GateAt at;
  at.set_cpu(1);
  at.set_gate("enqueue");
  ASSERT_TRUE(machine.Hold(at).ok());
  v1::ScenarioCall call;
  call.set_cpu(1);
  call.set_function("nop");
  call.set_count(2);
  ASSERT_TRUE(machine.StartCall(call).ok());
  machine.WaitForChange(0);
  EXPECT_EQ(machine.Gates(at)->front().waiting(), 2u)
      << "on one link, one behind the other";
  ASSERT_TRUE(machine.Release(at).ok());
  machine.WaitForChange(0);
  EXPECT_EQ(machine.Gates(at)->front().waiting(), 0u);
  EXPECT_EQ(machine.Snapshot(0)->outgoing_size(), 0);
}

TEST_F(Small, TimeIsOverWhenItBringsNothing) {
  WorldMachine machine = Make();
  int waits = 0;
  while (machine.WaitForChange(waits) && waits < 1000) ++waits;
  EXPECT_LT(waits, 20);
}

}  // namespace
}  // namespace belfry::lab
