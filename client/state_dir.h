// The state directory: what `belfry up` leaves behind for the other verbs, and
// what can be told from it about a cluster without asking anybody.
#ifndef BELFRY_CLIENT_STATE_DIR_H_
#define BELFRY_CLIENT_STATE_DIR_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "belfry/v1/report.pb.h"
#include "client/process.h"

namespace belfry::client {

inline constexpr absl::string_view kCoordinatorName = "coordinator";
inline constexpr absl::string_view kAlertmanagerName = "alertmanager";
inline constexpr absl::string_view kPrometheusName = "prometheus";
// "cpu/3".
std::string CpuName(std::uint32_t cpu);

// Where things are in it.
class StateDir {
 public:
  explicit StateDir(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::string cluster_file() const { return path_ + "/cluster.textproto"; }
  std::string log_dir() const { return path_ + "/logs"; }
  std::string run_dir() const { return path_ + "/run"; }
  // Prometheus' and Alertmanager's configuration and data.
  std::string monitoring_dir() const { return path_ + "/monitoring"; }
  std::string lock_file() const { return path_ + "/lock"; }
  // Locked by the coordinator for as long as it runs.
  std::string coordinator_lock_file() const {
    return path_ + "/coordinator.lock";
  }
  // Of the process with this name.
  std::string log_file(absl::string_view process) const;
  std::string address_file(absl::string_view process) const;

 private:
  std::string path_;
};

// $XDG_STATE_HOME/belfry, else ~/.local/state/belfry.
std::string DefaultStateDir();

// Nothing when no cluster was started there.
absl::StatusOr<std::optional<v1::LocalCluster>> LoadCluster(
    const StateDir& dir);
absl::Status SaveCluster(const StateDir& dir, const v1::LocalCluster& cluster);

// Null when it was never started.
const v1::LocalCluster::Process* FindProcess(const v1::LocalCluster& cluster,
                                             absl::string_view name);

ProcessId IdOf(const v1::LocalCluster::Process& process);

// The coordinator, every CPU of the machine, and what monitors them.
std::vector<std::string> ProcessNames(const v1::LocalCluster& cluster);

using AliveFunction = std::function<bool(const ProcessId&)>;

// The processes that ought to run and do not. After a boot of the host all are
// dead, whatever runs under their pids.
std::vector<std::string> DeadProcesses(const v1::LocalCluster& cluster,
                                       const std::string& boot_id,
                                       const AliveFunction& alive);
std::vector<std::string> DeadProcesses(const v1::LocalCluster& cluster);

enum class Condition {
  kUp,
  // Some processes are dead.
  kDegraded,
  // All are: nobody took it down.
  kStale,
};
Condition ConditionOf(const v1::LocalCluster& cluster,
                      const std::vector<std::string>& dead);

// Remove what belongs to a machine that is off. Only for a cluster whose
// processes are dead.
void RemoveState(const StateDir& dir);
void RemoveJournal(const StateDir& dir);
void RemoveLogs(const StateDir& dir);

// The coordinator has been here.
bool HasJournal(const StateDir& dir);
// It is here now, be its process on this host or in another container of it.
bool CoordinatorRuns(const StateDir& dir);

// Keeps a second `belfry up` or `down` out while one works on the directory.
class StateLock {
 public:
  // FAILED_PRECONDITION when another process has it.
  static absl::StatusOr<StateLock> Take(const StateDir& dir);
  StateLock(StateLock&& other) noexcept;
  StateLock& operator=(StateLock&&) = delete;
  ~StateLock();

 private:
  explicit StateLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_STATE_DIR_H_
