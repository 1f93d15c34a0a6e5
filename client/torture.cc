#include "client/torture.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/collect.h"
#include "client/operations.h"
#include "client/profile_choice.h"
#include "client/state_dir.h"
#include "client/torture_text.h"
#include "client/torture_weights.h"
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
  const auto torture = TortureOf(options_, cpus);
  if (!torture.ok()) return torture.status();
  threads_.emplace(*torture, options_.nthreads.value_or(cpus), cpus);
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
  if (!settling_) {
    const absl::Status started = threads_->StartMissing(cluster_);
    // Else it has just died.
    if (!started.ok() && around_.cluster == nullptr) return started;
  }
  threads_->Refresh(cluster_);
  LookAtQueues(*view);
  LookAtWaits();
  report_.set_duration_s(absl::ToDoubleSeconds(absl::Now() - start_));
  *report_.mutable_counts() = threads_->Sum();
  around_.on_progress(report_, Doing());
  return absl::OkStatus();
}

std::string Torture::Doing() const {
  if (transition_) return trace::WhatText(transition_->operation);
  return settling_ ? "all CPUs come online, all calls end" : "";
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
      AddStuck(view, cpu, suspect.first);
      const bool online = trace::IsOnline(cpu);
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

void Torture::AddStuck(const trace::MachineView& view,
                       const trace::CpuView& cpu, absl::Time first) {
  const std::uint32_t number = cpu.info.cpu();
  v1::TortureReport::StuckQueue& stuck = *report_.add_stuck_queues();
  stuck.set_cpu(number);
  stuck.set_online(trace::IsOnline(cpu));
  stuck.set_depth(cpu.snapshot->depth());
  stuck.set_after_s(absl::ToDoubleSeconds(first - start_));
  stuck.set_latched(cpu.snapshot->latched());
  stuck.set_doorbells_in_flight(trace::DoorbellsInFlight(view, number));
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
  CountLate();
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
    transition_ = Transition{*std::move(operation), cpu.cpu(), up, now};
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
  const Transition over = *std::exchange(transition_, std::nullopt);
  next_move_ = absl::Now() + options_.onoff_interval;
  if (over.online || over.operation.result() != "0") return absl::OkStatus();
  return CheckDeparture(over.cpu);
}

// Its barrier has ended, and it stays away until we bring it back.
absl::Status Torture::CheckDeparture(std::uint32_t cpu) {
  const auto view =
      CollectView(around_.coordinator, {.max_entries = 1, .trace = false});
  if (!view.ok()) return view.status();
  report_.set_barriers(report_.barriers() + 1);
  const v1::AuditReport audit = trace::AuditDeparture(*view, cpu);
  for (const auto& finding : audit.findings()) {
    report_.add_breaches(finding.message());
    Note(finding);
  }
  if (!trace::IsLeftBehind(*view, cpu)) return absl::OkStatus();
  const trace::CpuView& gone = *trace::FindCpu(*view, cpu);
  AddStuck(*view, gone, absl::Now());
  const v1::QueuedCall& head = gone.snapshot->queue(0);
  suspects_[cpu] = {absl::Now(), head.src_cpu(), head.seq(), /*reported=*/true};
  return absl::OkStatus();
}

// ---- Killed processes.

// One that is due before the end comes, however late the host is.
absl::Status Torture::KillOne() {
  if (options_.kill_interval <= absl::ZeroDuration() ||
      absl::Now() < next_kill_ || next_kill_ >= start_ + options_.duration) {
    return absl::OkStatus();
  }
  const auto victim = static_cast<std::uint32_t>(
      random_() % static_cast<std::uint64_t>(cluster_.cpus_size()));
  around_.on_progress(report_, absl::StrCat("kill ", CpuName(victim)));
  const absl::Status killed = around_.cluster->KillAndRestart(
      CpuName(victim), {absl::Now() + kRestartTimeout, &around_.interrupt});
  if (!killed.ok()) return killed;
  report_.set_kills(report_.kills() + 1);
  next_kill_ = absl::Now() + options_.kill_interval;
  return absl::OkStatus();
}

// ---- The end.

// All threads at rest, every CPU online, every call ended. A process that was
// started since the last look has no threads, and gets none: what is read one
// after the other at the end is one state of the machine only if nothing moves.
absl::Status Torture::Settle() {
  settling_ = true;
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
      transition_ =
          Transition{*std::move(operation), cpu.cpu(), true, absl::Now()};
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
  CountQueued(*view);
  if (!report_.failure().empty()) {
    *report_.mutable_explanation() = trace::Explain(*view);
    threads_->Stop(cluster_);
  }
  return absl::OkStatus();
}

void Torture::CountQueued(const trace::MachineView& view) {
  for (const trace::CpuView& cpu : view.cpus) {
    if (!cpu.snapshot) continue;
    const std::uint64_t depth = cpu.snapshot->depth();
    if (cpu.snapshot->latched() ||
        trace::DoorbellsInFlight(view, cpu.info.cpu()) > 0) {
      report_.set_queued_with_doorbell(report_.queued_with_doorbell() + depth);
    } else {
      report_.set_queued_without_doorbell(report_.queued_without_doorbell() +
                                          depth);
    }
  }
}

void Torture::CountLate() {
  const auto& ran = report_.counts().ran();
  const auto late = ran.find("late");
  report_.set_late(late == ran.end() ? 0 : late->second);
}

// What an audit finds wrong. A call whose process was killed is lost by right,
// and a queue may be stranded for the time of a look.
void Torture::Note(const v1::AuditReport::Finding& finding) {
  if (finding.kind() == "run_twice") {
    report_.set_duplicates(report_.duplicates() + 1);
  } else if (finding.kind() == "lost" && report_.kills() == 0) {
    report_.set_lost(report_.lost() + 1);
  } else if (finding.kind() != "ledger" && finding.kind() != "left_behind" &&
             finding.kind() != "ran_while_offline") {
    return;
  }
  Fail(finding.message(), /*hang=*/false);
}

// It covers what was found on the way.
void Torture::JudgeAudit() {
  report_.set_duplicates(0);
  report_.set_lost(0);
  for (const auto& finding : report_.audit().findings()) Note(finding);
  CountLate();
}

// rcu_torture_cleanup()'s order: errors first, then hotplug.
void Torture::Judge() {
  JudgeAudit();
  if (const std::string wrong = WrongCallsText(report_.counts());
      !wrong.empty()) {
    Fail(wrong, /*hang=*/false);
  }
  const bool hotplug = report_.online().ok() == report_.online().tried() &&
                       report_.offline().ok() == report_.offline().tried();
  report_.set_verdict(!report_.failure().empty() ? "FAILURE"
                      : hotplug                  ? "SUCCESS"
                                                 : "LOCK_HOTPLUG");
}

}  // namespace belfry::client
