// What can be done in a state of a search: deliver a message, or make a fault.
#ifndef BELFRY_LAB_CHOICE_H_
#define BELFRY_LAB_CHOICE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "lab/world.h"

namespace belfry::lab {

struct Choice {
  enum class Kind : std::uint8_t { kDeliver, kDrop, kKill };
  Kind kind = Kind::kDeliver;
  // Of a message.
  Move move;
  // Of a kill: whose process, and what of its links' tails is left, in the
  // order in which World::Crash() asks.
  std::uint32_t cpu = 0;
  std::vector<std::uint64_t> kept;
};

// Faults that may still come.
struct FaultBounds {
  std::uint32_t drops = 0;
  std::uint32_t kills = 0;
};

// Its name in a schedule.
std::string NameOf(const World& world, const Choice& choice);

// Every fault that is possible, with the world that it leads to, which may be
// moved from. `enabled` are the world's moves, or those of them that a search
// looks at.
void ForEachFault(const World& world, const std::vector<Move>& enabled,
                  const FaultBounds& bounds,
                  absl::FunctionRef<void(const Choice&, World&)> then);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_CHOICE_H_
