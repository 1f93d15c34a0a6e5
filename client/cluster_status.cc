#include "client/cluster_status.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/coordinator.h"
#include "client/cpu_text.h"
#include "client/operations.h"
#include "client/profile_choice.h"
#include "trace/operation_text.h"

namespace belfry::client {
namespace {

void AddProblem(v1::ClusterStatus* status, absl::string_view problem) {
  status->add_problems(std::string(problem));
}

void AddDead(v1::ClusterStatus* status, absl::string_view process) {
  AddProblem(status,
             absl::StrCat(process, " is dead; run: belfry up --repair"));
}

// One line for each dead process is enough.
bool IsKnownDead(const v1::ClusterStatus& status, absl::string_view process) {
  const std::string line = absl::StrCat(process, " is dead");
  return std::any_of(status.problems().begin(), status.problems().end(),
                     [&line](const std::string& problem) {
                       return absl::StartsWith(problem, line);
                     });
}

// From the state directory alone. False when there is nobody to ask.
bool LookAtProcesses(const StateDir& dir, v1::ClusterStatus* status) {
  const auto cluster = LoadCluster(dir);
  if (!cluster.ok()) {
    status->set_state("stale");
    AddProblem(status, cluster.status().message());
    return false;
  }
  if (!cluster->has_value()) {
    status->set_state("down");
    AddProblem(status, "no cluster was started there; run: belfry up --detach");
    return false;
  }
  if (const auto* coordinator = FindProcess(**cluster, kCoordinatorName)) {
    status->set_coordinator(coordinator->address());
    status->set_coordinator_pid(coordinator->pid());
  }
  if (const auto* prometheus = FindProcess(**cluster, kPrometheusName)) {
    status->set_prometheus(prometheus->address());
  }
  if (const auto* alertmanager = FindProcess(**cluster, kAlertmanagerName)) {
    status->set_alertmanager(alertmanager->address());
  }
  status->set_log_dir(dir.log_dir());
  const std::vector<std::string> dead = DeadProcesses(**cluster);
  const Condition condition = ConditionOf(**cluster, dead);
  if (condition == Condition::kStale) {
    status->set_state("stale");
    AddProblem(status, "all its processes are dead; run: belfry up --detach");
    return false;
  }
  status->set_state(condition == Condition::kUp ? "up" : "degraded");
  for (const std::string& name : dead) {
    AddDead(status, name);
  }
  return true;
}

void LookAtCpus(const v1::Cluster& cluster, v1::ClusterStatus* status) {
  for (const v1::CpuInfo& cpu : cluster.cpus()) {
    const std::uint32_t stuck = cpu.report().waiters_stuck();
    if (stuck > 0) {
      AddProblem(status, absl::StrCat(CpuName(cpu.cpu()), " has ", stuck,
                                      " stuck waiter", stuck == 1 ? "" : "s",
                                      "; run: belfry explain"));
    }
    const bool crashed = cpu.state() == v1::CPU_STATE_CRASHED;
    if (crashed && !IsKnownDead(*status, CpuName(cpu.cpu()))) {
      AddProblem(status, absl::StrCat(CpuName(cpu.cpu()), " has crashed"));
    }
  }
  if (cluster.recovering()) {
    AddProblem(status, "a new coordinator waits for the CPUs that it knows");
  }
}

std::string OperationsText(const v1::Cluster& cluster) {
  if (!cluster.has_current()) return "none";
  std::string text = absl::StrCat("operation ", cluster.current().id(), " (",
                                  trace::WhatText(cluster.current()), ")");
  if (cluster.queued_operations() > 0) {
    absl::StrAppend(&text, ", and ", cluster.queued_operations(), " wait");
  }
  return text;
}

std::string ClusterText(const v1::Cluster& cluster) {
  return absl::StrCat(
      "  profile      ", ProfileText(cluster.profile()), "\n",
      "  CPUs         online ", cluster.view().online(), " of ",
      cluster.possible(), " (view ", cluster.view().number(), ")\n",
      "  doorbell     ", cluster.split_doorbell() ? "split" : "fused",
      cluster.gates() ? ", with gates" : "", "\n", "  operations   ",
      OperationsText(cluster), "\n", "  page         http://",
      cluster.metrics_address(), "/  (and /metrics)\n");
}

}  // namespace

v1::ClusterStatus StatusOf(const GlobalOptions& options, const StateDir& dir) {
  v1::ClusterStatus status;
  if (options.coordinator.empty()) {
    status.set_state_dir(dir.path());
    if (!LookAtProcesses(dir, &status)) return status;
  } else {
    status.set_state("remote");
    status.set_coordinator(options.coordinator);
  }
  auto coordinator = Connect(options);
  auto cluster = coordinator.ok()
                     ? coordinator->GetCluster()
                     : absl::StatusOr<v1::Cluster>(coordinator.status());
  if (!cluster.ok()) {
    status.set_state(options.coordinator.empty() ? "degraded" : "down");
    if (!IsKnownDead(status, kCoordinatorName)) {
      AddProblem(&status, cluster.status().message());
    }
    return status;
  }
  status.set_coordinator(coordinator->address());
  *status.mutable_cluster() = *std::move(cluster);
  LookAtCpus(status.cluster(), &status);
  return status;
}

std::string StatusText(const v1::ClusterStatus& status, const Output& out) {
  const bool good = status.state() == "up" || status.state() == "remote";
  std::string text = absl::StrCat(
      "cluster ",
      out.Painted(good ? Style::kGood : Style::kBad, status.state()), "\n");
  const auto add = [&text](absl::string_view name, absl::string_view value) {
    if (!value.empty()) absl::StrAppend(&text, "  ", name, value, "\n");
  };
  add("state        ", status.state_dir());
  add("logs         ", status.log_dir());
  add("coordinator  ", status.coordinator());
  if (status.has_cluster()) text += ClusterText(status.cluster());
  if (!status.prometheus().empty()) {
    add("prometheus   ", absl::StrCat("http://", status.prometheus(), "/"));
    add("alertmanager ", absl::StrCat("http://", status.alertmanager(), "/"));
  }
  for (const std::string& problem : status.problems()) {
    absl::StrAppend(&text, out.Painted(Style::kBad, "! "), problem, "\n");
  }
  return text;
}

}  // namespace belfry::client
