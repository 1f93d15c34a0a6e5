// The part of starting a cluster that talks to it.
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
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
  return Coordinator({FindProcess(cluster, kCoordinatorName)->address()},
                     kRpcTimeout,
                     [] { return "see: belfry logs coordinator"; });
}

// Asks until nothing is amiss any more: `amiss` says what is, in words.
absl::StatusOr<v1::Cluster> AwaitCluster(
    Coordinator& coordinator, const Patience& patience,
    absl::FunctionRef<std::string(const v1::Cluster&)> amiss) {
  while (true) {
    absl::StatusOr<v1::Cluster> cluster = coordinator.GetCluster();
    if (!cluster.ok()) return cluster;
    const std::string what = amiss(*cluster);
    if (what.empty()) return cluster;
    const absl::Status status = patience.Check(what);
    if (!status.ok()) return status;
    absl::SleepFor(kPollInterval);
  }
}

// The boot CPU comes up by itself; without it nobody can bring up the others.
absl::StatusOr<v1::Cluster> AwaitBootCpu(Coordinator& coordinator,
                                         const Patience& patience) {
  return AwaitCluster(coordinator, patience, [](const v1::Cluster& cluster) {
    return LowestOnline(cluster) ? "" : "no CPU was online";
  });
}

}  // namespace

absl::Status AwaitDetached(const v1::LocalCluster& cluster,
                           const std::string& name, const Patience& patience) {
  Coordinator coordinator = CoordinatorOf(cluster);
  const auto amiss = [&](const v1::Cluster& now) -> std::string {
    for (const v1::CpuInfo& cpu : now.cpus()) {
      if (CpuName(cpu.cpu()) != name || !IsAttached(cpu)) continue;
      return "the coordinator had not heard of the end of " + name;
    }
    return "";
  };
  return AwaitCluster(coordinator, patience, amiss).status();
}

absl::Status AwaitAttached(const v1::LocalCluster& cluster,
                           const Patience& patience) {
  Coordinator coordinator = CoordinatorOf(cluster);
  const auto amiss = [](const v1::Cluster& now) -> std::string {
    const std::string missing = NotAttached(now);
    if (missing.empty() && !now.recovering()) return "";
    return absl::StrCat(missing, " had not attached to the coordinator");
  };
  return AwaitCluster(coordinator, patience, amiss).status();
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
