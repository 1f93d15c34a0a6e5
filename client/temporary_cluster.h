// A cluster that lives as long as one run.
#ifndef BELFRY_CLIENT_TEMPORARY_CLUSTER_H_
#define BELFRY_CLIENT_TEMPORARY_CLUSTER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "belfry/v1/report.pb.h"
#include "client/coordinator.h"
#include "client/local_cluster.h"
#include "client/state_dir.h"

namespace belfry::client {

// What one run on a temporary cluster may take, its start included: a minute,
// unless --timeout is given.
Patience PatienceOfRun(const GlobalOptions& options,
                       const Interrupt& interrupt);

class TemporaryCluster {
 public:
  // Up with every CPU online, in a directory of its own. When it does not come
  // up, nothing is left of it but its logs. With kOwn it is kept: nobody takes
  // it down.
  static absl::StatusOr<std::unique_ptr<TemporaryCluster>> Start(
      const v1::LocalCluster& machine, Lifetime lifetime,
      const Patience& patience, const ProgressFunction& progress);
  ~TemporaryCluster();
  TemporaryCluster(const TemporaryCluster&) = delete;
  TemporaryCluster& operator=(const TemporaryCluster&) = delete;

  Coordinator Connect() const;
  // What is known of its processes here.
  const v1::LocalCluster& processes() const { return cluster_; }
  // Nothing is done when the process is dead.
  void Signal(const std::string& name, int number) const;
  // SIGKILL; returns when the process is dead.
  absl::Status Kill(const std::string& name);
  // A new process of that name, which may not be ready yet.
  absl::Status Respawn(const std::string& name);
  // The same; returns its address when it is ready.
  absl::StatusOr<std::string> Restart(const std::string& name,
                                      const Patience& patience);
  // Both; returns when it has attached.
  absl::Status KillAndRestart(const std::string& name,
                              const Patience& patience);
  // Its logs outlive it; returns where they are.
  std::string KeepLogs();
  // Of one that is kept: where it is, and how to take it down.
  std::string KeptText() const;

 private:
  TemporaryCluster(StateDir dir, v1::LocalCluster machine)
      : dir_(std::move(dir)), cluster_(std::move(machine)) {}

  Lifetime lifetime() const { return keep_ ? Lifetime::kOwn : Lifetime::kOurs; }

  StateDir dir_;
  v1::LocalCluster cluster_;
  bool keep_ = false;
  bool keep_directory_ = false;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_TEMPORARY_CLUSTER_H_
