// The processes of a chaos run: killed, paused, and started again, also where
// they have ended by right.
#ifndef BELFRY_CLIENT_CHAOS_PROCESSES_H_
#define BELFRY_CLIENT_CHAOS_PROCESSES_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/chaos_schedule.h"
#include "client/process.h"
#include "client/temporary_cluster.h"

namespace belfry::client {

class ChaosProcesses {
 public:
  ChaosProcesses(TemporaryCluster& cluster, std::uint32_t cpus);

  // False: it is dead already, or stopped.
  absl::StatusOr<bool> Kill(ChaosHost host);
  bool Pause(ChaosHost host);
  // What the two have done is undone; nothing where it is already.
  void Resume(ChaosHost host);
  absl::Status Restart(ChaosHost host);

  // Starts those again that have ended because they had been declared dead, as
  // whatever supervises a node does; returns them. An error: one has ended by
  // itself, or does not start.
  absl::StatusOr<std::vector<ChaosHost>> Tend();

  bool AllUp() const;
  ProcessId IdOfHost(ChaosHost host) const;
  // Those that have died, by us or declared dead, since the last ForgetDead().
  const std::set<ChaosHost>& dead() const { return dead_; }
  void ForgetDead() { dead_.clear(); }

 private:
  struct State {
    // It runs, as far as we know.
    bool up = true;
    bool paused = false;
    // Of one that ended: when it is started again.
    absl::Time restart = absl::InfiniteFuture();
  };

  std::string NameOfHost(ChaosHost host) const;

  TemporaryCluster& cluster_;
  std::uint32_t cpus_;
  std::vector<State> states_;
  std::set<ChaosHost> dead_;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_CHAOS_PROCESSES_H_
