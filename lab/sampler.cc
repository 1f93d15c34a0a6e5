#include "lab/sampler.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "lab/random.h"
#include "lab/referee.h"
#include "lab/step_cache.h"
#include "lab/world.h"

namespace belfry::lab {
namespace {

// Where PCT puts its change points: a schedule of a small machine has about so
// many moves.
constexpr std::uint64_t kUsualLength = 150;
// Time passes so often where nothing moves: the watchdog rings, and its ring
// takes effect.
constexpr int kTimesThatTimePasses = 3;
constexpr std::uint64_t kProgressPeriod = 1024;
// Steps to remember; beyond it what was learnt is forgotten.
constexpr std::size_t kMaxCache = 200'000;

// Which of the moves is next, in one schedule.
class Chooser {
 public:
  Chooser(const SampleOptions& options, Random random)
      : options_(options), random_(random) {
    if (options.scheduler != Scheduler::kPct) return;
    for (std::uint32_t i = 1; i < options.depth; ++i) {
      changes_.push_back(random_.Below(kUsualLength));
    }
  }

  Move Next(const World& world, const std::vector<Move>& enabled) {
    if (options_.scheduler == Scheduler::kUniform) {
      return enabled[random_.Below(enabled.size())];
    }
    const Move highest = Highest(world, enabled);
    const bool change =
        std::find(changes_.begin(), changes_.end(), moves_++) != changes_.end();
    if (!change) return highest;
    // Below all that were ever drawn.
    priorities_[world.pending()[highest.place].lane] = --lowest_;
    return Highest(world, enabled);
  }

 private:
  static constexpr std::int64_t kPriorities = 1 << 30;

  Move Highest(const World& world, const std::vector<Move>& enabled) {
    return *std::max_element(
        enabled.begin(), enabled.end(), [&](Move a, Move b) {
          return PriorityOf(world.pending()[a.place].lane) <
                 PriorityOf(world.pending()[b.place].lane);
        });
  }

  std::int64_t PriorityOf(const Lane& lane) {
    const auto [found, added] = priorities_.try_emplace(lane, 0);
    if (added) {
      found->second =
          static_cast<std::int64_t>(random_.Below(std::uint64_t{kPriorities}));
    }
    return found->second;
  }

  const SampleOptions& options_;
  Random random_;
  std::uint64_t moves_ = 0;
  std::vector<std::uint64_t> changes_;
  std::map<Lane, std::int64_t> priorities_;
  std::int64_t lowest_ = 0;
};

class Sampler {
 public:
  explicit Sampler(const SampleOptions& options)
      : options_(options), start_(StartOf(options.profile, options.scope)) {
    Forget();
  }

  SampleResult Run() {
    while (result_.schedules < options_.schedules) {
      const std::uint64_t seed = Mix(options_.seed) ^ result_.schedules++;
      if (store_->size() > kMaxCache) Forget();
      // Names are made for a schedule that is worth it only.
      if (!WaitsAfter(seed, nullptr).empty()) {
        result_.violations = WaitsAfter(seed, &result_.schedule);
        break;
      }
      if (options_.progress && result_.schedules % kProgressPeriod == 0 &&
          !options_.progress(result_.schedules)) {
        break;
      }
    }
    return std::move(result_);
  }

 private:
  void Forget() {
    store_.emplace();
    cache_.emplace(&*store_);
  }

  // Plays the schedule that the seed gives, to its end.
  kernel::Violations WaitsAfter(std::uint64_t seed,
                                std::vector<std::string>* names) {
    World world = start_;
    Chooser chooser(options_, Random(seed));
    for (int passed = 0;; ++passed) {
      for (auto enabled = world.Enabled(); !enabled.empty();
           enabled = world.Enabled()) {
        const Move move = chooser.Next(world, enabled);
        if (names != nullptr) names->push_back(NameOf(world, move));
        world.Apply(move, nullptr, &*cache_);
        if (names == nullptr) ++result_.moves;
      }
      kernel::Violations waits = WaitsOf(world);
      if (waits.empty() || passed == kTimesThatTimePasses) return waits;
      if (names != nullptr) names->push_back(kTimePasses);
      world.PassTime();
    }
  }

  const SampleOptions& options_;
  const World start_;
  std::optional<StepStore> store_;
  std::optional<StepCache> cache_;
  SampleResult result_;
};

}  // namespace

SampleResult Sample(const SampleOptions& options) {
  return Sampler(options).Run();
}

double UpperBound(std::uint64_t schedules) {
  return 3.0 / static_cast<double>(schedules);
}

}  // namespace belfry::lab
