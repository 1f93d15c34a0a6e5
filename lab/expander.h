// One state of a search: what is to be said of it, and where it leads. Searches
// differ in which state is next, and in what they keep of those that were seen.
#ifndef BELFRY_LAB_EXPANDER_H_
#define BELFRY_LAB_EXPANDER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "lab/choice.h"
#include "lab/explorer.h"
#include "lab/reduction.h"
#include "lab/referee.h"
#include "lab/shared.h"
#include "lab/step_cache.h"
#include "lab/symmetry.h"
#include "lab/world.h"

namespace belfry::lab {

// What a search tells apart.
struct State {
  World world;
  // What the judge remembers of the way here; nothing where only the world is
  // judged.
  Shared<Referee> past;

  // States that are as good as one another have the same.
  Digest fingerprint(const Symmetry& symmetry) const;
};

// Why a search ends at a state.
struct Finding {
  ExploreResult::Verdict verdict{};
  kernel::Violations what;
};

// For one thread. Its states borrow from it and from the store.
class Expander {
 public:
  // The choice of letting time pass.
  static constexpr std::uint32_t kTime = ~0U;

  // All outlive it.
  Expander(const ExploreOptions& options, const Symmetry& symmetry,
           StepStore* store);

  // Where the search begins, and the moves that were taken at once.
  std::pair<State, std::size_t> Start();

  // Gets a choice by its number, the state that it leads to, which may be moved
  // from, and how many moves that took.
  using Reach = absl::FunctionRef<void(std::uint32_t choice, State& next,
                                       std::size_t moves)>;
  // Judges the state; if there is nothing to find, reaches its neighbours.
  std::optional<Finding> Look(const State& here, Reach reach);

  // One step of a way that a search has found: the state that it leads to, and
  // in how many moves.
  struct Stage {
    std::uint64_t fingerprint = 0;
    std::size_t moves = 0;
  };
  struct Witness {
    std::vector<std::uint32_t> choices;
    // Of its last state.
    std::optional<Finding> finding;
  };
  // A way from the start through states that are as good as those.
  Witness WitnessOf(const std::vector<Stage>& stages);
  // The moves from the start by these choices, by name.
  std::vector<std::string> MovesOf(const std::vector<std::uint32_t>& choices);
  // Of a schedule that ends in a hang; see ExploreResult.
  std::optional<std::size_t> PointOfNoReturn(
      const std::vector<std::string>& schedule);

 private:
  std::size_t Settle(State* state, std::vector<std::string>* names);
  void Deliver(Move move, State* state);
  void Deliveries(const World& world, std::vector<Move>* moves) const;
  bool CanEnd(World world, bool new_calls);
  FaultBounds Faults() const {
    return {options_.scope.drops, options_.scope.kills};
  }

  const ExploreOptions& options_;
  const Symmetry& symmetry_;
  Reduction reduction_;
  bool reduce_;
  StepCache cache_;
  State start_;
  // Used again for each state.
  std::vector<Move> moves_;
  std::vector<Move> enabled_;
  Happenings happened_;
  State next_;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_EXPANDER_H_
