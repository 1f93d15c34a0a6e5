#include "lab/scenario.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "kernel/cpumask.h"
#include "kernel/event_text.h"
#include "kernel/ids.h"
#include "kernel/profile.h"
#include "lab/embedded.h"
#include "lab/gate.h"
#include "lab/runner.h"
#include "lab/schedule.h"
#include "lab/text_format.h"
#include "trace/codec.h"
#include "trace/invariants.h"

namespace belfry::lab {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr absl::string_view kSuffix = ".textproto";

// Abseil of Debian 12 has a string_view of its own.
absl::string_view Abseil(std::string_view text) {
  return {text.data(), text.size()};
}

std::string ConditionText(v1::AwaitCpu::Condition condition) {
  absl::string_view name = v1::AwaitCpu::Condition_Name(condition);
  absl::ConsumePrefix(&name, "CONDITION_");
  return absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"_", " "}});
}

class Checker {
 public:
  Checker(const v1::Scenario& scenario, absl::string_view file)
      : scenario_(scenario), file_(file) {}

  absl::Status Check() {
    CheckHead();
    for (int i = 0; i < scenario_.steps_size(); ++i) {
      where_ =
          absl::StrCat("step ", i + 1, " (", StepText(scenario_.steps(i)), ")");
      CheckStep(scenario_.steps(i));
    }
    for (const v1::Expectation& expected : scenario_.expectations()) {
      where_ = absl::StrCat("expectation of \"", expected.profile(), "\"");
      CheckExpectation(expected);
    }
    return status_;
  }

 private:
  // The first thing that is wrong is what the reader is told.
  void Fail(absl::string_view what) {
    if (!status_.ok()) return;
    status_ = absl::InvalidArgumentError(absl::StrCat(
        file_, ": ", where_.empty() ? "" : absl::StrCat(where_, ": "), what));
  }

  void CheckHead() {
    if (scenario_.version() != kVersion) {
      Fail(absl::StrCat("version is ", scenario_.version(),
                        "; this program reads version ", kVersion));
    }
    if (scenario_.name().empty()) Fail("name is missing");
    const std::uint32_t cpus = scenario_.machine().cpus();
    if (cpus == 0 || cpus > kernel::kMaxCpus) {
      Fail(absl::StrCat("machine.cpus is ", cpus, "; 1 to ", kernel::kMaxCpus,
                        " are possible"));
    }
    if (scenario_.steps_size() == 0) Fail("it has no steps");
    if (scenario_.has_explore()) {
      where_ = "explore";
      const absl::Status scope = CheckScope(scenario_.explore());
      if (!scope.ok()) Fail(scope.message());
    }
    where_ = "subject_cpu";
    CheckCpu(scenario_.subject_cpu());
    where_.clear();
  }

  void CheckCpu(std::uint32_t cpu) {
    const std::uint32_t cpus = scenario_.machine().cpus();
    if (cpu >= cpus) {
      Fail(absl::StrCat("there is no CPU ", cpu, "; the machine has CPUs 0 to ",
                        cpus - 1));
    }
  }

  void CheckCpus(const std::string& list) {
    const auto cpus = kernel::ParseCpuList(list);
    if (!cpus.ok()) return Fail(cpus.status().message());
    if (cpus->empty()) Fail("cpus: no CPU is named");
    for (const kernel::CpuId cpu : cpus->cpus()) CheckCpu(cpu.value);
  }

  void CheckGateAt(const v1::GateAt& at) {
    if (at.has_cpu()) CheckCpu(at.cpu());
    const absl::Status status = CheckGate(at);
    if (!status.ok()) Fail(status.message());
  }

  void CheckHotplug(const v1::Hotplug& hotplug) {
    CheckCpu(hotplug.cpu());
    if (!hotplug.has_on()) return;
    CheckCpu(hotplug.on());
    if (hotplug.on() == hotplug.cpu()) {
      Fail("a CPU cannot be its own control CPU; name another in `on`");
    }
  }

  void CheckAct(const v1::CpuAct& act) {
    CheckCpu(act.cpu());
    const absl::Status known = trace::FromProto(act).status();
    if (!known.ok()) Fail(known.message());
    if (act.has_arm_timer()) CheckCpu(act.arm_timer());
  }

  void CheckStep(const v1::ScenarioStep& step) {
    switch (step.step_case()) {
      case v1::ScenarioStep::kHold:
        return CheckGateAt(step.hold());
      case v1::ScenarioStep::kReach:
        return CheckGateAt(step.reach());
      case v1::ScenarioStep::kRelease:
        return CheckGateAt(step.release());
      case v1::ScenarioStep::kOffline:
        return CheckHotplug(step.offline());
      case v1::ScenarioStep::kOnline:
        return CheckHotplug(step.online());
      case v1::ScenarioStep::kAwaitOperation:
        return CheckCpu(step.await_operation().cpu());
      case v1::ScenarioStep::kAwaitCpu:
        CheckCpu(step.await_cpu().cpu());
        if (step.await_cpu().condition() ==
            v1::AwaitCpu::CONDITION_UNSPECIFIED) {
          Fail("condition is missing");
        }
        return;
      case v1::ScenarioStep::kBlockIo:
        CheckCpu(step.block_io().on());
        CheckCpu(step.block_io().submitter());
        if (step.block_io().count() == 0) Fail("count must be 1 or more");
        return;
      case v1::ScenarioStep::kCall:
        CheckCpu(step.call().from());
        CheckCpu(step.call().cpu());
        if (step.call().function().empty()) Fail("function is missing");
        return;
      case v1::ScenarioStep::kStopTwo:
        CheckCpu(step.stop_two().on());
        CheckCpu(step.stop_two().a());
        CheckCpu(step.stop_two().b());
        if (step.stop_two().a() == step.stop_two().b()) {
          Fail("a and b must be two CPUs");
        }
        return;
      case v1::ScenarioStep::kAct:
        return CheckAct(step.act());
      case v1::ScenarioStep::kCallMany:
        CheckCpu(step.call_many().from());
        CheckCpus(step.call_many().cpus());
        if (step.call_many().function().empty()) Fail("function is missing");
        return;
      case v1::ScenarioStep::kIrqCallMany:
        CheckCpu(step.irq_call_many().on());
        return CheckCpus(step.irq_call_many().cpus());
      case v1::ScenarioStep::kSettle:
        return;
      case v1::ScenarioStep::STEP_NOT_SET:
        return Fail(
            "it says nothing to do; a step is one of hold, reach, release, "
            "offline, online, await_operation, await_cpu, block_io, call, "
            "stop_two, act, call_many, irq_call_many, settle");
    }
  }

  void CheckVerdict(const std::string& verdict) {
    constexpr std::array kVerdicts = {kHolds, kHang, kViolated};
    if (absl::c_linear_search(kVerdicts, verdict)) return;
    Fail(absl::StrCat("no verdict \"", verdict,
                      "\"; there are: ", absl::StrJoin(kVerdicts, ", ")));
  }

  void CheckExpectation(const v1::Expectation& expected) {
    if (!absl::c_linear_search(kernel::PresetNames(), expected.profile())) {
      Fail(absl::StrCat("there is no such preset; there are: ",
                        absl::StrJoin(kernel::PresetNames(), ", ")));
    }
    const absl::Status rules = ProfileOf(expected).status();
    if (!rules.ok()) Fail(rules.message());
    CheckVerdict(expected.verdict());
    if (!expected.explored().empty()) CheckVerdict(expected.explored());
    for (const std::string& invariant : expected.violated()) {
      if (!absl::c_linear_search(trace::kInvariants, invariant)) {
        Fail(absl::StrCat("no invariant \"", invariant, "\"; there are: ",
                          absl::StrJoin(trace::kInvariants, ", ")));
      }
    }
    for (const v1::Expectation& other : scenario_.expectations()) {
      if (&other == &expected) break;
      if (ProfileText(other) == ProfileText(expected)) {
        Fail("it is there twice");
      }
    }
  }

  const v1::Scenario& scenario_;
  const absl::string_view file_;
  std::string where_;
  absl::Status status_;
};

std::string ActText(const v1::CpuAct& act) {
  const absl::StatusOr<kernel::CpuEvent> event = trace::FromProto(act);
  return event.ok() ? kernel::EventText(*event, {act.cpu()}) : "nothing";
}

std::string HotplugText(const v1::Hotplug& hotplug) {
  return absl::StrCat(
      "cpu/", hotplug.cpu(),
      hotplug.has_on() ? absl::StrCat(" on ", hotplug.on()) : "");
}

}  // namespace

absl::StatusOr<v1::Scenario> ParseScenario(absl::string_view text,
                                           absl::string_view file) {
  v1::Scenario scenario;
  const absl::Status parsed = ParseText(text, file, &scenario);
  if (!parsed.ok()) return parsed;
  const absl::Status status = Checker(scenario, file).Check();
  if (!status.ok()) return status;
  return scenario;
}

absl::StatusOr<v1::Scenario> FindScenario(absl::string_view name) {
  std::vector<absl::string_view> names;
  for (const EmbeddedFile& file : EmbeddedScenarios()) {
    const absl::string_view stem =
        absl::StripSuffix(Abseil(file.name), kSuffix);
    names.push_back(stem);
    auto scenario = ParseScenario(Abseil(file.content), Abseil(file.name));
    const bool found =
        stem == name ||
        (scenario.ok() && absl::c_linear_search(scenario->aliases(), name));
    if (found) return scenario;
  }
  return absl::NotFoundError(absl::StrCat(
      "no scenario \"", name, "\"; there are: ", absl::StrJoin(names, ", ")));
}

v1::ScenarioList ListScenarios() {
  v1::ScenarioList list;
  for (const EmbeddedFile& file : EmbeddedScenarios()) {
    const absl::StatusOr<v1::Scenario> scenario =
        ParseScenario(Abseil(file.content), Abseil(file.name));
    // A test reads every built-in file, so none is left out here.
    if (scenario.ok()) *list.add_scenarios() = DescribeScenario(*scenario);
  }
  return list;
}

v1::ScenarioInfo DescribeScenario(const v1::Scenario& scenario) {
  v1::ScenarioInfo info;
  info.set_name(scenario.name());
  info.set_title(scenario.title());
  info.set_description(scenario.description());
  info.set_cpus(scenario.machine().cpus());
  for (const v1::Expectation& expected : scenario.expectations()) {
    (*info.mutable_expected())[ProfileText(expected)] = expected.verdict();
  }
  return info;
}

absl::StatusOr<kernel::Profile> ProfileOf(const v1::Expectation& expected) {
  absl::StatusOr<kernel::Profile> profile =
      kernel::PresetByName(expected.profile());
  if (!profile.ok()) return profile.status();
  for (const std::string& set : expected.set()) {
    const std::pair<std::string, std::string> knob =
        absl::StrSplit(set, absl::MaxSplits('=', 1));
    const absl::Status status =
        kernel::SetKnob(&*profile, knob.first, knob.second);
    if (!status.ok()) return status;
  }
  return profile;
}

std::string ProfileText(const v1::Expectation& expected) {
  const absl::StatusOr<kernel::Profile> profile = ProfileOf(expected);
  return profile.ok() ? trace::ProfileText(trace::ToProto(*profile))
                      : expected.profile();
}

const v1::Expectation* FindExpectation(const v1::Scenario& scenario,
                                       absl::string_view profile) {
  for (const v1::Expectation& expected : scenario.expectations()) {
    if (ProfileText(expected) == profile) return &expected;
  }
  return nullptr;
}

std::string ExpectedOfExploring(const v1::Scenario& scenario,
                                absl::string_view profile) {
  const v1::Expectation* expected = FindExpectation(scenario, profile);
  if (expected == nullptr) return "";
  return expected->explored().empty() ? expected->verdict()
                                      : expected->explored();
}

std::string GateText(const v1::GateAt& at) {
  return absl::StrCat(ProcessText(at), " ", at.gate());
}

std::string StepText(const v1::ScenarioStep& step) {
  switch (step.step_case()) {
    case v1::ScenarioStep::kHold:
      return "hold " + GateText(step.hold());
    case v1::ScenarioStep::kReach:
      return "reach " + GateText(step.reach());
    case v1::ScenarioStep::kRelease:
      return "release " + GateText(step.release());
    case v1::ScenarioStep::kOffline:
      return "offline " + HotplugText(step.offline());
    case v1::ScenarioStep::kOnline:
      return "online " + HotplugText(step.online());
    case v1::ScenarioStep::kAwaitOperation:
      return absl::StrCat("await operation of cpu/",
                          step.await_operation().cpu());
    case v1::ScenarioStep::kAwaitCpu:
      return absl::StrCat("await cpu/", step.await_cpu().cpu(), " ",
                          ConditionText(step.await_cpu().condition()));
    case v1::ScenarioStep::kBlockIo:
      return absl::StrCat("block I/O on cpu/", step.block_io().on(),
                          " submitted by cpu/", step.block_io().submitter(),
                          " x", step.block_io().count());
    case v1::ScenarioStep::kCall:
      return absl::StrCat("call ", step.call().function(), " on cpu/",
                          step.call().cpu(), " from cpu/", step.call().from());
    case v1::ScenarioStep::kStopTwo:
      return absl::StrCat("stop_two cpu/", step.stop_two().a(), " and cpu/",
                          step.stop_two().b(), " from cpu/",
                          step.stop_two().on());
    case v1::ScenarioStep::kAct:
      return ActText(step.act());
    case v1::ScenarioStep::kCallMany:
      return absl::StrCat("call ", step.call_many().function(), " on cpus ",
                          step.call_many().cpus(), " from cpu/",
                          step.call_many().from());
    case v1::ScenarioStep::kIrqCallMany:
      return absl::StrCat("interrupt on cpu/", step.irq_call_many().on(),
                          " calls cpus ", step.irq_call_many().cpus());
    case v1::ScenarioStep::kSettle:
      return "settle";
    case v1::ScenarioStep::STEP_NOT_SET:
      return "nothing";
  }
  return "nothing";
}

}  // namespace belfry::lab
