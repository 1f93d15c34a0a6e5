#include "lab/explorer.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "lab/bit_state.h"
#include "lab/breadth_first.h"
#include "lab/choice.h"
#include "lab/symmetry.h"

namespace belfry::lab {
namespace {

// A lower bound: before the victim goes, each sender has taken some of its
// interrupts, some of the calls that those made have arrived, and of some of
// these it knows. (It is told of the last at once: nothing else comes then.)
// Of senders that are exchanged it does not matter which of them did what.
double LeastStates(const ExploreOptions& options) {
  const double calls = options.scope.async_calls;
  const double of_one = calls * (calls + 1) * (calls + 2) / 6 + calls + 1;
  const std::uint32_t exchanged = SymmetryOf(options).exchangeable().count();
  double states = std::pow(of_one, options.scope.cpus - 1 - exchanged);
  for (std::uint32_t i = 0; i < exchanged; ++i) {
    states *= (of_one + i) / (i + 1);
  }
  return states;
}

}  // namespace

World StartOf(const kernel::Profile& profile, const Scope& scope,
              Happenings* boot) {
  World world({.profile = profile,
               .cpus = scope.cpus,
               .prompt_doorbells = scope.prompt_doorbells});
  world.Boot(boot);
  for (std::uint32_t i = 0; i < scope.cycles; ++i) {
    world.Ask({.kind = kernel::OpKind::kOffline, .cpu = {scope.victim}});
    world.Ask({.kind = kernel::OpKind::kOnline, .cpu = {scope.victim}});
  }
  for (std::uint32_t cpu = 0; cpu < scope.cpus; ++cpu) {
    if (cpu == scope.victim) continue;
    for (std::uint32_t i = 0; i < scope.async_calls; ++i) {
      world.DeviceIrq(cpu, scope.victim);
    }
  }
  return world;
}

bool IsNewCall(const World& world, Move move) {
  const Message& message = *world.pending()[move.place].message;
  const auto* event = std::get_if<kernel::CpuEvent>(&message.event);
  return event != nullptr &&
         (std::holds_alternative<kernel::DeviceIrq>(*event) ||
          std::holds_alternative<kernel::Call>(*event));
}

ExploreResult Explore(const ExploreOptions& options) {
  ExploreResult result =
      options.bit_state ? SearchBitState(options) : SearchBreadthFirst(options);
  result.exchanged = SymmetryOf(options).exchangeable();
  return result;
}

absl::Status CheckFits(const ExploreOptions& options) {
  if (options.bit_state || options.max_bytes == 0) return absl::OkStatus();
  const bool bounded = options.max_states != 0;
  const double states =
      bounded ? static_cast<double>(options.max_states) : LeastStates(options);
  const double bytes = states * kLeastBytesPerState;
  if (bytes <= static_cast<double>(options.max_bytes)) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrFormat(
      "%s %.3g states, which take %.3g MiB at least, and may take %d: %s",
      bounded ? "there may be" : "there are at least", states,
      bytes / (1 << 20), options.max_bytes >> 20,
      bounded ? "give more memory, or bound the states lower"
              : "explore fewer CPUs or calls, bound the states, keep bits of "
                "them only, or draw schedules by chance"));
}

std::string NameOf(const World& world, Move move) {
  const World::Pending& pending = world.pending()[move.place];
  return MessageText(pending.lane, *pending.message);
}

std::optional<Move> FindMove(const World& world, const std::string& name) {
  for (const Move move : world.Enabled()) {
    if (NameOf(world, move) == name) return move;
  }
  return std::nullopt;
}

bool IsFault(const std::string& name) {
  return absl::StartsWith(name, "drop ") || absl::StartsWith(name, "kill ");
}

absl::Status MoveByName(const std::string& name, World* world,
                        Happenings* out) {
  if (name == kTimePasses) {
    world->PassTime();
    return absl::OkStatus();
  }
  std::vector<std::string> possible;
  std::optional<World> next;
  const auto offer = [&](const Choice& choice) {
    possible.push_back(NameOf(*world, choice));
    return !next && possible.back() == name;
  };
  if (IsFault(name)) {
    // Whoever names a fault may have it.
    ForEachFault(*world, world->Enabled(), {.drops = ~0U, .kills = ~0U},
                 [&](const Choice& fault, World& faulty) {
                   if (offer(fault)) next = std::move(faulty);
                 });
    if (next) *world = *std::move(next);
    if (next) return absl::OkStatus();
  } else {
    for (const Move move : world->Enabled()) {
      if (!offer({.move = move})) continue;
      world->Apply(move, out);
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name, "\" is not possible; possible are: ",
                   possible.empty() ? "none" : absl::StrJoin(possible, ", ")));
}

}  // namespace belfry::lab
