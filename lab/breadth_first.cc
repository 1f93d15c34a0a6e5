#include "lab/breadth_first.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <limits>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lab/expander.h"
#include "lab/step_cache.h"
#include "lab/visited.h"

namespace belfry::lab {
namespace {

using Verdict = ExploreResult::Verdict;
using Fingerprint = Visited::Fingerprint;

// A state whose neighbours are not known yet.
struct Open {
  State state;
  Fingerprint fingerprint = 0;
};

// What a thread takes from a level at once.
using Chunk = std::vector<Open>;
constexpr std::size_t kChunk = 64;
// Of a booted machine: about so many messages are on their way at once.
constexpr std::size_t kPendingOnAverage = 12;

// Level by level: all states that are so many moves from the start are looked
// at, by all threads, before any that is further. What is found does not depend
// on which thread was faster: a level is always looked at to its end, of its
// findings the one with the least fingerprint counts, and of the shortest ways
// to a state the least.
//
// A thread owns its expander, the states that it has taken and those that it
// has reached; a level passes from all to all when its threads have joined.
// Shared are the states that were visited, the steps, and a few counters.
class BreadthFirst {
 public:
  explicit BreadthFirst(const ExploreOptions& options)
      : given_at_rest_(options.at_rest),
        options_(options),
        symmetry_(SymmetryOf(options)),
        steps_(/*with_happenings=*/options.until_any, symmetry_.renamings()),
        visited_(options.max_states != 0
                     ? options.max_states
                     : std::numeric_limits<std::size_t>::max()) {
    // Whoever is asked need not be thread-safe.
    if (options.at_rest) {
      options_.at_rest = [this](const World& world) {
        const std::lock_guard lock(at_rest_mutex_);
        given_at_rest_(world);
      };
    }
    for (unsigned i = 0; i < options.threads; ++i) {
      workers_.emplace_back(options_, symmetry_, &steps_);
    }
  }

  ExploreResult Run() {
    auto [start, moves] = workers_.front().expander.Start();
    start_ = FingerprintOf(start);
    Meet({.moves = static_cast<std::uint32_t>(moves)}, start,
         &workers_.front());
    while (!stop_.load(std::memory_order_relaxed)) {
      std::vector<Chunk> level = NextLevel();
      if (level.empty()) break;
      LookAt(&level);
      for (Worker& worker : workers_) Count(&worker);
      if (found_at_ || !Cut().empty()) break;
    }
    return Ended();
  }

 private:
  // States between two looks at the bounds.
  static constexpr std::size_t kCheckPeriod = 256;

  // One thread's.
  struct Worker {
    Worker(const ExploreOptions& options, const Symmetry& symmetry,
           StepStore* steps)
        : expander(options, symmetry, steps) {}

    Expander expander;
    // By moves from the start.
    std::map<std::size_t, std::vector<Chunk>> reached;
    std::size_t transitions = 0;
    std::size_t deepest = 0;
    std::size_t until_check = kCheckPeriod;
    std::optional<Fingerprint> found_at;
  };

  // The states with the shortest ways, of all threads.
  std::vector<Chunk> NextLevel() {
    std::size_t nearest = std::numeric_limits<std::size_t>::max();
    for (const Worker& worker : workers_) {
      if (worker.reached.empty()) continue;
      nearest = std::min(nearest, worker.reached.begin()->first);
    }
    std::vector<Chunk> level;
    for (Worker& worker : workers_) {
      const auto node = worker.reached.extract(nearest);
      if (!node) continue;
      std::move(node.mapped().begin(), node.mapped().end(),
                std::back_inserter(level));
    }
    level_ = nearest;
    return level;
  }

  void LookAt(std::vector<Chunk>* level) {
    std::atomic<std::size_t> next = 0;
    const auto work = [&](Worker* worker) {
      for (std::size_t i = next++; i < level->size(); i = next++) {
        Chunk& chunk = (*level)[i];
        for (const Open& open : chunk) Look(open, worker);
        open_.fetch_sub(chunk.size(), std::memory_order_relaxed);
        chunk = {};
      }
    };
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < std::min(workers_.size(), level->size()); ++i) {
      threads.emplace_back(work, &workers_[i]);
    }
    work(&workers_.front());
  }

  void Look(const Open& open, Worker* worker) {
    if (stop_.load(std::memory_order_relaxed)) return;
    // It was reached by a shorter way, and looked at then.
    if (shortened_.load(std::memory_order_relaxed) &&
        visited_.WayTo(open.fingerprint).moves < level_) {
      return;
    }
    worker->deepest = level_;
    const std::optional<Finding> finding = worker->expander.Look(
        open.state, [&](std::uint32_t choice, State& next, std::size_t moves) {
          worker->transitions += moves;
          Meet({.moves = static_cast<std::uint32_t>(level_ + moves),
                .rank = RankOf(choice),
                .parent = open.fingerprint},
               next, worker);
        });
    if (finding &&
        (!worker->found_at || open.fingerprint < *worker->found_at)) {
      worker->found_at = open.fingerprint;
    }
    if (--worker->until_check == 0) {
      worker->until_check = kCheckPeriod;
      CheckBounds(worker);
    }
  }

  Fingerprint FingerprintOf(const State& state) const {
    return state.fingerprint(symmetry_).low;
  }

  // A choice has not the same number in all states that are taken for one, and
  // which of these is looked at is by chance.
  std::uint32_t RankOf(std::uint32_t choice) const {
    return symmetry_.renamings().empty() ? choice : 0;
  }

  void Meet(const Visited::Way& way, State& state, Worker* worker) {
    const Fingerprint fingerprint = FingerprintOf(state);
    switch (visited_.Meet(fingerprint, way)) {
      case Visited::Meeting::kKnown:
        return;
      case Visited::Meeting::kNoRoom:
        return SetCut(absl::StrCat("after ", visited_.size(), " states"));
      case Visited::Meeting::kShorter:
        shortened_.store(true, std::memory_order_relaxed);
        break;
      case Visited::Meeting::kNew:
        break;
    }
    std::vector<Chunk>& chunks = worker->reached[way.moves];
    if (chunks.empty() || chunks.back().size() == kChunk) {
      chunks.emplace_back().reserve(kChunk);
    }
    chunks.back().push_back({std::move(state), fingerprint});
    open_.fetch_add(1, std::memory_order_relaxed);
  }

  std::size_t Bytes() const {
    const std::size_t open = sizeof(Open) +
                             options_.scope.cpus * sizeof(Shared<int>) +
                             kPendingOnAverage * sizeof(World::Pending);
    return visited_.bytes() + steps_.bytes() +
           open_.load(std::memory_order_relaxed) * open;
  }

  void CheckBounds(Worker* worker) {
    if (options_.max_bytes != 0 && Bytes() > options_.max_bytes) {
      SetCut(absl::StrCat("by the memory bound of ", options_.max_bytes >> 20,
                          " MiB"));
      visited_.Close();
    }
    // The caller's own thread is the first worker's.
    if (worker != &workers_.front() || !options_.progress) return;
    ExploreProgress progress = progress_;
    progress.depth = level_;
    progress.states = visited_.size();
    progress.frontier = open_.load(std::memory_order_relaxed);
    progress.bytes = Bytes();
    progress.transitions += worker->transitions;
    if (options_.progress(progress)) return;
    SetCut("by request");
    stop_.store(true, std::memory_order_relaxed);
  }

  // The first reason counts. The level goes on to its end, for what is to be
  // said of its states, but no new ones are kept.
  void SetCut(std::string why) {
    const std::lock_guard lock(cut_mutex_);
    if (cut_.empty()) cut_ = std::move(why);
  }
  std::string Cut() {
    const std::lock_guard lock(cut_mutex_);
    return cut_;
  }

  // After a level.
  void Count(Worker* worker) {
    progress_.transitions += std::exchange(worker->transitions, 0);
    progress_.depth = std::max(progress_.depth, worker->deepest);
    if (!worker->found_at) return;
    if (!found_at_ || *worker->found_at < *found_at_) {
      found_at_ = worker->found_at;
    }
  }

  ExploreResult Ended() {
    progress_.states = visited_.size();
    progress_.frontier = open_.load(std::memory_order_relaxed);
    progress_.bytes = Bytes();
    result_.last = progress_;
    if (!found_at_) {
      result_.cut = Cut();
      return std::move(result_);
    }
    Expander& expander = workers_.front().expander;
    Expander::Witness witness = expander.WitnessOf(StagesTo(*found_at_));
    result_.verdict = witness.finding->verdict;
    result_.violations = std::move(witness.finding->what);
    result_.schedule = expander.MovesOf(witness.choices);
    if (result_.verdict == Verdict::kHangs) {
      result_.point_of_no_return = expander.PointOfNoReturn(result_.schedule);
    }
    return std::move(result_);
  }

  std::vector<Expander::Stage> StagesTo(Fingerprint state) {
    std::vector<Expander::Stage> stages;
    while (state != start_) {
      const Visited::Way way = visited_.WayTo(state);
      stages.push_back({.fingerprint = state,
                        .moves = way.moves - visited_.WayTo(way.parent).moves});
      state = way.parent;
    }
    std::reverse(stages.begin(), stages.end());
    return stages;
  }

  const std::function<void(const World&)> given_at_rest_;
  ExploreOptions options_;
  const Symmetry symmetry_;
  std::mutex at_rest_mutex_;
  // Outlives the states that borrow from it.
  StepStore steps_;
  Visited visited_;
  std::deque<Worker> workers_;
  std::atomic<std::size_t> open_ = 0;
  std::atomic<bool> shortened_ = false;
  std::atomic<bool> stop_ = false;
  // Guards what is in the line below.
  std::mutex cut_mutex_;
  std::string cut_;
  // Between levels only.
  std::size_t level_ = 0;
  Fingerprint start_ = 0;
  std::optional<Fingerprint> found_at_;
  ExploreProgress progress_;
  ExploreResult result_;
};

}  // namespace

ExploreResult SearchBreadthFirst(const ExploreOptions& options) {
  return BreadthFirst(options).Run();
}

}  // namespace belfry::lab
