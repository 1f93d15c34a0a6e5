// What works on a chaos run's cluster and watches it: the torture's threads on
// every node, and the recorder of what all do.
#ifndef BELFRY_CLIENT_CHAOS_LOAD_H_
#define BELFRY_CLIENT_CHAOS_LOAD_H_

#include <cstdint>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "belfry/v1/report.pb.h"
#include "client/coordinator.h"
#include "client/recorder.h"
#include "client/torture_threads.h"

namespace belfry::client {

class ChaosLoad {
 public:
  ChaosLoad(Coordinator coordinator, const v1::Torture& torture,
            std::uint32_t nthreads, std::uint32_t cpus);

  // Threads for those that have none, what all count, what all recorded.
  void Step();

  // The rest, while nobody steps. The threads start nothing more, until a step;
  // what they still wait for is counted.
  absl::StatusOr<std::uint64_t> Quiet();
  // The trace since the last time.
  absl::StatusOr<v1::TraceReport> TakeTrace();

  // At any time.
  v1::TortureCounts Counts() const;

 private:
  void Publish();

  Coordinator coordinator_;
  Recorder recorder_;
  TortureThreads threads_;

  mutable std::mutex mutex_;
  v1::TortureCounts counts_;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_CHAOS_LOAD_H_
