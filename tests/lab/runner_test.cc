#include "lab/runner.h"

#include <string>
#include <tuple>

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "lab/scenario.h"
#include "tests/lab/fake_machine.h"

namespace belfry::lab {
namespace {

using ::belfry::testing::FakeMachine;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::Scenario Steps(const std::string& steps) {
  const auto scenario = ParseScenario(
      "version: 1 name: \"test\" machine { cpus: 4 } subject_cpu: 3 " + steps,
      "test");
  EXPECT_TRUE(scenario.ok()) << scenario.status();
  return scenario.ok() ? *scenario : v1::Scenario();
}

v1::ScenarioResult RunOn(const v1::Scenario& scenario, FakeMachine& machine,
                         const std::string& preset = "linux-3.0") {
  return RunScenario(scenario, machine, {.profile = preset});
}

// ---- The built-in scenarios, under every preset that they speak of.

class BuiltIn
    : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(BuiltIn, EndsAsItsFileExpects) {
  const auto& [name, preset] = GetParam();
  const auto scenario = FindScenario(name);
  ASSERT_TRUE(scenario.ok()) << scenario.status();
  ASSERT_NE(FindExpectation(*scenario, preset), nullptr);
  FakeMachine machine({.preset = preset});
  const v1::ScenarioResult result = RunOn(*scenario, machine, preset);
  EXPECT_EQ(DifferenceFromExpected(*scenario, result), "")
      << result.DebugString();
  EXPECT_THAT(machine.HeldGates(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    All, BuiltIn,
    ::testing::Combine(::testing::Values("lost-ipi", "lost-ipi-late"),
                       ::testing::Values("linux-3.0", "linux-3.0+split",
                                         "linux-3.0+flush", "linux-3.16",
                                         "linux-6.12", "belfry")),
    [](const auto& param) {
      return absl::StrReplaceAll(
          std::get<0>(param.param) + "_" + std::get<1>(param.param),
          {{"-", "_"}, {"+", "_"}, {".", "_"}});
    });

TEST(Runner, ShowsTheHang) {
  FakeMachine machine;
  const v1::ScenarioResult result = RunOn(*FindScenario("lost-ipi"), machine);
  EXPECT_EQ(result.verdict(), "hang");
  EXPECT_EQ(result.expected(), "hang");
  EXPECT_EQ(result.cpus(3).depth(), 109);
  EXPECT_FALSE(result.doorbell().latched());
  EXPECT_EQ(result.doorbell().in_flight(), 0);
  EXPECT_EQ(result.doorbell().fate(), "cleared_by_reset");
  ASSERT_EQ(result.stuck_size(), 1);
  EXPECT_EQ(result.stuck(0).cpu(), 1);
  EXPECT_THAT(result.stuck(0).chain(), ElementsAre("cpu_up"));
  EXPECT_EQ(result.ledger().issued(), 109);
  EXPECT_EQ(result.ledger().pending(), 109);
  EXPECT_EQ(result.explanation().waiters_size(), 1);
  EXPECT_THAT(result.gates().prevented(), IsEmpty());
}

TEST(Runner, SaysWhatWasPrevented) {
  FakeMachine machine({.preset = "linux-3.0+split"});
  const v1::ScenarioResult result =
      RunOn(*FindScenario("lost-ipi"), machine, "linux-3.0+split");
  ASSERT_EQ(result.gates().prevented_size(), 1);
  EXPECT_EQ(result.gates().prevented(0).process(), "cpu/1");
  EXPECT_EQ(result.gates().prevented(0).name(), "ack:DISABLE_IRQ");
  EXPECT_THAT(result.gates().prevented(0).message(),
              HasSubstr("await cpu/3 irqs masked"));
}

TEST(Runner, ReportsProgressAsItLogs) {
  FakeMachine machine;
  std::vector<std::string> lines;
  const v1::ScenarioResult result = RunScenario(
      Steps("steps { note: \"down\" offline { cpu: 3 on: 1 } } "
            "steps { await_operation { cpu: 3 } }"),
      machine,
      {.progress = [&](absl::string_view line) { lines.emplace_back(line); }});
  EXPECT_THAT(lines, ElementsAre("# down", "step 1 (offline cpu/3 on 1)",
                                 "step 2 (await operation of cpu/3)"));
  EXPECT_THAT(result.log(), ::testing::ElementsAreArray(lines));
  EXPECT_EQ(result.verdict(), "holds");
}

// ---- What is prevented, and what is not.

TEST(Runner, AGateThatNothingReachesIsPreventedWhenNoOperationRuns) {
  FakeMachine machine;
  const v1::ScenarioResult result =
      RunOn(Steps("steps { hold { cpu: 1 gate: \"ack:RUN\" } } "
                  "steps { reach { cpu: 1 gate: \"ack:RUN\" } }"),
            machine);
  EXPECT_EQ(result.verdict(), "holds");
  ASSERT_EQ(result.gates().prevented_size(), 1);
  EXPECT_EQ(result.gates().prevented(0).name(), "ack:RUN");
  EXPECT_EQ(machine.waits(), 0) << "no time-out decides it";
}

TEST(Runner, ADoorbellsGateIsPreventedOnlyWhenNoCallMoves) {
  const std::string reach =
      "steps { hold { cpu: 3 gate: \"irq_entry\" } } "
      "steps { reach { cpu: 3 gate: \"irq_entry\" } }";
  FakeMachine idle({.patience = 50});
  EXPECT_EQ(RunOn(Steps(reach), idle).gates().prevented_size(), 1);
  FakeMachine busy({.patience = 50});
  const v1::ScenarioResult result =
      RunOn(Steps("steps { hold { cpu: 3 gate: \"latch\" } } "
                  "steps { block_io { on: 1 submitter: 3 count: 1 } } " +
                  reach),
            busy);
  EXPECT_THAT(result.gates().prevented(), IsEmpty());
  EXPECT_EQ(result.verdict(), "inconclusive");
}

TEST(Runner, WhatCanStillMoveIsNotPrevented) {
  FakeMachine machine;
  const v1::ScenarioResult result =
      RunOn(Steps("steps { offline { cpu: 3 on: 1 } } "
                  "steps { await_cpu { cpu: 3 condition: CONDITION_PARKED } }"),
            machine);
  EXPECT_THAT(result.gates().prevented(), IsEmpty());
  EXPECT_GT(machine.waits(), 0);
}

TEST(Runner, ADoorbellOnTheWireMayStillBeLatched) {
  FakeMachine machine({.patience = 50});
  const v1::ScenarioResult result = RunOn(
      Steps("steps { hold { cpu: 3 gate: \"latch\" } } "
            "steps { block_io { on: 1 submitter: 3 count: 1 } } "
            "steps { await_cpu { cpu: 3 condition: CONDITION_LATCHED } }"),
      machine);
  EXPECT_THAT(result.gates().prevented(), IsEmpty());
  EXPECT_EQ(result.verdict(), "inconclusive");
}

TEST(Runner, ADoorbellThatWasTakenIsNotLatched) {
  FakeMachine machine({.patience = 50});
  const v1::ScenarioResult result = RunOn(
      Steps("steps { block_io { on: 1 submitter: 3 count: 1 } } "
            "steps { await_cpu { cpu: 3 condition: CONDITION_LATCHED } }"),
      machine);
  EXPECT_EQ(result.verdict(), "holds");
  ASSERT_EQ(result.gates().prevented_size(), 1);
  EXPECT_EQ(result.gates().prevented(0).process(), "cpu/3");
  EXPECT_EQ(result.gates().prevented(0).name(), "latched");
}

// ---- Verdicts without a hang.

TEST(Runner, StrandedWithoutAWaiterIsViolated) {
  FakeMachine machine;
  const v1::ScenarioResult result = RunOn(
      Steps("steps { hold { cpu: 1 gate: \"ack:DISABLE_IRQ\" } } "
            "steps { offline { cpu: 3 on: 1 } } "
            "steps { reach { cpu: 1 gate: \"ack:DISABLE_IRQ\" } } "
            "steps { await_cpu { cpu: 3 condition: CONDITION_IRQS_MASKED } } "
            "steps { block_io { on: 1 submitter: 3 count: 1 } } "
            "steps { release { cpu: 1 gate: \"ack:DISABLE_IRQ\" } } "
            "steps { await_operation { cpu: 3 } } steps { settle {} }"),
      machine);
  EXPECT_EQ(result.verdict(), "violated");
  EXPECT_THAT(result.violated(), ElementsAre("nothing_left_behind"));
}

TEST(Runner, TimeIsOver) {
  FakeMachine machine({.patience = 30, .frozen = true});
  const v1::ScenarioResult result =
      RunOn(Steps("steps { offline { cpu: 3 on: 1 } } "
                  "steps { await_operation { cpu: 3 } }"),
            machine);
  EXPECT_EQ(result.verdict(), "inconclusive");
  EXPECT_EQ(result.message(),
            "step 2 (await operation of cpu/3): time is over, still waiting");
}

TEST(Runner, AnOperationThatFails) {
  FakeMachine machine({.operation_result = "EAGAIN"});
  const v1::ScenarioResult result =
      RunOn(Steps("steps { offline { cpu: 3 on: 1 } } "
                  "steps { await_operation { cpu: 3 } }"),
            machine);
  EXPECT_EQ(result.verdict(), "inconclusive");
  EXPECT_EQ(result.message(),
            "step 2 (await operation of cpu/3): operation 1 "
            "ended with EAGAIN");
}

TEST(Runner, AnOperationThatIsRefusedLeavesNoGateHeld) {
  FakeMachine machine;
  const v1::ScenarioResult result =
      RunOn(Steps("steps { hold { cpu: 1 gate: \"step:calls:online\" } } "
                  "steps { online { cpu: 3 on: 1 } }"),
            machine);
  EXPECT_EQ(result.verdict(), "inconclusive");
  EXPECT_EQ(result.message(),
            "step 2 (online cpu/3 on 1): EINVAL: CPU 3 is online");
  EXPECT_THAT(machine.HeldGates(), IsEmpty());
}

TEST(Runner, AwaitsNoOperationThatWasNotStarted) {
  FakeMachine machine;
  const v1::ScenarioResult result =
      RunOn(Steps("steps { await_operation { cpu: 3 } }"), machine);
  EXPECT_EQ(result.verdict(), "inconclusive");
  EXPECT_THAT(result.message(), HasSubstr("no step before it has started"));
}

TEST(Runner, ACoordinatorThatIsGone) {
  FakeMachine machine({.coordinator_gone = true});
  const v1::ScenarioResult result =
      RunOn(Steps("steps { settle {} }"), machine);
  EXPECT_EQ(result.verdict(), "inconclusive");
  EXPECT_EQ(result.message(), "the coordinator does not answer");
}

// ---- Against the file's expectation.

struct DifferenceCase {
  std::string name;
  std::string change;  // applied to the result
  std::string difference;
};

class Difference : public ::testing::TestWithParam<DifferenceCase> {};

TEST_P(Difference, IsTold) {
  const v1::Scenario scenario = Steps(
      "steps { settle {} } expectations { profile: \"linux-3.0\" verdict: "
      "\"violated\" violated: \"at_most_once\" prevented: \"cpu/1 run\" }");
  v1::ScenarioResult result;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(GetParam().change,
                                                            &result));
  EXPECT_EQ(DifferenceFromExpected(scenario, result), GetParam().difference);
}

constexpr char kRight[] =
    "profile: \"linux-3.0\" verdict: \"violated\" violated: \"at_most_once\" "
    "gates { prevented { process: \"cpu/1\" name: \"run\" } }";

INSTANTIATE_TEST_SUITE_P(
    All, Difference,
    ::testing::Values(
        DifferenceCase{"None", kRight, ""},
        DifferenceCase{"NothingExpected",
                       "profile: \"linux-3.16\" verdict: \"hang\"", ""},
        DifferenceCase{"Verdict", "profile: \"linux-3.0\" verdict: \"hang\"",
                       "verdict is hang, expected violated"},
        DifferenceCase{"Violated",
                       "profile: \"linux-3.0\" verdict: \"violated\" "
                       "violated: \"order\"",
                       "violated: order; expected at_most_once"},
        DifferenceCase{"Prevented",
                       "profile: \"linux-3.0\" verdict: \"violated\" "
                       "violated: \"at_most_once\"",
                       "prevented: none; expected cpu/1 run"}),
    [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace belfry::lab
