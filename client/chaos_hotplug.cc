#include "client/chaos_hotplug.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/operations.h"

namespace belfry::client {
namespace {

// How long one step waits for an operation.
constexpr absl::Duration kAwait = absl::Milliseconds(100);
// Nobody answers: the coordinator is dead.
constexpr absl::Duration kRetry = absl::Milliseconds(20);

bool IsOnline(const v1::CpuInfo& cpu) {
  return cpu.state() == v1::CPU_STATE_ONLINE;
}

}  // namespace

ChaosHotplug::ChaosHotplug(Coordinator coordinator, std::uint64_t seed,
                           absl::Duration interval)
    : coordinator_(std::move(coordinator)),
      random_(seed),
      interval_(interval) {}

void ChaosHotplug::Step() {
  if (operation_) return Await();
  Begin();
  if (!operation_) absl::SleepFor(kRetry);
}

void ChaosHotplug::Begin() {
  const auto cluster = coordinator_.GetCluster();
  if (!cluster.ok()) return;
  const v1::CpuInfo& cpu = cluster->cpus(static_cast<int>(
      random_.Below(static_cast<std::uint64_t>(cluster->cpus_size()))));
  if (IsOnline(cpu)) {
    const auto online =
        std::count_if(cluster->cpus().begin(), cluster->cpus().end(), IsOnline);
    if (online > 1) Start(cpu.cpu(), /*online=*/false);
  } else if (cpu.state() == v1::CPU_STATE_OFFLINE) {
    Start(cpu.cpu(), /*online=*/true);
  }
}

void ChaosHotplug::Start(std::uint32_t cpu, bool online) {
  auto operation = StartHotplug(coordinator_, online, cpu, std::nullopt);
  const std::lock_guard lock(mutex_);
  counts_.set_tried(counts_.tried() + 1);
  if (operation.ok()) {
    operation_ = *std::move(operation);
  } else {
    CountFailure(IsFromServer(operation.status()) ? "refused" : "no answer");
  }
}

// Not by AwaitOperation(), which a signal ends: the last rest, too, is over
// when the operation is.
void ChaosHotplug::Await() {
  if (!operation_) return;
  const auto now = WaitOperation(coordinator_, operation_->id(), kAwait);
  if (!now.ok() && !IsFromServer(now.status())) {
    absl::SleepFor(kRetry);
    return;
  }
  if (now.ok() && !now->done()) {
    operation_ = *now;
    return;
  }
  operation_.reset();
  {
    const std::lock_guard lock(mutex_);
    if (!now.ok()) {
      counts_.set_unknown(counts_.unknown() + 1);
    } else if (now->result() == "0") {
      counts_.set_ok(counts_.ok() + 1);
    } else {
      CountFailure(now->result());
    }
  }
  absl::SleepFor(interval_);
}

void ChaosHotplug::CountFailure(const std::string& why) { ++failed_[why]; }

std::string ChaosHotplug::UnderWay() const {
  return operation_ ? StillRunsText(*operation_) : "";
}

v1::ChaosReport::Hotplug ChaosHotplug::Counts() const {
  const std::lock_guard lock(mutex_);
  v1::ChaosReport::Hotplug counts = counts_;
  for (const auto& [why, count] : failed_) {
    v1::ErrnoCount& failed = *counts.add_failed();
    failed.set_errno_name(why);
    failed.set_count(count);
  }
  return counts;
}

}  // namespace belfry::client
