#include "client/coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/exit_code.h"
#include "client/process.h"
#include "client/state_dir.h"
#include "rpc/address.h"

namespace belfry::client {
namespace {

// A process that is killed closes its sockets some time before it is gone.
constexpr absl::Duration kDying = absl::Milliseconds(200);

// Where there are others to ask, one that hangs is not waited for.
constexpr absl::Duration kOneTry = absl::Seconds(1);
// From one to the next: when all have been asked, it gets longer.
constexpr std::chrono::milliseconds kPauseFirst{20};
constexpr std::chrono::milliseconds kPauseMax{200};

absl::Status NoCluster(absl::string_view why) {
  return WithRpcExitCode(
      absl::UnavailableError(absl::StrCat("no cluster: ", why)));
}

std::string RemedyOf(const v1::LocalCluster& cluster) {
  WaitForDeath({IdOf(*FindProcess(cluster, kCoordinatorName))}, kDying);
  const std::vector<std::string> dead = DeadProcesses(cluster);
  switch (ConditionOf(cluster, dead)) {
    case Condition::kStale:
      return "its processes are dead; run: belfry up --detach";
    case Condition::kDegraded:
      if (dead.front() == kCoordinatorName) {
        return "the coordinator is dead; run: belfry up --repair";
      }
      break;
    case Condition::kUp:
      break;
  }
  return "its process lives; see: belfry logs coordinator";
}

}  // namespace

Coordinator::Coordinator(std::vector<std::string> addresses,
                         absl::Duration timeout, Remedy remedy)
    : coordinators_(std::move(addresses)),
      timeout_(timeout),
      remedy_(std::move(remedy)),
      stub_(v1::CoordinatorService::NewStub(OpenChannel(address()))),
      backoff_(kPauseFirst, kPauseMax) {}

absl::Status Coordinator::FindLeader(absl::Duration timeout) {
  if (!coordinators_.several()) return absl::OkStatus();
  return Ask(&Stub::GetCanary, v1::GetCanaryRequest(), timeout).status();
}

absl::Duration Coordinator::TimeFor(absl::Time deadline,
                                    bool may_repeat) const {
  const absl::Duration left = deadline - absl::Now();
  return may_repeat && coordinators_.several() ? std::min(left, kOneTry) : left;
}

bool Coordinator::TurnToNext(const absl::Status& status, absl::Time deadline,
                             bool may_repeat) {
  // It is not there, hangs, or ended while it was asked.
  const bool no_answer =
      NobodyAnswers(status) ||
      (!IsFromServer(status) &&
       (absl::IsDeadlineExceeded(status) || absl::IsCancelled(status)));
  const bool others = coordinators_.several() && may_repeat;
  if (!IsNotLeader(status) && !(others && no_answer)) return false;
  const absl::Duration pause = absl::FromChrono(backoff_.Jittered());
  if (absl::Now() + pause >= deadline) return false;
  const std::string last = address();
  if (coordinators_.Next(LeaderOf(status))) backoff_.Grow();
  if (address() != last) {
    stub_ = v1::CoordinatorService::NewStub(OpenChannel(address()));
  }
  absl::SleepFor(pause);
  return true;
}

absl::StatusOr<v1::Cluster> Coordinator::GetCluster() {
  auto response = Ask(&Stub::GetCluster, v1::GetClusterRequest());
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_cluster());
}

absl::Status Coordinator::Explained(const absl::Status& status) const {
  if (NobodyAnswers(status)) {
    return NoCluster(
        absl::StrCat("nothing answers at ", address(), "; ", remedy_()));
  }
  if (absl::IsDeadlineExceeded(status) && !IsFromServer(status)) {
    return WithRpcExitCode(absl::DeadlineExceededError(absl::StrCat(
        "the coordinator at ", address(), " did not answer in time")));
  }
  return status;
}

absl::StatusOr<Coordinator> Connect(const GlobalOptions& options) {
  if (!options.coordinator.empty()) {
    auto addresses = rpc::ParseAddresses("--coordinator", options.coordinator);
    if (!addresses.ok()) {
      return UsageError(std::string(addresses.status().message()));
    }
    return Coordinator(*std::move(addresses), options.timeout, [] {
      return "is --coordinator (or BELFRY_COORDINATOR) right?";
    });
  }
  const StateDir dir(options.state_dir);
  const auto cluster = LoadCluster(dir);
  if (!cluster.ok()) return cluster.status();
  const v1::LocalCluster::Process* coordinator =
      cluster->has_value() ? FindProcess(**cluster, kCoordinatorName) : nullptr;
  if (coordinator == nullptr || coordinator->address().empty()) {
    return NoCluster(absl::StrCat("none was started in ", dir.path(),
                                  "; run: belfry up --detach"));
  }
  return Coordinator({coordinator->address()}, options.timeout,
                     [cluster = **cluster] { return RemedyOf(cluster); });
}

absl::StatusOr<v1::CpuInfo> FindCpuInfo(const v1::Cluster& cluster,
                                        std::uint32_t cpu) {
  for (const v1::CpuInfo& info : cluster.cpus()) {
    if (info.cpu() == cpu) return info;
  }
  return UsageError(absl::StrCat("no cpu ", cpu, ": the possible ones are ",
                                 cluster.possible()));
}

absl::Status CheckPossible(Coordinator& coordinator,
                           const std::vector<std::uint32_t>& cpus) {
  const auto cluster = coordinator.GetCluster();
  if (!cluster.ok()) return cluster.status();
  for (const std::uint32_t cpu : cpus) {
    const absl::Status known = FindCpuInfo(*cluster, cpu).status();
    if (!known.ok()) return known;
  }
  return absl::OkStatus();
}

std::optional<std::uint32_t> LowestOnline(const v1::Cluster& cluster) {
  for (const v1::CpuInfo& info : cluster.cpus()) {
    if (info.state() == v1::CPU_STATE_ONLINE) return info.cpu();
  }
  return std::nullopt;
}

}  // namespace belfry::client
