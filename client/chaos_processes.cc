#include "client/chaos_processes.h"

#include <signal.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/local_cluster.h"
#include "client/state_dir.h"

namespace belfry::client {
namespace {

// As a supervisor's.
constexpr absl::Duration kRestartDelay = absl::Milliseconds(100);

// What a node says that the coordinator will not have: it was held for dead, or
// its predecessor is not yet.
bool EndedByRight(const std::string& words) {
  return absl::StrContains(words, "declared dead") ||
         absl::StrContains(words, "is taken by process");
}

}  // namespace

ChaosProcesses::ChaosProcesses(TemporaryCluster& cluster, std::uint32_t cpus)
    : cluster_(cluster), cpus_(cpus), states_(cpus + 1) {}

std::string ChaosProcesses::NameOfHost(ChaosHost host) const {
  return ChaosHostName(host, cpus_);
}

ProcessId ChaosProcesses::IdOfHost(ChaosHost host) const {
  return IdOf(*FindProcess(cluster_.processes(), NameOfHost(host)));
}

absl::StatusOr<bool> ChaosProcesses::Kill(ChaosHost host) {
  State& state = states_[host];
  if (!state.up) return false;
  const absl::Status killed = cluster_.Kill(NameOfHost(host));
  if (!killed.ok()) return killed;
  state = {.up = false};
  dead_.insert(host);
  return true;
}

bool ChaosProcesses::Pause(ChaosHost host) {
  State& state = states_[host];
  if (!state.up || state.paused) return false;
  cluster_.Signal(NameOfHost(host), SIGSTOP);
  state.paused = true;
  return true;
}

void ChaosProcesses::Resume(ChaosHost host) {
  State& state = states_[host];
  if (!state.paused) return;
  cluster_.Signal(NameOfHost(host), SIGCONT);
  state.paused = false;
}

absl::Status ChaosProcesses::Restart(ChaosHost host) {
  if (states_[host].up) return absl::OkStatus();
  states_[host] = {};
  return cluster_.Respawn(NameOfHost(host));
}

absl::StatusOr<std::vector<ChaosHost>> ChaosProcesses::Tend() {
  std::vector<ChaosHost> ended;
  for (ChaosHost host = 0; host < states_.size(); ++host) {
    State& state = states_[host];
    if (state.up && !IsAlive(IdOfHost(host))) {
      const std::string words =
          LastWords(*FindProcess(cluster_.processes(), NameOfHost(host)));
      if (!EndedByRight(words)) {
        return absl::InternalError(
            absl::StrCat(NameOfHost(host), " has ended by itself (",
                         Reap(IdOfHost(host)), "): ", words));
      }
      Reap(IdOfHost(host));
      state = {.up = false, .restart = absl::Now() + kRestartDelay};
      dead_.insert(host);
      ended.push_back(host);
    }
    if (absl::Now() < state.restart) continue;
    const absl::Status started = Restart(host);
    if (!started.ok()) return started;
  }
  return ended;
}

bool ChaosProcesses::AllUp() const {
  return std::all_of(states_.begin(), states_.end(), [](const State& state) {
    return state.up && !state.paused;
  });
}

}  // namespace belfry::client
