#include "node/load.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace belfry::node {
namespace {

constexpr double kRateMax = 1e6;
constexpr std::uint64_t kBurstMax = 65536;
constexpr std::chrono::milliseconds kTick{1};

}  // namespace

absl::Status Load::Set(const v1::Load& load) {
  auto submitters = kernel::ParseCpuList(load.submitters());
  if (!submitters.ok()) return submitters.status();
  if (submitters->empty()) {
    return absl::InvalidArgumentError("submitters: no CPU is named");
  }
  if (!submitters->IsSubsetOf(kernel::CpuMask::FirstN(possible_))) {
    return absl::InvalidArgumentError(
        absl::StrCat("submitters ", load.submitters(), ": there are CPUs 0-",
                     possible_ - 1));
  }
  if (!(load.rate() >= 0 && load.rate() <= kRateMax)) {
    return absl::InvalidArgumentError(
        absl::StrCat("rate ", load.rate(), ": 0 to ", kRateMax, " is right"));
  }
  if (load.rate() == 0 && (load.count() == 0 || load.count() > kBurstMax)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "without a rate all completions come at once: a count of 1 to ",
        kBurstMax, " is right, not ", load.count()));
  }
  load_ = load;
  submitters_ = submitters->cpus();
  random_.seed(load.seed());
  raised_ = 0;
  completions_ = 0;
  running_ = true;
  ++run_;
  start_ = std::chrono::steady_clock::now();
  last_tick_ = start_;
  if (load.rate() == 0) {
    Complete(load.count());
    running_ = false;
  } else {
    Schedule();
  }
  return absl::OkStatus();
}

void Load::Stop() {
  running_ = false;
  ++run_;
}

void Load::Schedule() {
  loop_->After(kTick, [this, run = run_] { Tick(run); });
}

void Load::Tick(std::uint64_t run) {
  if (run != run_) return;
  const auto now = std::chrono::steady_clock::now();
  const auto passed = now - std::exchange(last_tick_, now);
  if (driver_->cpu().life() == kernel::Life::kOnline) {
    const std::chrono::duration<double> elapsed = now - start_;
    auto due = static_cast<std::uint64_t>(elapsed.count() * load_.rate());
    if (load_.count() > 0) due = std::min(due, load_.count());
    if (due > raised_) Complete(std::min(due - raised_, kBurstMax));
  } else {
    // fixup_irqs(): an offline CPU gets no device interrupts, and no backlog of
    // them when it comes back.
    start_ += passed;
  }
  if (load_.count() > 0 && raised_ >= load_.count()) {
    running_ = false;
  } else {
    Schedule();
  }
}

void Load::Complete(std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    ++raised_;
    if (load_.calls_many()) {
      kernel::CpuMask calls;
      for (const kernel::CpuId cpu : submitters_) calls.Add(cpu);
      driver_->Feed(kernel::DeviceIrq{.calls = std::move(calls)});
      continue;
    }
    const std::size_t pick = random_() % submitters_.size();
    driver_->Feed(kernel::DeviceIrq{.submitter = submitters_[pick]});
  }
}

v1::LoadStatus Load::status() const {
  v1::LoadStatus status;
  status.set_cpu(driver_->cpu().id().value);
  status.set_running(running_);
  *status.mutable_load() = load_;
  status.set_completions(completions_);
  return status;
}

}  // namespace belfry::node
