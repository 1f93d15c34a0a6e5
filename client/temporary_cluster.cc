#include "client/temporary_cluster.h"

#include <signal.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/process.h"

namespace belfry::client {
namespace {

// Nobody will miss what its processes had still to do: after this they are
// asked to end at once.
constexpr absl::Duration kStopGrace = absl::Milliseconds(50);
constexpr absl::Duration kRunTimeout = absl::Seconds(60);
// Of one RPC to a local process.
constexpr absl::Duration kRpcTimeout = absl::Seconds(10);

absl::StatusOr<StateDir> MakeDirectory() {
  std::error_code error;
  std::string path =
      (std::filesystem::temp_directory_path(error) / "belfry-XXXXXX").string();
  if (error || mkdtemp(path.data()) == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot make a directory for the cluster: ", std::strerror(errno)));
  }
  return StateDir(path);
}

}  // namespace

Patience PatienceOfRun(const GlobalOptions& options,
                       const Interrupt& interrupt) {
  return {absl::Now() + (options.timeout_given ? options.timeout : kRunTimeout),
          &interrupt};
}

absl::StatusOr<std::unique_ptr<TemporaryCluster>> TemporaryCluster::Start(
    const v1::LocalCluster& machine, Lifetime lifetime,
    const Patience& patience, const ProgressFunction& progress) {
  // Before there is anything to be left behind.
  for (const absl::string_view name : {"belfry-coordinator", "belfry-node"}) {
    const absl::StatusOr<std::string> program = FindProgram(name);
    if (!program.ok()) return program.status();
  }
  absl::StatusOr<StateDir> dir = MakeDirectory();
  if (!dir.ok()) return dir.status();
  auto cluster = std::unique_ptr<TemporaryCluster>(
      new TemporaryCluster(*std::move(dir), machine));
  absl::Status status = StartMissing(cluster->dir_, &cluster->cluster_,
                                     lifetime, patience, progress)
                            .status();
  if (status.ok()) status = BringOnline(cluster->cluster_, patience, progress);
  if (!status.ok()) {
    // The error names the logs.
    cluster->keep_directory_ = !absl::IsCancelled(status);
    return status;
  }
  cluster->keep_ = lifetime == Lifetime::kOwn;
  return cluster;
}

TemporaryCluster::~TemporaryCluster() {
  if (keep_) return;
  StopProcesses(cluster_, kStopGrace);
  if (keep_directory_) return;
  std::error_code ignored;
  std::filesystem::remove_all(dir_.path(), ignored);
}

Coordinator TemporaryCluster::Connect() const {
  return Coordinator({FindProcess(cluster_, kCoordinatorName)->address()},
                     kRpcTimeout, [] { return "it died during the run"; });
}

void TemporaryCluster::Signal(const std::string& name, int number) const {
  SendSignal(IdOf(*FindProcess(cluster_, name)), number);
}

absl::Status TemporaryCluster::Kill(const std::string& name) {
  const ProcessId victim = IdOf(*FindProcess(cluster_, name));
  SendSignal(victim, SIGKILL);
  if (WaitForDeath({victim}, kRpcTimeout)) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(name, " does not die"));
}

absl::Status TemporaryCluster::Respawn(const std::string& name) {
  return SpawnAgain(dir_, name, &cluster_, lifetime());
}

absl::StatusOr<std::string> TemporaryCluster::Restart(
    const std::string& name, const Patience& patience) {
  const absl::Status started =
      StartAgain(dir_, name, &cluster_, lifetime(), patience);
  if (!started.ok()) return started;
  return FindProcess(cluster_, name)->address();
}

absl::Status TemporaryCluster::KillAndRestart(const std::string& name,
                                              const Patience& patience) {
  absl::Status status = Kill(name);
  if (status.ok()) status = AwaitDetached(cluster_, name, patience);
  if (status.ok()) status = Restart(name, patience).status();
  return status.ok() ? AwaitAttached(cluster_, patience) : status;
}

std::string TemporaryCluster::KeepLogs() {
  keep_directory_ = true;
  return dir_.log_dir();
}

std::string TemporaryCluster::KeptText() const {
  const std::string belfry = absl::StrCat("belfry --state-dir ", dir_.path());
  return absl::StrCat("kept: ", belfry, " status; take it down with: ", belfry,
                      " down");
}

}  // namespace belfry::client
