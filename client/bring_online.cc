// The part of starting a cluster that talks to it.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/coordinator.h"
#include "client/local_cluster.h"
#include "client/operations.h"

namespace belfry::client {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(10);
// A process that was just started answers in less.
constexpr absl::Duration kRpcTimeout = absl::Seconds(10);

bool IsAttached(const v1::CpuInfo& cpu) {
  return !cpu.address().empty() && cpu.state() != v1::CPU_STATE_ABSENT &&
         cpu.state() != v1::CPU_STATE_CRASHED;
}

std::string NotAttached(const v1::Cluster& cluster) {
  std::vector<std::string> names;
  for (const v1::CpuInfo& cpu : cluster.cpus()) {
    if (!IsAttached(cpu)) names.push_back(CpuName(cpu.cpu()));
  }
  return absl::StrJoin(names, ", ");
}

Coordinator CoordinatorOf(const v1::LocalCluster& cluster) {
  return Coordinator(FindProcess(cluster, kCoordinatorName)->address(),
                     kRpcTimeout,
                     [] { return "see: belfry logs coordinator"; });
}

// The boot CPU comes up by itself; without it nobody can bring up the others.
absl::StatusOr<v1::Cluster> AwaitBootCpu(Coordinator& coordinator,
                                         const Patience& patience) {
  while (true) {
    absl::StatusOr<v1::Cluster> cluster = coordinator.GetCluster();
    if (!cluster.ok() || LowestOnline(*cluster).has_value()) return cluster;
    const absl::Status status = patience.Check("no CPU was online");
    if (!status.ok()) return status;
    absl::SleepFor(kPollInterval);
  }
}

}  // namespace

absl::Status AwaitDetached(const v1::LocalCluster& cluster,
                           const std::string& name, const Patience& patience) {
  Coordinator coordinator = CoordinatorOf(cluster);
  while (true) {
    const absl::StatusOr<v1::Cluster> now = coordinator.GetCluster();
    if (!now.ok()) return now.status();
    const bool attached = std::any_of(
        now->cpus().begin(), now->cpus().end(), [&](const v1::CpuInfo& cpu) {
          return CpuName(cpu.cpu()) == name && IsAttached(cpu);
        });
    if (!attached) return absl::OkStatus();
    const absl::Status status = patience.Check(
        absl::StrCat("the coordinator had not heard of the end of ", name));
    if (!status.ok()) return status;
    absl::SleepFor(kPollInterval);
  }
}

absl::Status AwaitAttached(const v1::LocalCluster& cluster,
                           const Patience& patience) {
  Coordinator coordinator = CoordinatorOf(cluster);
  while (true) {
    const absl::StatusOr<v1::Cluster> now = coordinator.GetCluster();
    if (!now.ok()) return now.status();
    const std::string missing = NotAttached(*now);
    if (missing.empty() && !now->recovering()) return absl::OkStatus();
    const absl::Status status = patience.Check(
        absl::StrCat(missing, " had not attached to the coordinator"));
    if (!status.ok()) return status;
    absl::SleepFor(kPollInterval);
  }
}

absl::Status BringOnline(const v1::LocalCluster& cluster,
                         const Patience& patience,
                         const ProgressFunction& progress) {
  const absl::Status attached = AwaitAttached(cluster, patience);
  if (!attached.ok()) return attached;
  Coordinator coordinator = CoordinatorOf(cluster);
  const absl::StatusOr<v1::Cluster> now = AwaitBootCpu(coordinator, patience);
  if (!now.ok()) return now.status();
  for (const v1::CpuInfo& cpu : now->cpus()) {
    if (cpu.state() == v1::CPU_STATE_ONLINE) continue;
    progress(absl::StrCat("bringing CPUs online: ", cpu.cpu() + 1, " of ",
                          cluster.cpus()));
    const auto started =
        StartOnline(coordinator, cpu.cpu(), /*on=*/std::nullopt);
    if (!started.ok()) return started.status();
    const auto ended = AwaitOperation(coordinator, *started, patience.deadline,
                                      *patience.interrupt);
    if (!ended.ok()) return ended.status();
    const absl::Status outcome = OutcomeOf(*ended, *patience.interrupt);
    if (!outcome.ok()) return outcome;
  }
  return absl::OkStatus();
}

}  // namespace belfry::client
