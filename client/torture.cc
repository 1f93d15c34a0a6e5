#include "client/torture.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/collect.h"
#include "client/duration.h"
#include "client/exit_code.h"
#include "client/operations.h"
#include "client/profile_choice.h"
#include "client/state_dir.h"
#include "trace/audit.h"
#include "trace/explain.h"
#include "trace/operation_text.h"
#include "trace/report_text.h"
#include "trace/stranded.h"

namespace belfry::client {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(10);
constexpr absl::Duration kLookEvery = absl::Milliseconds(100);
// A queue is stuck when the same call has stood at its head for so long, and
// each look found no doorbell for it.
constexpr absl::Duration kStuckAfter = absl::Milliseconds(500);
// Beyond this a wait has no end, in any profile: the watchdog of those that
// have one has rung twice.
constexpr absl::Duration kHangAfter = absl::Seconds(12);
constexpr absl::Duration kSettle = absl::Seconds(15);
// An operation that a process's death may have hit.
constexpr absl::Duration kKillShadow = absl::Seconds(2);
constexpr absl::Duration kRestartTimeout = absl::Seconds(20);
constexpr std::uint32_t kEntries = 10'000;

std::uint32_t WeightOf(std::optional<std::uint32_t> given, bool any_given,
                       std::uint32_t standard) {
  return given.value_or(any_given ? 0 : standard);
}

// As scf_torture_init(): when one weight is given the others are zero.
v1::Torture::Weights WeightsOf(const TortureOptions& options,
                               std::uint32_t cpus) {
  const bool any = options.weight_single || options.weight_single_rpc ||
                   options.weight_single_wait || options.weight_irq;
  v1::Torture::Weights weights;
  weights.set_single(WeightOf(options.weight_single, any, 2 * cpus));
  weights.set_single_rpc(WeightOf(options.weight_single_rpc, any, 2 * cpus));
  weights.set_single_wait(WeightOf(options.weight_single_wait, any, 2 * cpus));
  weights.set_irq(WeightOf(options.weight_irq, any, 4 * cpus));
  return weights;
}

bool IsZero(const v1::Torture::Weights& w) {
  return w.single() + w.single_rpc() + w.single_wait() + w.irq() == 0;
}

void Add(absl::Duration duration, v1::TortureReport::Onoff* onoff) {
  const auto ms =
      static_cast<std::uint64_t>(absl::ToInt64Milliseconds(duration));
  onoff->set_min_ms(onoff->ok() == 0 ? ms : std::min(onoff->min_ms(), ms));
  onoff->set_max_ms(std::max(onoff->max_ms(), ms));
  onoff->set_sum_ms(onoff->sum_ms() + ms);
  onoff->set_ok(onoff->ok() + 1);
}

}  // namespace

Torture::Torture(const TortureOptions& options, Surroundings around)
    : options_(options), around_(around), random_(options.seed) {}

absl::StatusOr<v1::TortureReport> Torture::Run() {
  absl::Status status = Start();
  while (status.ok() && !IsOver()) {
    status = Tick();
    if (status.ok()) absl::SleepFor(kTick);
  }
  if (status.ok() && report_.failure().empty()) status = Settle();
  if (status.ok()) status = Conclude();
  if (!status.ok()) return status;
  Judge();
  return report_;
}

absl::Status Torture::Start() {
  const auto cluster = around_.coordinator.GetCluster();
  if (!cluster.ok()) return cluster.status();
  cluster_ = *cluster;
  const auto cpus = static_cast<std::uint32_t>(cluster_.cpus_size());
  v1::Torture torture;
  torture.set_seed(options_.seed);
  *torture.mutable_weights() = WeightsOf(options_, cpus);
  if (IsZero(torture.weights())) {
    return UsageError("all zero weights makes no sense");
  }
  if (options_.longwait > absl::ZeroDuration()) {
    *torture.mutable_longwait() = ToProto(options_.longwait);
  }
  if (options_.stutter > absl::ZeroDuration()) {
    *torture.mutable_stutter() = ToProto(options_.stutter);
  }
  threads_.emplace(torture, options_.nthreads.value_or(cpus), cpus);
  threads_->RememberBefore(cluster_);
  report_.set_profile(ProfileText(cluster_.profile()));
  report_.set_cpus(cpus);
  report_.set_seed(options_.seed);
  start_ = absl::Now();
  next_move_ = start_ + options_.onoff_holdoff + options_.onoff_interval;
  next_kill_ = start_ + options_.kill_interval;
  next_look_ = start_;
  next_statistics_ = start_ + options_.stat_interval;
  return threads_->StartMissing(cluster_);
}

bool Torture::IsOver() const {
  if (around_.interrupt.requested()) return true;
  if (!report_.failure().empty() && !options_.keep_going) return true;
  return absl::Now() >= start_ + options_.duration && !transition_;
}

absl::Status Torture::Tick() {
  if (absl::Now() >= next_look_) {
    const absl::Status looked = Look();
    if (!looked.ok()) return looked;
    next_look_ = absl::Now() + kLookEvery;
  }
  if (options_.stat_interval > absl::ZeroDuration() &&
      absl::Now() >= next_statistics_) {
    Statistics();
    next_statistics_ += options_.stat_interval;
  }
  const absl::Status killed = KillOne();
  if (!killed.ok()) return killed;
  return MoveCpus();
}

// ---- Who watches.

absl::Status Torture::Look() {
  auto view =
      CollectView(around_.coordinator, {.max_entries = 1, .trace = false});
  if (!view.ok()) return view.status();
  cluster_ = view->cluster;
  const absl::Status started = threads_->StartMissing(cluster_);
  // Else it has just died.
  if (!started.ok() && around_.cluster == nullptr) return started;
  threads_->Refresh(cluster_);
  LookAtQueues(*view);
  LookAtWaits();
  report_.set_duration_s(absl::ToDoubleSeconds(absl::Now() - start_));
  return absl::OkStatus();
}

void Torture::LookAtQueues(const trace::MachineView& view) {
  std::vector<std::uint32_t> cpus = trace::StrandedCpus(view);
  const std::vector<std::uint32_t> left = trace::LeftBehindCpus(view);
  cpus.insert(cpus.end(), left.begin(), left.end());
  std::map<std::uint32_t, Suspect> suspects;
  for (const std::uint32_t number : cpus) {
    const trace::CpuView& cpu = *trace::FindCpu(view, number);
    if (cpu.snapshot->queue().empty()) continue;
    const v1::QueuedCall& head = cpu.snapshot->queue(0);
    Suspect suspect{absl::Now(), head.src_cpu(), head.seq()};
    const auto before = suspects_.find(number);
    if (before != suspects_.end() && before->second.seq == suspect.seq &&
        before->second.src_cpu == suspect.src_cpu) {
      suspect = before->second;
    }
    if (!suspect.reported && absl::Now() - suspect.first >= kStuckAfter) {
      suspect.reported = true;
      const bool online = trace::IsOnline(cpu);
      v1::TortureReport::StuckQueue& stuck = *report_.add_stuck_queues();
      stuck.set_cpu(number);
      stuck.set_online(online);
      stuck.set_depth(cpu.snapshot->depth());
      stuck.set_after_s(absl::ToDoubleSeconds(suspect.first - start_));
      stuck.set_latched(cpu.snapshot->latched());
      stuck.set_doorbells_in_flight(trace::DoorbellsInFlight(view, number));
      Fail(
          absl::StrCat("cpu ", number,
                       online ? " is online with " : " went offline with ",
                       trace::CountText(cpu.snapshot->depth(), "call"),
                       " in its queue", online ? ", and nobody will ring" : ""),
          /*hang=*/false);
    }
    suspects[number] = suspect;
  }
  suspects_ = std::move(suspects);
}

void Torture::LookAtWaits() {
  if (threads_->LongestWait() > kHangAfter + options_.longwait) {
    Fail(absl::StrCat("a call has not ended after ",
                      absl::ToInt64Seconds(threads_->LongestWait()), " s"),
         /*hang=*/true);
  }
  if (transition_ && absl::Now() - transition_->start > kHangAfter) {
    Fail(absl::StrCat(
             trace::WhatText(transition_->operation), " has not ended after ",
             absl::ToInt64Seconds(absl::Now() - transition_->start), " s"),
         /*hang=*/true);
    transition_.reset();
  }
}

void Torture::Fail(const std::string& why, bool hang) {
  if (report_.failure().empty()) report_.set_failure(why);
  if (hang) report_.set_hang(true);
}

void Torture::Statistics() {
  *report_.mutable_counts() = threads_->Sum();
  around_.on_statistics(report_);
}

// ---- Hotplug: torture_onoff() takes a CPU at random; one that is online goes,
// one that is not comes. Never the last one.

absl::Status Torture::MoveCpus() {
  if (transition_) return AwaitTransition();
  if (options_.onoff_interval <= absl::ZeroDuration() ||
      absl::Now() < next_move_ || absl::Now() >= start_ + options_.duration) {
    return absl::OkStatus();
  }
  next_move_ = absl::Now() + options_.onoff_interval;
  // What the last look saw may be over.
  const auto cluster = around_.coordinator.GetCluster();
  if (!cluster.ok()) return cluster.status();
  cluster_ = *cluster;
  const int pick = static_cast<int>(
      random_() % static_cast<std::uint64_t>(cluster_.cpus_size()));
  const v1::CpuInfo& cpu = cluster_.cpus(pick);
  const auto online = std::count_if(
      cluster_.cpus().begin(), cluster_.cpus().end(),
      [](const v1::CpuInfo& c) { return c.state() == v1::CPU_STATE_ONLINE; });
  const bool up = cpu.state() == v1::CPU_STATE_OFFLINE;
  const bool down = cpu.state() == v1::CPU_STATE_ONLINE && online > 1;
  if (!up && !down) return absl::OkStatus();
  auto* onoff = up ? report_.mutable_online() : report_.mutable_offline();
  onoff->set_tried(onoff->tried() + 1);
  const absl::Time now = absl::Now();
  auto operation =
      StartHotplug(around_.coordinator, up, cpu.cpu(), /*on=*/std::nullopt);
  if (NobodyAnswers(operation.status())) return operation.status();
  if (operation.ok()) {
    transition_ = Transition{*std::move(operation), up, now};
  }
  return absl::OkStatus();
}

absl::Status Torture::AwaitTransition() {
  const auto operation =
      AwaitOperation(around_.coordinator, transition_->operation,
                     absl::Now() + kTick, around_.interrupt);
  if (!operation.ok()) return operation.status();
  transition_->operation = *operation;
  if (!operation->done()) return absl::OkStatus();
  auto* onoff = transition_->online ? report_.mutable_online()
                                    : report_.mutable_offline();
  const bool killed =
      report_.kills() > 0 &&
      absl::Now() - (next_kill_ - options_.kill_interval) < kKillShadow;
  if (operation->result() == "0") {
    Add(absl::Now() - transition_->start, onoff);
  } else if (killed) {
    // Its process, or that of its control CPU, was killed: no failure of it.
    onoff->set_tried(onoff->tried() - 1);
  }
  transition_.reset();
  next_move_ = absl::Now() + options_.onoff_interval;
  return absl::OkStatus();
}

// ---- Killed processes.

absl::Status Torture::KillOne() {
  if (options_.kill_interval <= absl::ZeroDuration() ||
      absl::Now() < next_kill_ || absl::Now() >= start_ + options_.duration) {
    return absl::OkStatus();
  }
  const auto victim = static_cast<std::uint32_t>(
      random_() % static_cast<std::uint64_t>(cluster_.cpus_size()));
  const absl::Status killed = around_.cluster->KillAndRestart(
      CpuName(victim), {absl::Now() + kRestartTimeout, &around_.interrupt});
  if (!killed.ok()) return killed;
  report_.set_kills(report_.kills() + 1);
  next_kill_ = absl::Now() + options_.kill_interval;
  return absl::OkStatus();
}

// ---- The end.

// All threads at rest, every CPU online, every call ended.
absl::Status Torture::Settle() {
  around_.on_progress("settling");
  threads_->Stop(cluster_);
  const absl::Time deadline = absl::Now() + kSettle;
  while (absl::Now() < deadline && report_.failure().empty()) {
    const absl::Status looked = Look();
    if (!looked.ok()) return looked;
    if (transition_) {
      const absl::Status moved = AwaitTransition();
      if (!moved.ok()) return moved;
    }
    bool at_rest = threads_->Waiting() == 0 && !transition_;
    for (const v1::CpuInfo& cpu : cluster_.cpus()) {
      if (cpu.state() == v1::CPU_STATE_ONLINE) continue;
      at_rest = false;
      if (transition_ || cpu.state() != v1::CPU_STATE_OFFLINE) continue;
      auto operation =
          StartOnline(around_.coordinator, cpu.cpu(), std::nullopt);
      if (!operation.ok()) continue;
      report_.mutable_online()->set_tried(report_.online().tried() + 1);
      transition_ = Transition{*std::move(operation), true, absl::Now()};
    }
    if (at_rest) return absl::OkStatus();
    absl::SleepFor(kTick);
  }
  if (report_.failure().empty()) {
    Fail(absl::StrCat("not at rest ", absl::ToInt64Seconds(kSettle),
                      " s after its threads were: ", threads_->Waiting(),
                      " calls have not ended"),
         /*hang=*/true);
  }
  return absl::OkStatus();
}

absl::Status Torture::Conclude() {
  *report_.mutable_counts() = threads_->Sum();
  const auto view = CollectView(around_.coordinator, {.max_entries = kEntries});
  if (!view.ok()) return view.status();
  *report_.mutable_audit() = trace::MakeAuditReport(*view);
  if (!report_.failure().empty()) {
    *report_.mutable_explanation() = trace::Explain(*view);
    threads_->Stop(cluster_);
  }
  return absl::OkStatus();
}

// What the audit finds wrong. A call whose process was killed is lost by right.
void Torture::JudgeAudit() {
  for (const v1::AuditReport::Finding& finding : report_.audit().findings()) {
    if (finding.kind() == "run_twice") {
      report_.set_duplicates(report_.duplicates() + 1);
    } else if (finding.kind() == "lost" && report_.kills() == 0) {
      report_.set_lost(report_.lost() + 1);
    } else if (finding.kind() != "ledger" &&
               finding.kind() != "ran_while_offline") {
      continue;
    }
    Fail(finding.message(), /*hang=*/false);
  }
  const auto& ran = report_.counts().ran();
  const auto late = ran.find("late");
  report_.set_late(late == ran.end() ? 0 : late->second);
}

// rcu_torture_cleanup()'s order: errors first, then hotplug.
void Torture::Judge() {
  JudgeAudit();
  const v1::TortureCounts& counts = report_.counts();
  if (counts.ste() + counts.stnmie() + counts.stnmoe() > 0) {
    Fail(absl::StrCat(counts.ste(), " calls ran on another CPU, ",
                      counts.stnmie(), " without their arguments, ",
                      counts.stnmoe(), " came back without their answer"),
         /*hang=*/false);
  }
  const bool hotplug = report_.online().ok() == report_.online().tried() &&
                       report_.offline().ok() == report_.offline().tried();
  report_.set_verdict(!report_.failure().empty() ? "FAILURE"
                      : hotplug                  ? "SUCCESS"
                                                 : "LOCK_HOTPLUG");
}

}  // namespace belfry::client
