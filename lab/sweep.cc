#include "lab/sweep.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace belfry::lab {
namespace {

constexpr std::chrono::milliseconds kProgressPeriod(100);

class Sweeper {
 public:
  Sweeper(const Sweep& sweep, const Latencies& latencies)
      : sweep_(sweep), latencies_(latencies), next_(sweep.first_seed) {}

  SweepResult Run() {
    std::vector<std::jthread> workers;
    {
      const std::lock_guard lock(mutex_);
      working_ = sweep_.jobs;
    }
    for (unsigned i = 0; i < sweep_.jobs; ++i) {
      workers.emplace_back([this] { Work(); });
    }
    std::unique_lock lock(mutex_);
    while (!ended_.wait_for(lock, kProgressPeriod,
                            [this] { return working_ == 0; })) {
      if (sweep_.progress && !sweep_.progress(result_.runs)) {
        result_.interrupted = true;
      }
    }
    return std::move(result_);
  }

 private:
  // Seeds above one that fails are of no interest.
  std::optional<std::uint64_t> TakeSeed() {
    const std::lock_guard lock(mutex_);
    const bool over =
        result_.interrupted || exhausted_ ||
        (result_.failure && next_ > result_.failure->simulation.seed());
    if (over) return std::nullopt;
    exhausted_ = next_ == sweep_.last_seed;
    return next_++;
  }

  void Work() {
    while (const std::optional<std::uint64_t> seed = TakeSeed()) {
      v1::Simulation simulation =
          MakeSimulation(sweep_.shape, latencies_, *seed);
      Simulated simulated = Simulate(simulation, latencies_,
                                     {.stop_at_violation = !sweep_.until_hang});
      const std::lock_guard lock(mutex_);
      ++result_.runs;
      AddCounts(simulated.counts, &result_.counts);
      if (!Fails(simulated, sweep_.until_hang)) continue;
      if (result_.failure && result_.failure->simulation.seed() < *seed) {
        continue;
      }
      result_.failure = {std::move(simulation), std::move(simulated)};
    }
    const std::lock_guard lock(mutex_);
    if (--working_ == 0) ended_.notify_one();
  }

  const Sweep& sweep_;
  const Latencies& latencies_;
  // Guards what is below.
  std::mutex mutex_;
  // All workers have.
  std::condition_variable ended_;
  std::uint64_t next_;
  bool exhausted_ = false;
  unsigned working_ = 0;
  SweepResult result_;
};

}  // namespace

SweepResult RunSweep(const Sweep& sweep, const Latencies& latencies) {
  return Sweeper(sweep, latencies).Run();
}

bool Fails(const Simulated& simulated, bool until_hang) {
  return until_hang
             ? simulated.violated.contains(kernel::Invariant::kEveryWaitEnds)
             : !simulated.violated.empty();
}

void AddCounts(const v1::SimulationCounts& counts, v1::SimulationCounts* to) {
  to->set_events(to->events() + counts.events());
  to->set_virtual_us(to->virtual_us() + counts.virtual_us());
  to->set_offlines(to->offlines() + counts.offlines());
  to->set_onlines(to->onlines() + counts.onlines());
  to->set_failed_operations(to->failed_operations() +
                            counts.failed_operations());
  to->set_calls_completed(to->calls_completed() + counts.calls_completed());
  to->set_calls_refused(to->calls_refused() + counts.calls_refused());
  to->set_calls_lost(to->calls_lost() + counts.calls_lost());
  for (const auto& [kind, count] : counts.faults()) {
    (*to->mutable_faults())[kind] += count;
  }
}

}  // namespace belfry::lab
