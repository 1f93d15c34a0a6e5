// Faults of processes and links, as moves: by the names that schedules and
// replays use.
#ifndef BELFRY_LAB_MACHINE_FAULT_H_
#define BELFRY_LAB_MACHINE_FAULT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace belfry::lab {

struct MachineFault {
  enum class Kind : std::uint8_t {
    kKill,
    kRestart,
    kKillCoordinator,
    kRestartCoordinator,
    kBreakData,
    kBreakControl,
  };
  Kind kind{};
  // Of a data link: the CPU that has opened it.
  std::uint32_t cpu = 0;
  // Of a data link: the CPU that it is opened to.
  std::uint32_t to = 0;
};

// "kill 1", "restart coordinator", "break 0->1", "break control 1".
std::string NameOf(const MachineFault& fault);

// The kill that a schedule's move names, whatever it says of what is left on
// the links: "kill 1, kept 0 2".
std::optional<MachineFault> ParseKill(absl::string_view move);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_MACHINE_FAULT_H_
