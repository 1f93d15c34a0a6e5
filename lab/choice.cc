#include "lab/choice.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lab/explorer.h"

namespace belfry::lab {
namespace {

// Kills the process; the numbers that chance is asked for are taken from
// `kept`, and 0 when it has no more. `bounds` gets what was asked.
void Kill(World* world, std::uint32_t cpu,
          const std::vector<std::uint64_t>& kept,
          std::vector<std::uint64_t>* bounds) {
  bounds->clear();
  world->Crash(cpu, [&](std::uint64_t bound) {
    bounds->push_back(bound);
    return bounds->size() > kept.size() ? 0 : kept[bounds->size() - 1];
  });
}

// Every way in which the process can be killed: all that its links may lose.
void ForEachKill(const World& world, std::uint32_t cpu,
                 absl::FunctionRef<void(const Choice&, World&)> then) {
  Choice kill{.kind = Choice::Kind::kKill, .cpu = cpu};
  std::vector<std::uint64_t>& kept = kill.kept;
  std::vector<std::uint64_t> bounds;
  do {
    World dying = world;
    Kill(&dying, cpu, kept, &bounds);
    kept.resize(bounds.size());
    then(kill, dying);
    // The next number, read from its end.
    while (!kept.empty() && ++kept.back() == bounds[kept.size() - 1]) {
      kept.pop_back();
    }
  } while (!kept.empty());
}

std::uint32_t Killed(const World& world) {
  return world.options().cpus -
         static_cast<std::uint32_t>(world.Living().size());
}

}  // namespace

std::string NameOf(const World& world, const Choice& choice) {
  switch (choice.kind) {
    case Choice::Kind::kDeliver:
      return NameOf(world, choice.move);
    case Choice::Kind::kDrop:
      return absl::StrCat("drop ", NameOf(world, choice.move));
    case Choice::Kind::kKill:
      break;
  }
  return absl::StrCat(
      "kill ", choice.cpu,
      choice.kept.empty() ? "" : ", kept " + absl::StrJoin(choice.kept, " "));
}

void ForEachFault(const World& world, const std::vector<Move>& enabled,
                  const FaultBounds& bounds,
                  absl::FunctionRef<void(const Choice&, World&)> then) {
  if (world.dropped() < bounds.drops) {
    for (const Move move : enabled) {
      if (!IsDoorbell(*world.pending()[move.place].message)) continue;
      World next = world;
      next.DropDoorbell(move);
      then({.kind = Choice::Kind::kDrop, .move = move}, next);
    }
  }
  if (bounds.kills > 0 && Killed(world) < bounds.kills) {
    for (const kernel::Cpu* cpu : world.Living()) {
      ForEachKill(world, cpu->id().value, then);
    }
  }
}

}  // namespace belfry::lab
