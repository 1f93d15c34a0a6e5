// The processes of a cluster on this host: started, found missing, ended.
#ifndef BELFRY_CLIENT_LOCAL_CLUSTER_H_
#define BELFRY_CLIENT_LOCAL_CLUSTER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "belfry/v1/report.pb.h"
#include "client/interrupt.h"
#include "client/options.h"
#include "client/process.h"
#include "client/state_dir.h"

namespace belfry::client {

// The machine that the options describe, or what is wrong with them.
absl::StatusOr<v1::LocalCluster> MachineFromOptions(const UpOptions& options);

// How long something may take, and who may stop it before.
struct Patience {
  absl::Time deadline;
  const Interrupt* interrupt;

  // CANCELLED, DEADLINE_EXCEEDED (exit code 124) or ok.
  absl::Status Check(absl::string_view what) const;
};

using ProgressFunction = std::function<void(absl::string_view)>;

// Starts every process of the machine that is not alive, and waits until each
// says its address. `cluster` is saved whenever a process was started, so that
// `down` finds it whatever happens to us. Returns the names of the started.
absl::StatusOr<std::vector<std::string>> StartMissing(
    const StateDir& dir, v1::LocalCluster* cluster, Lifetime lifetime,
    const Patience& patience, const ProgressFunction& progress);

// The coordinator or a node, and does not wait until it is ready: its address
// is as it was.
absl::Status SpawnAgain(const StateDir& dir, const std::string& name,
                        v1::LocalCluster* cluster, Lifetime lifetime);

// The same, and waits.
absl::Status StartAgain(const StateDir& dir, const std::string& name,
                        v1::LocalCluster* cluster, Lifetime lifetime,
                        const Patience& patience);

// Waits until the coordinator has heard of the end of a CPU's process, by name:
// until then its number is taken.
absl::Status AwaitDetached(const v1::LocalCluster& cluster,
                           const std::string& name, const Patience& patience);

// Waits until the coordinator knows every CPU's process.
absl::Status AwaitAttached(const v1::LocalCluster& cluster,
                           const Patience& patience);

// The same, and brings all of them online.
absl::Status BringOnline(const v1::LocalCluster& cluster,
                         const Patience& patience,
                         const ProgressFunction& progress);

// What can be told of the processes without the cluster's file: those that have
// said their address and still run.
v1::LocalCluster ClusterFromAddresses(const StateDir& dir);

// The last line of its log, without time, level and name: what it died of.
std::string LastWords(const v1::LocalCluster::Process& process);

struct Stopped {
  // Were alive, and ended when asked to.
  std::vector<std::string> ended;
  // Did not, and were killed.
  std::vector<std::string> killed;
};
// Asks every process to end; after `grace` asks again, which is a wish to end
// at once; and kills what is left a second later.
Stopped StopProcesses(const v1::LocalCluster& cluster, absl::Duration grace);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_LOCAL_CLUSTER_H_
