#include "lab/scenario.h"

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernel/profile.h"
#include "lab/embedded.h"

namespace belfry::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Scenario, EveryBuiltInFileIsRight) {
  EXPECT_EQ(ListScenarios().scenarios_size(),
            static_cast<int>(EmbeddedScenarios().size()));
  for (const EmbeddedFile& file : EmbeddedScenarios()) {
    const std::string name(absl::StripSuffix(
        absl::string_view(file.name.data(), file.name.size()), ".textproto"));
    const auto scenario = FindScenario(name);
    ASSERT_TRUE(scenario.ok()) << scenario.status();
    EXPECT_EQ(scenario->name(), name) << "the file's name is the scenario's";
    for (const absl::string_view preset : kernel::PresetNames()) {
      EXPECT_NE(FindExpectation(*scenario, preset), nullptr)
          << name << " says nothing of " << preset;
    }
  }
}

TEST(Scenario, UnknownName) {
  const auto scenario = FindScenario("found-ipi");
  EXPECT_EQ(scenario.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(scenario.status().message()),
              HasSubstr("no scenario \"found-ipi\"; there are: lost-ipi, "
                        "lost-ipi-late, k02-"));
}

TEST(Scenario, HasShortNamesToo) {
  EXPECT_EQ(FindScenario("k01a")->name(), "lost-ipi");
  EXPECT_EQ(FindScenario("k13")->name(), "k13-doorbell-overtakes-data");
}

TEST(Scenario, ExpectsByPresetAndKnobs) {
  const v1::Scenario scenario = *FindScenario("lost-ipi");
  EXPECT_EQ(FindExpectation(scenario, "linux-3.0")->verdict(), "hang");
  EXPECT_EQ(
      FindExpectation(scenario, "linux-3.0 with ring_rule=always")->verdict(),
      "violated");
  EXPECT_EQ(FindExpectation(scenario, "linux-3.0 with barrier=split"), nullptr);
  EXPECT_EQ(ExpectedOfExploring(scenario, "linux-3.0"), "hang");
  EXPECT_EQ(ExpectedOfExploring(scenario, "linux-3.0+split"), "hang");
  EXPECT_EQ(ExpectedOfExploring(scenario, "linux-3.0 with barrier=split"), "");
}

TEST(Scenario, Describes) {
  const v1::ScenarioInfo info = DescribeScenario(*FindScenario("lost-ipi"));
  EXPECT_EQ(info.cpus(), 4);
  EXPECT_EQ(info.expected().at("linux-3.0"), "hang");
  EXPECT_EQ(info.expected().at("belfry"), "holds");
}

struct BadCase {
  std::string name;
  // In place of a right scenario's version, machine, steps or the rest.
  std::string version = "version: 1";
  std::string machine = "machine { cpus: 4 }";
  std::string steps = "steps { settle {} }";
  std::string rest = "";
  std::string message;
};

class BadScenario : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadScenario, IsOneClearLine) {
  const BadCase& bad = GetParam();
  const auto scenario =
      ParseScenario(absl::StrCat(bad.version, " name: \"x\" ", bad.machine, " ",
                                 bad.steps, " ", bad.rest),
                    "x.textproto");
  EXPECT_EQ(scenario.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(scenario.status().message());
  EXPECT_THAT(message, HasSubstr("x.textproto:"));
  EXPECT_THAT(message, HasSubstr(bad.message));
  EXPECT_THAT(message, Not(HasSubstr("\n")));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadScenario,
    ::testing::Values(
        BadCase{.name = "Version",
                .version = "version: 2",
                .message = "version is 2; this program reads version 1"},
        BadCase{.name = "NoVersion",
                .version = "",
                .message = "version is 0; this program reads version 1"},
        BadCase{.name = "Syntax",
                .steps = "steps { settle {}",
                .message = "x.textproto:1:"},
        BadCase{.name = "UnknownField",
                .steps = "steps { wait_for_godot {} }",
                .message = "wait_for_godot"},
        BadCase{.name = "UnknownKnob",
                .rest = "expectations { profile: \"belfry\" verdict: \"holds\" "
                        "set: \"bell=loud\" }",
                .message = "unknown knob 'bell'"},
        BadCase{.name = "NoCpus",
                .machine = "machine { cpus: 0 }",
                .message = "machine.cpus is 0; 1 to 8192 are possible"},
        BadCase{.name = "NoSteps", .steps = "", .message = "it has no steps"},
        BadCase{.name = "EmptyStep",
                .steps = "steps { note: \"?\" }",
                .message = "step 1 (nothing): it says nothing to do; a step is "
                           "one of hold,"},
        BadCase{.name = "UnknownGate",
                .steps = "steps { settle {} } "
                         "steps { hold { cpu: 1 gate: \"latsch\" } }",
                .message = "step 2 (hold cpu/1 latsch): unknown gate "
                           "'latsch' of a CPU; there are: task, enqueue, "},
        BadCase{.name = "CoordinatorGateAtACpu",
                .steps = "steps { release { cpu: 1 gate: \"commit\" } }",
                .message = "unknown gate 'commit' of a CPU"},
        BadCase{.name = "CpuOutOfRange",
                .steps = "steps { reach { cpu: 4 gate: \"latch\" } }",
                .message = "step 1 (reach cpu/4 latch): there is no CPU 4; the "
                           "machine has CPUs 0 to 3"},
        BadCase{.name = "OwnControlCpu",
                .steps = "steps { offline { cpu: 3 on: 3 } }",
                .message = "a CPU cannot be its own control CPU"},
        BadCase{.name = "NoCondition",
                .steps = "steps { await_cpu { cpu: 3 } }",
                .message = "condition is missing"},
        BadCase{.name = "NoCount",
                .steps = "steps { block_io { on: 1 submitter: 3 } }",
                .message = "count must be 1 or more"},
        BadCase{.name = "NoFunction",
                .steps = "steps { call { from: 1 cpu: 3 } }",
                .message = "function is missing"},
        BadCase{.name = "Subject",
                .rest = "subject_cpu: 9",
                .message = "subject_cpu: there is no CPU 9"},
        BadCase{.name = "UnknownPreset",
                .rest = "expectations { profile: \"linux-9\" verdict: "
                        "\"hang\" }",
                .message = "expectation of \"linux-9\": there is no such "
                           "preset; there are: linux-3.0,"},
        BadCase{.name = "UnknownVerdict",
                .rest = "expectations { profile: \"belfry\" verdict: \"ok\" }",
                .message = "no verdict \"ok\"; there are: holds, hang, "
                           "violated"},
        BadCase{.name = "UnknownInvariant",
                .rest = "expectations { profile: \"belfry\" verdict: \"hang\" "
                        "violated: \"peace\" }",
                .message = "no invariant \"peace\""},
        BadCase{.name = "Twice",
                .rest = "expectations { profile: \"belfry\" verdict: \"hang\" "
                        "} expectations { profile: \"belfry\" verdict: "
                        "\"holds\" }",
                .message = "it is there twice"}),
    [](const auto& param) { return param.param.name; });

TEST(Scenario, NoName) {
  const auto scenario =
      ParseScenario("version: 1 machine { cpus: 1 } steps { settle {} }", "x");
  EXPECT_EQ(scenario.status().message(), "x: name is missing");
}

}  // namespace
}  // namespace belfry::lab
