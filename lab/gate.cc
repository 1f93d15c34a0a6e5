#include "lab/gate.h"

#include <array>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "kernel/cpuhp.h"
#include "kernel/gate.h"
#include "kernel/profile.h"

namespace belfry::lab {
namespace {

constexpr std::array kTables = {kernel::Steps::kNotifiers,
                                kernel::Steps::kCpuhp612,
                                kernel::Steps::kBelfry};

absl::Status CheckCpuGate(const std::string& gate) {
  absl::Status status;
  for (const kernel::Steps steps : kTables) {
    // A scenario runs under profiles of any table.
    const auto parsed = kernel::ParseCpuGate(gate, kernel::CpuhpTable(steps));
    if (parsed.ok()) return absl::OkStatus();
    status = parsed.status();
  }
  return status;
}

absl::StatusOr<std::string> ResolveName(const std::string& gate,
                                        const v1::Profile& profile) {
  kernel::Profile rules;
  for (const v1::Knob& knob : profile.knobs()) {
    // A knob of a newer machine that this table does not know changes nothing
    // about the steps.
    (void)kernel::SetKnob(&rules, knob.name(), knob.value());
  }
  return kernel::ParseCpuGate(gate, kernel::CpuhpTable(rules.steps));
}

}  // namespace

absl::Status CheckGate(const v1::GateAt& at) {
  return at.has_cpu() ? CheckCpuGate(at.gate())
                      : kernel::ParseCoordinatorGate(at.gate()).status();
}

v1::GateAt ResolveGate(const v1::GateAt& at, const v1::Profile& profile) {
  if (!at.has_cpu()) return at;
  const auto gate = ResolveName(at.gate(), profile);
  v1::GateAt resolved = at;
  if (gate.ok()) resolved.set_gate(*gate);
  return resolved;
}

bool ProfileHasGate(const v1::GateAt& at, const v1::Profile& profile) {
  return !at.has_cpu() || ResolveName(at.gate(), profile).ok();
}

bool StopsItsProcess(const std::string& gate) {
  return gate != "enqueue" && gate != "latch" && gate != "irq_entry" &&
         gate != "stopper" && gate != "overdue" && gate != "timeout";
}

std::string ProcessText(const v1::GateAt& at) {
  return at.has_cpu() ? absl::StrCat("cpu/", at.cpu()) : "coordinator";
}

}  // namespace belfry::lab
