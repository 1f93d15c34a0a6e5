#include "lab/gate.h"

#include <array>
#include <cstdint>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "kernel/cpuhp.h"
#include "kernel/multi_stop.h"
#include "kernel/profile.h"

namespace belfry::lab {
namespace {

constexpr std::array<absl::string_view, 6> kPlainCpuGates = {
    "enqueue", "ring", "latch", "irq_entry", "run", "reset"};

constexpr std::array<absl::string_view, 9> kLegs = {
    "prepare", "ap",     "takedown", "commit", "dead",
    "bringup", "online", "rollback", "done"};

bool IsStopState(absl::string_view name) {
  const auto state = kernel::ParseMultiStopState(name);
  return state && *state != kernel::MultiStopState::kNone;
}

bool IsStep(absl::string_view step) {
  std::int32_t number = 0;
  const bool numeric = absl::SimpleAtoi(step, &number);
  for (const kernel::Steps steps :
       {kernel::Steps::kNotifiers, kernel::Steps::kBelfry}) {
    const kernel::CpuhpTable table(steps);
    if (numeric ? table.Find(number) != nullptr
                : table.FindByName(step) != nullptr) {
      return true;
    }
  }
  return false;
}

bool IsCpuGate(absl::string_view gate) {
  if (absl::ConsumePrefix(&gate, "ack:")) return IsStopState(gate);
  if (absl::ConsumePrefix(&gate, "step:")) return IsStep(gate);
  return absl::c_linear_search(kPlainCpuGates, gate);
}

bool IsCoordinatorGate(absl::string_view gate) {
  if (absl::ConsumePrefix(&gate, "publish:")) return IsStopState(gate);
  if (absl::ConsumePrefix(&gate, "journal:")) {
    return absl::c_linear_search(kLegs, gate);
  }
  return gate == "commit";
}

}  // namespace

absl::Status CheckGate(const v1::GateAt& at) {
  if (at.has_cpu() ? IsCpuGate(at.gate()) : IsCoordinatorGate(at.gate())) {
    return absl::OkStatus();
  }
  const std::string known =
      at.has_cpu() ? absl::StrCat(absl::StrJoin(kPlainCpuGates, ", "),
                                  ", ack:STATE, step:NUMBER, step:NAME")
                   : absl::StrCat("commit, publish:STATE, journal:LEG (",
                                  absl::StrJoin(kLegs, ", "), ")");
  return absl::InvalidArgumentError(absl::StrCat(
      "no gate \"", at.gate(), "\" at ",
      at.has_cpu() ? "a CPU" : "the coordinator", "; there are: ", known));
}

v1::GateAt ResolveGate(const v1::GateAt& at, const v1::Profile& profile) {
  absl::string_view step = at.gate();
  if (!absl::ConsumePrefix(&step, "step:")) return at;
  kernel::Profile rules;
  for (const v1::Knob& knob : profile.knobs()) {
    // A knob of a newer machine that this table does not know changes nothing
    // about the steps.
    (void)kernel::SetKnob(&rules, knob.name(), knob.value());
  }
  const kernel::CpuhpStep* found =
      kernel::CpuhpTable(rules.steps).FindByName(step);
  v1::GateAt resolved = at;
  if (found != nullptr) resolved.set_gate(absl::StrCat("step:", found->state));
  return resolved;
}

bool StopsItsProcess(const std::string& gate) { return gate != "latch"; }

std::string ProcessText(const v1::GateAt& at) {
  return at.has_cpu() ? absl::StrCat("cpu/", at.cpu()) : "coordinator";
}

}  // namespace belfry::lab
