// The torture's threads on all nodes, and the sum of what they count.
#ifndef BELFRY_CLIENT_TORTURE_THREADS_H_
#define BELFRY_CLIENT_TORTURE_THREADS_H_

#include <cstdint>
#include <map>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "belfry/v1/coordinator.pb.h"
#include "belfry/v1/node.pb.h"

namespace belfry::client {

class TortureThreads {
 public:
  // CPU n of `cpus` gets its share of `nthreads`.
  TortureThreads(v1::Torture torture, std::uint32_t nthreads,
                 std::uint32_t cpus);

  // What the machine's processes have counted by now is none of this torture.
  void RememberBefore(const v1::Cluster& cluster);
  // On every CPU that has a process and no threads yet: all at first, later
  // those that were killed.
  absl::Status StartMissing(const v1::Cluster& cluster);
  // They start nothing more, until Resume().
  void Stop(const v1::Cluster& cluster);
  // Those of Stop() are missing from now on.
  void Resume();
  // Asks all; who does not answer keeps what it said last.
  void Refresh(const v1::Cluster& cluster);

  // Since RememberBefore().
  v1::TortureCounts Sum() const;
  // The call that is waited for longest.
  absl::Duration LongestWait() const;
  std::uint64_t Waiting() const;

 private:
  struct Life {
    std::uint64_t incarnation = 0;
    bool running = false;
    v1::TortureStatus status;
  };

  // Its calls have ended with its process.
  void End(Life* life);

  v1::Torture torture_;
  std::uint32_t nthreads_;
  std::uint32_t cpus_;
  std::map<std::uint32_t, Life> lives_;
  // Of processes that are dead.
  v1::TortureCounts ended_;
  // What is not to be counted.
  v1::TortureCounts before_;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_TORTURE_THREADS_H_
