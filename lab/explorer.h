// Every interleaving of a small machine, each state once.
#ifndef BELFRY_LAB_EXPLORER_H_
#define BELFRY_LAB_EXPLORER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "kernel/cpumask.h"
#include "kernel/invariants.h"
#include "kernel/profile.h"
#include "lab/world.h"

namespace belfry::lab {

// The machine that is explored, and what happens on it: the victim goes offline
// and comes online again, so often; meanwhile, at any time, every other CPU is
// interrupted so often, and each interrupt makes an asynchronous call to the
// victim. The notifier that runs when the victim is online makes a waiting one.
struct Scope {
  std::uint32_t cpus = 3;
  std::uint32_t victim = 2;
  // Interrupts of every other CPU.
  std::uint32_t async_calls = 2;
  std::uint32_t cycles = 1;
  // As in WorldOptions. A late doorbell always arrives, too.
  bool prompt_doorbells = false;
  // Faults, at any time: doorbells that are dropped, and processes of CPUs that
  // are killed and lose any tail of what was on their links. With kills the
  // search is without reductions.
  std::uint32_t drops = 0;
  std::uint32_t kills = 0;
};

struct ExploreOptions {
  kernel::Profile profile;
  Scope scope;
  // Stop at any broken invariant, not only at a hang. What the judge has to
  // remember of the way to a state is a part of it then. Searched without
  // reductions, which do not keep such states.
  bool until_any = false;
  // Leave out orders that lead to the same: see lab/reduction.h.
  bool reduce = true;
  // Take states that differ only in which of several equal CPUs is which for
  // one: see lab/symmetry.h.
  bool symmetry = true;
  // States to keep; 0: as many as there are.
  std::size_t max_states = 0;
  // Bytes that states may take; 0: no bound.
  std::size_t max_bytes = 0;
  // Keep bits of the states only: see lab/bit_state.h. Needs max_bytes.
  bool bit_state = false;
  // At least 1. What is found, and what is counted, is the same with any
  // number, as long as no bound cuts the search.
  unsigned threads = 1;
  // Called with every state in which nothing can move, but with one of those
  // that are taken for one, and with some more than once; may be empty.
  std::function<void(const World&)> at_rest;
  // Called now and then, from the caller's thread; false stops the search. May
  // be empty.
  std::function<bool(const struct ExploreProgress&)> progress;
};

struct ExploreProgress {
  std::size_t states = 0;
  // Messages delivered.
  std::size_t transitions = 0;
  // Moves on the way to the states looked at now.
  std::size_t depth = 0;
  // Of states whose neighbours are not known yet.
  std::size_t frontier = 0;
  // What the states take, estimated from their number.
  std::size_t bytes = 0;
};

struct ExploreResult {
  enum class Verdict : std::uint8_t { kNothing, kHangs, kBroken };
  // kNothing without `cut`: there is none.
  Verdict verdict{};
  // Why the search did not see all; empty when it did.
  std::string cut;
  // CPUs that were exchanged for one another: what was counted are states up to
  // that. None: all were told apart.
  kernel::CpuMask exchanged;
  ExploreProgress last;
  // With bit_state: states that were reached, and taken for others by mistake,
  // as many as are to be expected.
  double expected_misses = 0;
  // For kHangs and kBroken: a way there, one name a move (MessageText(), or
  // kTimePasses); but with bit_state a shortest one.
  std::vector<std::string> schedule;
  // For kHangs: the move of the schedule, counted from 1, after which no
  // continuation ends the wait; 0 when none did from the start. None when a
  // call that has not been made could end it still.
  std::optional<std::size_t> point_of_no_return;
  // What is violated, or waits, in words.
  kernel::Violations violations;
};

// The move of a schedule in which nothing can move and timeouts pass.
inline constexpr char kTimePasses[] = "time passes";

// A machine that has booted, with the requests made and interrupts due. `boot`
// gets what happened until then; null when nobody asks.
World StartOf(const kernel::Profile& profile, const Scope& scope,
              Happenings* boot = nullptr);

ExploreResult Explore(const ExploreOptions& options);

// Why no search can see all within the bounds, whatever the profile: there are
// too many states at least. OutOfRange says how many, and what would be right.
absl::Status CheckFits(const ExploreOptions& options);

// The move's name in a schedule: its message's.
std::string NameOf(const World& world, Move move);

// The move of this name, where it is possible now.
std::optional<Move> FindMove(const World& world, const std::string& name);

// Whether the move of that name is a fault: "drop ...", "kill ...".
bool IsFault(const std::string& name);

// One move of a schedule, by its name. InvalidArgument, and nothing moved, when
// it is not possible: names those that are.
absl::Status MoveByName(const std::string& name, World* world, Happenings* out);

// Whether the move makes a call that nobody has made yet.
bool IsNewCall(const World& world, Move move);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_EXPLORER_H_
