#include "client/chaos_load.h"

#include <utility>

#include "absl/time/clock.h"

namespace belfry::client {

ChaosLoad::ChaosLoad(Coordinator coordinator, const v1::Torture& torture,
                     std::uint32_t nthreads, std::uint32_t cpus)
    : coordinator_(std::move(coordinator)),
      recorder_(&coordinator_),
      threads_(torture, nthreads, cpus) {}

void ChaosLoad::Step() {
  if (recorder_.Poll().ok()) {
    // Who does not answer gets its threads with a later step.
    threads_.StartMissing(recorder_.cluster()).IgnoreError();
    threads_.Refresh(recorder_.cluster());
    Publish();
  }
  absl::SleepFor(kRecordEvery);
}

absl::StatusOr<std::uint64_t> ChaosLoad::Quiet() {
  const auto cluster = coordinator_.GetCluster();
  if (!cluster.ok()) return cluster.status();
  threads_.Stop(*cluster);
  threads_.Refresh(*cluster);
  threads_.Resume();
  Publish();
  return threads_.Waiting();
}

absl::StatusOr<v1::TraceReport> ChaosLoad::TakeTrace() {
  if (const absl::Status read = recorder_.Poll(); !read.ok()) return read;
  v1::TraceReport trace = recorder_.Trace();
  recorder_.Forget();
  return trace;
}

void ChaosLoad::Publish() {
  const std::lock_guard lock(mutex_);
  counts_ = threads_.Sum();
}

v1::TortureCounts ChaosLoad::Counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace belfry::client
