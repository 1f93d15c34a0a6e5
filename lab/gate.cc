#include "lab/gate.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "kernel/cpuhp.h"
#include "kernel/gate.h"
#include "kernel/profile.h"

namespace belfry::lab {
namespace {

constexpr std::array kTables = {kernel::Steps::kNotifiers,
                                kernel::Steps::kBelfry};

absl::Status CheckCpuGate(const std::string& gate) {
  absl::Status status;
  for (const kernel::Steps steps : kTables) {
    // A scenario runs under profiles of either table.
    const auto parsed = kernel::ParseCpuGate(gate, kernel::CpuhpTable(steps));
    if (parsed.ok()) return absl::OkStatus();
    status = parsed.status();
  }
  return status;
}

}  // namespace

absl::Status CheckGate(const v1::GateAt& at) {
  return at.has_cpu() ? CheckCpuGate(at.gate())
                      : kernel::ParseCoordinatorGate(at.gate()).status();
}

v1::GateAt ResolveGate(const v1::GateAt& at, const v1::Profile& profile) {
  if (!at.has_cpu()) return at;
  kernel::Profile rules;
  for (const v1::Knob& knob : profile.knobs()) {
    // A knob of a newer machine that this table does not know changes nothing
    // about the steps.
    (void)kernel::SetKnob(&rules, knob.name(), knob.value());
  }
  const auto gate =
      kernel::ParseCpuGate(at.gate(), kernel::CpuhpTable(rules.steps));
  v1::GateAt resolved = at;
  if (gate.ok()) resolved.set_gate(*gate);
  return resolved;
}

bool StopsItsProcess(const std::string& gate) { return gate != "latch"; }

std::string ProcessText(const v1::GateAt& at) {
  return at.has_cpu() ? absl::StrCat("cpu/", at.cpu()) : "coordinator";
}

}  // namespace belfry::lab
