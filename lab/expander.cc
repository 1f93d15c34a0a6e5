#include "lab/expander.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/container/flat_hash_set.h"

namespace belfry::lab {
namespace {

using Verdict = ExploreResult::Verdict;

bool IsQuiet(const World& world, const std::vector<Move>& moves) {
  return std::all_of(moves.begin(), moves.end(),
                     [&](Move move) { return IsNewCall(world, move); });
}

// Reductions keep ends, not what is seen on the way.
bool Reduces(const ExploreOptions& options) {
  return options.reduce && !options.until_any && options.scope.kills == 0 &&
         Reduction::IsSoundFor(options.profile);
}

State BootedState(const ExploreOptions& options, const Symmetry& symmetry) {
  Happenings boot;
  State start{StartOf(options.profile, options.scope, &boot), {}};
  if (options.until_any) {
    start.past = Shared<Referee>(Referee(options.scope.cpus));
    start.past.Mutable().See(boot);
  }
  // Who borrows from it reads its fingerprints only.
  (void)start.world.fingerprint();
  (void)start.fingerprint(symmetry);
  return start;
}

}  // namespace

// The least of those that it has under the other names.
Digest State::fingerprint(const Symmetry& symmetry) const {
  const auto with_past = [this](const Digest& machine, const Digest& history) {
    if (!past) return machine;
    Fingerprinter f;
    f.Add(machine);
    f.Add(history);
    return f.Get();
  };
  const std::span<const Renaming> renamings = symmetry.renamings();
  if (renamings.empty()) {
    return with_past(world.fingerprint(), past.fingerprint());
  }
  Digest least{~0ULL, ~0ULL};
  for (std::size_t i = 0; i < renamings.size(); ++i) {
    least = std::min(least, with_past(world.fingerprint(renamings, i),
                                      past.fingerprint(renamings, i)));
  }
  return least;
}

Expander::Expander(const ExploreOptions& options, const Symmetry& symmetry,
                   StepStore* store)
    : options_(options),
      symmetry_(symmetry),
      reduction_(options.profile, options.scope.victim, options.scope.drops),
      reduce_(Reduces(options)),
      cache_(store),
      start_(BootedState(options, symmetry)),
      next_(start_) {}

std::pair<State, std::size_t> Expander::Start() {
  State start{start_.world.Borrowed(), start_.past};
  const std::size_t moves = Settle(&start, nullptr);
  return {std::move(start), moves};
}

std::optional<Finding> Expander::Look(const State& here, Reach reach) {
  if (here.past) {
    kernel::Violations broken = here.past->Check(here.world);
    if (!broken.empty()) return Finding{Verdict::kBroken, std::move(broken)};
  }
  Deliveries(here.world, &moves_);
  if (moves_.empty() && options_.at_rest) options_.at_rest(here.world);
  const auto go_on = [&](std::uint32_t choice) {
    reach(choice, next_, 1 + Settle(&next_, nullptr));
  };
  if (IsQuiet(here.world, moves_)) {
    kernel::Violations waits = WaitsOf(here.world);
    if (!waits.empty()) {
      if (!CanEnd(here.world, /*new_calls=*/false)) {
        return Finding{Verdict::kHangs, std::move(waits)};
      }
      next_ = here;
      next_.world.PassTime();
      go_on(kTime);
    }
  }
  std::uint32_t number = 0;
  for (const Move move : moves_) {
    next_ = here;
    Deliver(move, &next_);
    go_on(number++);
  }
  ForEachFault(here.world, moves_, Faults(), [&](const Choice&, World& next) {
    next_ = {std::move(next), here.past};
    go_on(number++);
  });
  return std::nullopt;
}

// Takes what may be taken at once. `names` gets the moves' names; null when
// nobody asks.
std::size_t Expander::Settle(State* state, std::vector<std::string>* names) {
  std::size_t moves = 0;
  while (reduce_) {
    state->world.Enabled(&enabled_);
    const std::optional<Move> move = reduction_.Urgent(state->world, enabled_);
    if (!move) break;
    if (names != nullptr) names->push_back(NameOf(state->world, *move));
    Deliver(*move, state);
    ++moves;
  }
  return moves;
}

void Expander::Deliver(Move move, State* state) {
  if (!state->past) return state->world.Apply(move, nullptr, &cache_);
  happened_.clear();
  state->world.Apply(move, &happened_, &cache_);
  if (!happened_.empty()) state->past.Mutable().See(happened_);
}

// Of a settled world.
void Expander::Deliveries(const World& world, std::vector<Move>* moves) const {
  world.Enabled(moves);
  if (reduce_) reduction_.DropUntakeable(world, moves);
}

// Whether some continuation of `world` ends with nothing waiting: depth first,
// for where there is one it is found soon, and where there is none little is
// left to see. `new_calls`: those that come may help. No fault comes any more.
bool Expander::CanEnd(World world, bool new_calls) {
  State start{std::move(world), {}};
  Settle(&start, nullptr);
  absl::flat_hash_set<Digest> seen = {start.fingerprint(symmetry_)};
  std::vector<State> stack;
  stack.push_back(std::move(start));
  std::vector<Move> moves;
  while (!stack.empty()) {
    const State here = std::move(stack.back());
    stack.pop_back();
    Deliveries(here.world, &moves);
    std::vector<State> next;
    if (IsQuiet(here.world, moves)) {
      if (WaitsOf(here.world).empty()) return true;
      next.push_back(here);
      next.back().world.PassTime();
    }
    for (const Move move : moves) {
      if (!new_calls && IsNewCall(here.world, move)) continue;
      next.push_back(here);
      Deliver(move, &next.back());
    }
    for (State& there : next) {
      Settle(&there, nullptr);
      if (seen.insert(there.fingerprint(symmetry_)).second) {
        stack.push_back(std::move(there));
      }
    }
  }
  return false;
}

// Of states that are taken for one the search has looked at whichever it met
// first, so it is the states that say which way it was. From each that is as
// good as the one before a move leads to one that is as good as the next.
Expander::Witness Expander::WitnessOf(const std::vector<Stage>& stages) {
  Witness witness;
  State here = Start().first;
  for (const Stage& stage : stages) {
    std::optional<State> there;
    (void)Look(here, [&](std::uint32_t choice, State& next, std::size_t moves) {
      if (there || moves != stage.moves ||
          next.fingerprint(symmetry_).low != stage.fingerprint) {
        return;
      }
      witness.choices.push_back(choice);
      there = std::move(next);
    });
    here = *std::move(there);
  }
  witness.finding = Look(here, [](std::uint32_t, State&, std::size_t) {});
  return witness;
}

std::vector<std::string> Expander::MovesOf(
    const std::vector<std::uint32_t>& choices) {
  std::vector<std::string> names;
  State here{start_.world, {}};
  Settle(&here, &names);
  std::vector<Move> moves;
  for (const std::uint32_t choice : choices) {
    Deliveries(here.world, &moves);
    if (choice == kTime) {
      names.push_back(kTimePasses);
      here.world.PassTime();
    } else if (choice < moves.size()) {
      names.push_back(NameOf(here.world, moves[choice]));
      Deliver(moves[choice], &here);
    } else {
      auto number = static_cast<std::uint32_t>(moves.size());
      std::optional<World> there;
      ForEachFault(here.world, moves, Faults(),
                   [&](const Choice& fault, World& next) {
                     if (number++ != choice) return;
                     names.push_back(NameOf(here.world, fault));
                     there = std::move(next);
                   });
      here.world = *std::move(there);
    }
    Settle(&here, &names);
  }
  return names;
}

// Who cannot end after some moves cannot after more: so the first move that
// decides is found by halving.
std::optional<std::size_t> Expander::PointOfNoReturn(
    const std::vector<std::string>& schedule) {
  std::vector<World> worlds = {start_.world};
  for (const std::string& move : schedule) {
    worlds.push_back(worlds.back());
    // It came from this very start.
    (void)MoveByName(move, &worlds.back(), nullptr);
  }
  const auto decided = std::partition_point(
      worlds.begin(), worlds.end(),
      [&](const World& w) { return CanEnd(w, /*new_calls=*/true); });
  if (decided == worlds.end()) return std::nullopt;
  return static_cast<std::size_t>(decided - worlds.begin());
}

}  // namespace belfry::lab
