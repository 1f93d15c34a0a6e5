#include "lab/explorer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lab/reduction.h"
#include "lab/referee.h"
#include "lab/step_cache.h"

namespace belfry::lab {
namespace {

using Verdict = ExploreResult::Verdict;

// What a search may do next: deliver a message, or make a fault.
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
void AddKills(const World& world, std::uint32_t cpu,
              std::vector<Choice>* choices) {
  std::vector<std::uint64_t> kept;
  std::vector<std::uint64_t> bounds;
  do {
    World dying = world;
    Kill(&dying, cpu, kept, &bounds);
    kept.resize(bounds.size());
    choices->push_back({.kind = Choice::Kind::kKill, .cpu = cpu, .kept = kept});
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

std::vector<Choice> FaultsIn(const World& world, const Scope& scope) {
  std::vector<Choice> faults;
  if (world.dropped() < scope.drops) {
    for (const Move move : world.Enabled()) {
      if (IsDoorbell(*world.pending()[move.place].message)) {
        faults.push_back({.kind = Choice::Kind::kDrop, .move = move});
      }
    }
  }
  if (Killed(world) < scope.kills) {
    for (const kernel::Cpu* cpu : world.Living()) {
      AddKills(world, cpu->id().value, &faults);
    }
  }
  return faults;
}

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

void Take(const Choice& choice, World* world, Happenings* out,
          StepCache* cache) {
  switch (choice.kind) {
    case Choice::Kind::kDeliver:
      return world->Apply(choice.move, out, cache);
    case Choice::Kind::kDrop:
      return world->DropDoorbell(choice.move);
    case Choice::Kind::kKill:
      std::vector<std::uint64_t> bounds;
      return Kill(world, choice.cpu, choice.kept, &bounds);
  }
}

// The moves of one search: what it takes at once, and what it chooses from.
class Mover {
 public:
  Mover(const kernel::Profile& profile, const Scope& scope, bool reduce)
      : scope_(scope),
        reduction_(profile, scope.victim, scope.drops),
        reduce_(reduce) {}

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

  // Of a settled world: the messages that can be delivered.
  std::vector<Move> Deliveries(const World& world) const {
    std::vector<Move> moves = world.Enabled();
    if (reduce_) reduction_.DropUntakeable(world, &moves);
    return moves;
  }
  std::vector<Choice> Faults(const World& world) const {
    return FaultsIn(world, scope_);
  }
  // Deliveries and faults, in this order.
  std::vector<Choice> Choices(const World& world) const {
    std::vector<Choice> choices;
    for (const Move move : Deliveries(world)) choices.push_back({.move = move});
    for (Choice& fault : Faults(world)) choices.push_back(std::move(fault));
    return choices;
  }

  World Next(const World& world, const Choice& choice) {
    World next = world;
    Take(choice, &next, nullptr, &cache_);
    return next;
  }

 private:
  Scope scope_;
  Reduction reduction_;
  bool reduce_;
  StepStore store_;
  StepCache cache_{&store_};
};

bool IsQuiet(const World& world, const std::vector<Move>& choices) {
  return std::all_of(choices.begin(), choices.end(),
                     [&](Move move) { return IsNewCall(world, move); });
}

// Whether some continuation of `world` ends with nothing waiting: depth first,
// for where there is one it is found soon, and where there is none little is
// left to see. `new_calls`: those that come may help. No fault comes any more.
bool CanEnd(Mover& mover, World world, bool new_calls) {
  mover.Settle(&world, nullptr);
  std::vector<World> stack;
  absl::flat_hash_set<std::uint64_t> seen;
  seen.insert(world.fingerprint().low);
  stack.push_back(std::move(world));
  while (!stack.empty()) {
    const World here = std::move(stack.back());
    stack.pop_back();
    const std::vector<Move> moves = mover.Deliveries(here);
    std::vector<World> next;
    if (IsQuiet(here, moves)) {
      if (WaitsOf(here).empty()) return true;
      next.push_back(here);
      next.back().PassTime();
    }
    for (const Move move : moves) {
      if (new_calls || !IsNewCall(here, move)) {
        next.push_back(mover.Next(here, {.move = move}));
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
        mover_(options.profile, options.scope,
               options.reduce && !options.until_any &&
                   options.scope.kills == 0 &&
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
    const std::vector<Move> moves = mover_.Deliveries(open.world);
    if (moves.empty() && options_.at_rest) options_.at_rest(open.world);
    if (IsQuiet(open.world, moves)) {
      kernel::Violations waits = WaitsOf(open.world);
      if (!waits.empty()) {
        if (!CanEnd(mover_, open.world, /*new_calls=*/false)) {
          return Found(Verdict::kHangs, open, waits);
        }
        World later = open.world;
        later.PassTime();
        Reach(std::move(later), {open.node, kTime});
      }
    }
    std::uint16_t place = 0;
    for (const Move move : moves) {
      if (stop_) return;
      Reach(mover_.Next(open.world, {.move = move}), {open.node, place++});
    }
    for (const Choice& fault : mover_.Faults(open.world)) {
      if (stop_) return;
      Reach(mover_.Next(open.world, fault), {open.node, place++});
    }
  }

  void Reach(World world, Node node) {
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
        const Choice taken = mover_.Choices(world)[*choice];
        way.push_back(NameOf(world, taken));
        world = mover_.Next(world, taken);
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

ExploreResult Explore(const ExploreOptions& options) {
  return Search(options).Run();
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
  // Whoever names a fault may have it.
  const Scope any{.drops = ~0U, .kills = ~0U};
  std::vector<Choice> choices;
  for (const Move move : world->Enabled()) choices.push_back({.move = move});
  if (IsFault(name)) choices = FaultsIn(*world, any);
  std::vector<std::string> possible;
  for (const Choice& choice : choices) {
    possible.push_back(NameOf(*world, choice));
    if (possible.back() != name) continue;
    Take(choice, world, out, nullptr);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name, "\" is not possible; possible are: ",
                   possible.empty() ? "none" : absl::StrJoin(possible, ", ")));
}

}  // namespace belfry::lab
