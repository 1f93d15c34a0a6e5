#include "lab/machine_fault.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace belfry::lab {

std::string NameOf(const MachineFault& fault) {
  switch (fault.kind) {
    case MachineFault::Kind::kKill:
      return absl::StrCat("kill ", fault.cpu);
    case MachineFault::Kind::kRestart:
      return absl::StrCat("restart ", fault.cpu);
    case MachineFault::Kind::kKillCoordinator:
      return "kill coordinator";
    case MachineFault::Kind::kRestartCoordinator:
      return "restart coordinator";
    case MachineFault::Kind::kBreakData:
      return absl::StrCat("break ", fault.cpu, "->", fault.to);
    case MachineFault::Kind::kBreakControl:
      break;
  }
  return absl::StrCat("break control ", fault.cpu);
}

std::optional<MachineFault> ParseKill(absl::string_view move) {
  MachineFault kill{.kind = MachineFault::Kind::kKill};
  const bool is_kill =
      absl::ConsumePrefix(&move, "kill ") &&
      absl::SimpleAtoi(move.substr(0, move.find(',')), &kill.cpu);
  return is_kill ? std::optional(kill) : std::nullopt;
}

}  // namespace belfry::lab
