#include "lab/bit_state.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "lab/expander.h"
#include "lab/step_cache.h"

namespace belfry::lab {
namespace {

using Verdict = ExploreResult::Verdict;

// Why nobody knows that all was seen, though nothing has cut the search.
constexpr char kOnlyBits[] = "by keeping only bits of the states";

// A thread goes down from a state until it has left all that it reached. One
// that has nothing left takes over the branch of another that is nearest to the
// start. Shared are the bitmap, the steps, those branches, and a few counters.
class BitState {
 public:
  explicit BitState(const ExploreOptions& options)
      : options_(options),
        symmetry_(SymmetryOf(options)),
        steps_(/*with_happenings=*/options.until_any, symmetry_.renamings()),
        // The other half is for the steps, and the stacks.
        seen_(options.max_bytes / 2) {
    for (unsigned i = 0; i < options.threads; ++i) {
      workers_.emplace_back(options_, symmetry_, &steps_);
    }
  }

  ExploreResult Run() {
    if (!seen_.ok()) {
      return {.cut = absl::StrCat("for want of ", options_.max_bytes >> 20,
                                  " MiB of memory")};
    }
    auto [start, moves] = workers_.front().expander.Start();
    (void)Meet(start);
    {
      const std::lock_guard lock(mutex_);
      branches_.push_back({.state = std::move(start), .moves = moves});
    }
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 1; i < workers_.size(); ++i) {
        threads.emplace_back([this, i] { Work(&workers_[i]); });
      }
      Work(&workers_.front());
    }
    return Ended();
  }

 private:
  // States between two looks at the bounds.
  static constexpr std::size_t kCheckPeriod = 256;

  // A state to look at, and the choices that lead there.
  struct Branch {
    State state;
    std::vector<std::uint32_t> path;
    std::size_t moves = 0;
  };
  // The same on a stack: the path but for its last choice is the first part of
  // the one that its thread is on.
  struct Open {
    State state;
    std::uint32_t choice = 0;
    std::size_t depth = 0;
    std::size_t moves = 0;
  };
  struct Worker {
    Worker(const ExploreOptions& options, const Symmetry& symmetry,
           StepStore* steps)
        : expander(options, symmetry, steps) {}

    Expander expander;
    std::vector<std::uint32_t> path;
    std::deque<Open> stack;
    std::size_t deepest = 0;
    std::size_t until_check = kCheckPeriod;
  };

  bool Meet(const State& state) {
    if (!seen_.Insert(state.fingerprint(symmetry_))) return false;
    const std::size_t states = ++states_;
    if (options_.max_states != 0 && states >= options_.max_states) {
      Stop(absl::StrCat("after ", states, " states"));
    }
    return true;
  }

  void Work(Worker* worker) {
    while (std::optional<Branch> branch = TakeBranch()) {
      worker->path = std::move(branch->path);
      worker->stack.push_back(
          {.state = std::move(branch->state),
           .choice = worker->path.empty() ? 0 : worker->path.back(),
           .depth = worker->path.size(),
           .moves = branch->moves});
      while (!worker->stack.empty() && !stop_.load(std::memory_order_relaxed)) {
        Open open = std::move(worker->stack.back());
        worker->stack.pop_back();
        worker->path.resize(open.depth);
        if (open.depth > 0) worker->path.back() = open.choice;
        Look(open, worker);
        if (hungry_.load(std::memory_order_relaxed) > 0) Share(worker);
      }
      worker->stack.clear();
    }
  }

  void Look(const Open& here, Worker* worker) {
    worker->deepest = std::max(worker->deepest, here.moves);
    std::size_t transitions = 0;
    std::optional<Finding> finding = worker->expander.Look(
        here.state, [&](std::uint32_t choice, State& next, std::size_t moves) {
          transitions += moves;
          if (!Meet(next)) return;
          worker->stack.push_back({.state = std::move(next),
                                   .choice = choice,
                                   .depth = here.depth + 1,
                                   .moves = here.moves + moves});
        });
    transitions_.fetch_add(transitions, std::memory_order_relaxed);
    if (finding) Found(*std::move(finding), worker->path);
    if (--worker->until_check == 0) CheckBounds(worker);
  }

  void CheckBounds(Worker* worker) {
    worker->until_check = kCheckPeriod;
    if (steps_.bytes() > options_.max_bytes / 2) {
      Stop(absl::StrCat("by the memory bound of ", options_.max_bytes >> 20,
                        " MiB"));
    }
    // The caller's own thread is the first worker's.
    if (worker != &workers_.front() || !options_.progress) return;
    if (!options_.progress(Progress(worker->deepest))) Stop("by request");
  }

  ExploreProgress Progress(std::size_t depth) const {
    return {.states = states_.load(std::memory_order_relaxed),
            .transitions = transitions_.load(std::memory_order_relaxed),
            .depth = depth,
            .bytes = options_.max_bytes / 2 + steps_.bytes()};
  }

  // ---- Branches that pass from one thread to another.

  void Share(Worker* worker) {
    if (worker->stack.size() < 2) return;
    const std::lock_guard lock(mutex_);
    if (branches_.size() >= hungry_) return;
    Open& open = worker->stack.front();
    Branch branch{.state = std::move(open.state),
                  .path = worker->path,
                  .moves = open.moves};
    branch.path.resize(open.depth);
    if (open.depth > 0) branch.path.back() = open.choice;
    worker->stack.pop_front();
    branches_.push_back(std::move(branch));
    may_go_on_.notify_one();
  }

  // Nothing when the search is over: all wait for a branch.
  std::optional<Branch> TakeBranch() {
    std::unique_lock lock(mutex_);
    // The last one to be hungry ends the search for the others, too.
    if (++hungry_ == workers_.size()) may_go_on_.notify_all();
    may_go_on_.wait(lock, [this] {
      return !branches_.empty() || hungry_ == workers_.size() || stop_;
    });
    if (branches_.empty() || stop_.load()) return std::nullopt;
    --hungry_;
    Branch branch = std::move(branches_.front());
    branches_.pop_front();
    return branch;
  }

  // ---- The end.

  // The first reason counts.
  void Stop(std::string why) {
    const std::lock_guard lock(mutex_);
    if (result_.cut.empty()) result_.cut = std::move(why);
    stop_.store(true);
    may_go_on_.notify_all();
  }

  void Found(Finding finding, const std::vector<std::uint32_t>& path) {
    const std::lock_guard lock(mutex_);
    stop_.store(true);
    may_go_on_.notify_all();
    if (result_.verdict != Verdict::kNothing) return;
    result_.verdict = finding.verdict;
    result_.violations = std::move(finding.what);
    found_by_ = path;
  }

  ExploreResult Ended() {
    const std::lock_guard lock(mutex_);
    Expander& expander = workers_.front().expander;
    std::size_t deepest = 0;
    for (const Worker& worker : workers_) {
      deepest = std::max(deepest, worker.deepest);
    }
    result_.last = Progress(deepest);
    result_.expected_misses = seen_.ExpectedMisses(states_.load());
    if (result_.verdict == Verdict::kNothing) {
      if (result_.cut.empty()) result_.cut = kOnlyBits;
      return std::move(result_);
    }
    result_.cut.clear();
    result_.schedule = expander.MovesOf(found_by_);
    if (result_.verdict == Verdict::kHangs) {
      result_.point_of_no_return = expander.PointOfNoReturn(result_.schedule);
    }
    return std::move(result_);
  }

  const ExploreOptions& options_;
  const Symmetry symmetry_;
  // Outlives the states that borrow from it.
  StepStore steps_;
  Bitmap seen_;
  std::deque<Worker> workers_;
  std::atomic<std::size_t> states_ = 0;
  std::atomic<std::size_t> transitions_ = 0;
  // Threads that wait for a branch; it falls and rises under the mutex.
  std::atomic<std::size_t> hungry_ = 0;
  std::atomic<bool> stop_ = false;
  // Guards what is below.
  std::mutex mutex_;
  // There is a branch to take, or none is to be waited for any longer.
  std::condition_variable may_go_on_;
  std::deque<Branch> branches_;
  std::vector<std::uint32_t> found_by_;
  ExploreResult result_;
};

}  // namespace

Bitmap::Bitmap(std::size_t bytes)
    : bits_(std::max<std::uint64_t>(bytes / sizeof(std::uint64_t), 1) * 64),
      // Not written to before it is used: pages that are never touched take no
      // memory.
      words_(static_cast<std::uint64_t*>(
          std::calloc(bits_ / 64, sizeof(std::uint64_t)))) {}

void Bitmap::Free::operator()(std::uint64_t* words) const { std::free(words); }

bool Bitmap::Insert(const Digest& state) {
  bool added = false;
  // Double hashing: every bit by both halves.
  std::uint64_t hash = state.low;
  for (int i = 0; i < kBits; ++i, hash += state.high | 1) {
    const std::uint64_t bit = absl::Uint128High64(absl::uint128(hash) * bits_);
    const std::uint64_t mask = std::uint64_t{1} << (bit % 64);
    std::atomic_ref<std::uint64_t> word(words_[bit / 64]);
    added |= (word.fetch_or(mask, std::memory_order_relaxed) & mask) == 0;
  }
  return added;
}

double Bitmap::ExpectedMisses(std::size_t states) const {
  // Summed up over so many parts of the way: after n states a bit is set with
  // chance 1 - exp(-kBits n / bits), and a new state is missed if all of its
  // are.
  constexpr int kParts = 1000;
  double misses = 0;
  for (int part = 0; part < kParts; ++part) {
    const double n = static_cast<double>(states) * (part + 0.5) / kParts;
    const double set = -std::expm1(-kBits * n / static_cast<double>(bits_));
    const double missed = std::pow(set, kBits);
    misses += missed / (1 - missed) * static_cast<double>(states) / kParts;
  }
  return misses;
}

ExploreResult SearchBitState(const ExploreOptions& options) {
  return BitState(options).Run();
}

}  // namespace belfry::lab
