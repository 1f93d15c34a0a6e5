#include "lab/explorer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lab/reduction.h"
#include "lab/referee.h"
#include "lab/step_cache.h"

namespace belfry::lab {
namespace {

using Verdict = ExploreResult::Verdict;

std::string NameOf(const World& world, Move move) {
  const World::Pending& pending = world.pending()[move.place];
  return MessageText(pending.lane, *pending.message);
}

// The moves of one search: what it takes at once, and what it chooses from.
class Mover {
 public:
  Mover(const Scope& scope, bool reduce)
      : reduction_(scope.victim), reduce_(reduce) {}

  // Takes what may be taken at once. `taken` gets the moves' names; null when
  // nobody asks.
  std::size_t Settle(World* world, std::vector<std::string>* taken) {
    std::size_t moves = 0;
    while (reduce_) {
      const std::optional<Move> move =
          reduction_.Urgent(*world, world->Enabled());
      if (!move) break;
      if (taken != nullptr) taken->push_back(NameOf(*world, *move));
      world->Apply(*move, nullptr, &cache_);
      ++moves;
    }
    return moves;
  }

  // Of a settled world.
  std::vector<Move> Choices(const World& world) const {
    std::vector<Move> choices = world.Enabled();
    if (reduce_) reduction_.DropUntakeable(world, &choices);
    return choices;
  }

  World Next(const World& world, Move move) {
    World next = world;
    next.Apply(move, nullptr, &cache_);
    return next;
  }

 private:
  Reduction reduction_;
  bool reduce_;
  StepCache cache_;
};

bool IsQuiet(const World& world, const std::vector<Move>& choices) {
  return std::all_of(choices.begin(), choices.end(),
                     [&](Move move) { return IsNewCall(world, move); });
}

// Whether some continuation of `world` ends with nothing waiting: depth first,
// for where there is one it is found soon, and where there is none little is
// left to see. `new_calls`: those that come may help.
bool CanEnd(Mover& mover, World world, bool new_calls) {
  mover.Settle(&world, nullptr);
  std::vector<World> stack;
  absl::flat_hash_set<std::uint64_t> seen;
  seen.insert(world.fingerprint().low);
  stack.push_back(std::move(world));
  while (!stack.empty()) {
    const World here = std::move(stack.back());
    stack.pop_back();
    const std::vector<Move> choices = mover.Choices(here);
    std::vector<World> next;
    if (IsQuiet(here, choices)) {
      if (WaitsOf(here).empty()) return true;
      next.push_back(here);
      next.back().PassTime();
    }
    for (const Move move : choices) {
      if (new_calls || !IsNewCall(here, move)) {
        next.push_back(mover.Next(here, move));
      }
    }
    for (World& there : next) {
      mover.Settle(&there, nullptr);
      if (seen.insert(there.fingerprint().low).second) {
        stack.push_back(std::move(there));
      }
    }
  }
  return false;
}

class Search {
 public:
  explicit Search(const ExploreOptions& options)
      : options_(options),
        mover_(options.scope, options.reduce && !options.until_any &&
                                  Reduction::IsSoundFor(options.profile)) {}

  ExploreResult Run() {
    World start = StartOf(options_.profile, options_.scope);
    const std::size_t moves = mover_.Settle(&start, nullptr);
    Meet(std::move(start), moves, {kNobody, 0});
    while (!frontier_.empty() && !stop_) {
      const auto level = frontier_.extract(frontier_.begin());
      progress_.depth = level.key();
      for (const Open& open : level.mapped()) {
        Look(open);
        --progress_.frontier;
        if (stop_) break;
      }
    }
    result_.last = progress_;
    return std::move(result_);
  }

 private:
  static constexpr std::uint32_t kNobody = ~0U;
  static constexpr std::uint16_t kTime = 0xffff;
  // Where a state was first met. The way to it is found again from these.
  struct Node {
    std::uint32_t parent;
    std::uint16_t choice;
  };
  struct Open {
    World world;
    std::uint32_t node;
  };

  // After so many moves from the start.
  void Meet(World world, std::size_t moves, Node node) {
    if (!seen_.insert(world.fingerprint().low).second) return;
    nodes_.push_back(node);
    frontier_[moves].push_back(
        {std::move(world), static_cast<std::uint32_t>(nodes_.size() - 1)});
    ++progress_.frontier;
    ++progress_.states;
    if (progress_.states % 4096 == 0) CheckBounds();
    if (options_.max_states != 0 && progress_.states >= options_.max_states) {
      Cut(absl::StrCat("after ", progress_.states, " states"));
    }
  }

  void Look(const Open& open) {
    if (options_.until_any) {
      kernel::Violations found = CheckState(open.world);
      if (!found.empty()) return Found(Verdict::kBroken, open, found);
    }
    const std::vector<Move> choices = mover_.Choices(open.world);
    if (choices.empty() && options_.at_rest) options_.at_rest(open.world);
    if (IsQuiet(open.world, choices)) {
      kernel::Violations waits = WaitsOf(open.world);
      if (!waits.empty()) {
        if (!CanEnd(mover_, open.world, /*new_calls=*/false)) {
          return Found(Verdict::kHangs, open, waits);
        }
        World later = open.world;
        later.PassTime();
        Take(std::move(later), {open.node, kTime});
      }
    }
    for (std::size_t i = 0; i < choices.size() && !stop_; ++i) {
      Take(mover_.Next(open.world, choices[i]),
           {open.node, static_cast<std::uint16_t>(i)});
    }
  }

  void Take(World world, Node node) {
    const std::size_t moves = 1 + mover_.Settle(&world, nullptr);
    progress_.transitions += moves;
    Meet(std::move(world), progress_.depth + moves, node);
  }

  void CheckBounds() {
    // The tables grow by doubling: what they may take, not what they hold.
    const std::size_t world = sizeof(Open) +
                              options_.scope.cpus * sizeof(Shared<int>) +
                              kPendingOnAverage * sizeof(World::Pending);
    progress_.bytes = nodes_.capacity() * sizeof(Node) +
                      seen_.capacity() * (sizeof(std::uint64_t) + 1) +
                      progress_.frontier * 2 * world;
    if (options_.max_bytes != 0 && progress_.bytes > options_.max_bytes) {
      Cut(absl::StrCat("by the memory bound of ", options_.max_bytes >> 20,
                       " MiB"));
    }
    if (options_.progress && !options_.progress(progress_)) {
      Cut("by request");
    }
  }

  void Cut(std::string why) {
    result_.cut = std::move(why);
    stop_ = true;
  }

  void Found(Verdict verdict, const Open& open, kernel::Violations what) {
    stop_ = true;
    result_.verdict = verdict;
    result_.violations = std::move(what);
    result_.cut.clear();
    result_.schedule = WayTo(open.node);
    if (verdict == Verdict::kHangs) FindPointOfNoReturn();
  }

  std::vector<std::string> WayTo(std::uint32_t node) {
    std::vector<std::uint16_t> choices;
    for (; nodes_[node].parent != kNobody; node = nodes_[node].parent) {
      choices.push_back(nodes_[node].choice);
    }
    std::vector<std::string> way;
    World world = StartOf(options_.profile, options_.scope);
    mover_.Settle(&world, &way);
    for (auto choice = choices.rbegin(); choice != choices.rend(); ++choice) {
      if (*choice == kTime) {
        way.push_back(kTimePasses);
        world.PassTime();
      } else {
        const Move move = mover_.Choices(world)[*choice];
        way.push_back(NameOf(world, move));
        world = mover_.Next(world, move);
      }
      mover_.Settle(&world, &way);
    }
    return way;
  }

  // Who cannot end after some moves cannot after more: so the first move that
  // decides is found by halving.
  void FindPointOfNoReturn() {
    std::vector<World> worlds = {StartOf(options_.profile, options_.scope)};
    for (const std::string& move : result_.schedule) {
      worlds.push_back(worlds.back());
      // It came from this very start.
      (void)MoveByName(move, &worlds.back(), nullptr);
    }
    const auto decided = std::partition_point(
        worlds.begin(), worlds.end(),
        [&](const World& w) { return CanEnd(mover_, w, /*new_calls=*/true); });
    if (decided == worlds.end()) return;
    result_.point_of_no_return =
        static_cast<std::size_t>(decided - worlds.begin());
  }

  // Of a booted machine: about so many messages are on their way at once.
  static constexpr std::size_t kPendingOnAverage = 8;

  const ExploreOptions& options_;
  Mover mover_;
  std::vector<Node> nodes_;
  absl::flat_hash_set<std::uint64_t> seen_;
  // By moves from the start: the shortest ways first.
  std::map<std::size_t, std::vector<Open>> frontier_;
  ExploreProgress progress_;
  ExploreResult result_;
  bool stop_ = false;
};

// The first of what can move, until nothing can.
void RunToRest(World* world, Happenings* out) {
  for (auto moves = world->Enabled(); !moves.empty();
       moves = world->Enabled()) {
    world->Apply(moves.front(), out);
  }
}

}  // namespace

World StartOf(const kernel::Profile& profile, const Scope& scope,
              Happenings* boot) {
  World world({.profile = profile,
               .cpus = scope.cpus,
               .prompt_doorbells = scope.prompt_doorbells});
  RunToRest(&world, boot);
  for (std::uint32_t cpu = 1; cpu < scope.cpus; ++cpu) {
    world.Ask({.kind = kernel::OpKind::kOnline, .cpu = {cpu}});
  }
  RunToRest(&world, boot);
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

kernel::Violations WaitsOf(const World& world) {
  kernel::Violations waits;
  for (const kernel::Cpu* cpu : world.Living()) {
    CheckEveryWaitEnds(*cpu, waits);
  }
  const auto& op = world.coordinator().current();
  if (op && waits.empty()) {
    waits.push_back(
        {kernel::Invariant::kEveryWaitEnds, std::nullopt,
         absl::StrCat(OpKindName(op->kind), " of cpu ", op->cpu.value,
                      " stands in leg ", LegName(op->leg))});
  }
  return waits;
}

ExploreResult Explore(const ExploreOptions& options) {
  return Search(options).Run();
}

absl::Status MoveByName(const std::string& name, World* world,
                        Happenings* out) {
  if (name == kTimePasses) {
    world->PassTime();
    return absl::OkStatus();
  }
  std::vector<std::string> possible;
  for (const Move move : world->Enabled()) {
    possible.push_back(NameOf(*world, move));
    if (possible.back() != name) continue;
    world->Apply(move, out);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name, "\" is not possible; possible are: ",
                   possible.empty() ? "none" : absl::StrJoin(possible, ", ")));
}

}  // namespace belfry::lab
