#include "client/chaos.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/collect.h"
#include "client/duration.h"
#include "client/profile_choice.h"
#include "client/state_dir.h"
#include "client/torture_text.h"
#include "trace/audit.h"
#include "trace/explain.h"
#include "trace/report_text.h"
#include "trace/trace_check.h"

namespace belfry::client {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(2);
constexpr absl::Duration kProgressEvery = absl::Milliseconds(250);
// Everything that was broken is whole: so long may it take until nobody waits
// for anything. A connection that was cut off while nothing was sent is noticed
// by keepalive, after 25 s.
constexpr absl::Duration kSettle = absl::Seconds(40);
constexpr absl::Duration kSettleTick = absl::Milliseconds(20);
// A coordinator may be paused; then nobody strikes.
constexpr absl::Duration kGlance = absl::Milliseconds(20);
constexpr std::uint32_t kEntries = 1'000;

}  // namespace

Chaos::Chaos(const ChaosOptions& options, const ChaosPlan& plan,
             const v1::Torture& torture, Surroundings around)
    : options_(options),
      plan_(plan),
      around_(around),
      schedule_(DrawChaos(plan)),
      coordinator_(around.cluster.Connect()),
      processes_(around.cluster, plan.cpus),
      hotplug_(around.cluster.Connect(), options.seed, options.onoff_interval),
      load_(around.cluster.Connect(), torture,
            options.nthreads.value_or(plan.cpus), plan.cpus),
      start_(absl::Now()),
      hotplug_thread_([this] { hotplug_.Step(); }),
      load_thread_([this] { load_.Step(); }) {
  report_.set_profile(ProfileText(around.cluster.processes().profile()));
  report_.set_cpus(plan.cpus);
  report_.set_seed(plan.seed);
  for (const ChaosKind kind : plan.kinds) {
    report_.add_faults()->set_kind(std::string(NameOf(kind)));
  }
}

absl::StatusOr<v1::ChaosReport> Chaos::Run() {
  absl::Status status;
  while (status.ok() && !IsOver()) {
    status = Storm(std::min(elapsed_ + plan_.episode, plan_.duration));
    if (status.ok()) status = Rest();
  }
  if (!status.ok() && !report_.failure().empty()) status = absl::OkStatus();
  if (!status.ok()) return status;
  Update();
  report_.set_verdict(report_.failure().empty() ? "SUCCESS" : "FAILURE");
  return report_;
}

bool Chaos::IsOver() const {
  return elapsed_ >= plan_.duration || !report_.failure().empty() ||
         around_.interrupt.requested();
}

// ---- Faults.

// From rest to rest.
absl::Status Chaos::Storm(absl::Duration until) {
  Log("goes on", std::nullopt, "");
  hotplug_thread_.Go();
  load_thread_.Go();
  const absl::Time zero = absl::Now() - elapsed_;
  absl::Status status;
  while (status.ok() && elapsed_ < until && report_.failure().empty() &&
         !around_.interrupt.requested()) {
    elapsed_ = std::min(until, absl::Now() - zero);
    while (status.ok() && next_ < schedule_.size() &&
           schedule_[next_].start < elapsed_) {
      status = Begin(next_++);
    }
    if (status.ok()) status = StrikeInStop();
    if (status.ok()) status = EndDue(elapsed_);
    if (status.ok()) status = Tend();
    ShowProgress();
    if (!AnyArmed()) absl::SleepFor(kTick);
  }
  status.Update(EndDue(absl::InfiniteDuration()));
  hotplug_thread_.Rest();
  load_thread_.Rest();
  return status;
}

bool Chaos::AnyArmed() const {
  return std::any_of(active_.begin(), active_.end(),
                     [](const Active& active) { return active.armed; });
}

absl::Status Chaos::Begin(std::size_t number) {
  const ChaosFault& fault = schedule_[number];
  if (fault.kind == ChaosKind::kKillInStop) {
    active_.push_back({number, /*armed=*/true});
    return absl::OkStatus();
  }
  const absl::StatusOr<bool> struck = Strike(fault);
  if (!struck.ok()) return struck.status();
  Count(fault, *struck);
  if (!*struck) {
    Log("missed", number, TextOf(fault, plan_.cpus));
    return absl::OkStatus();
  }
  active_.push_back({number});
  Log("begins", number,
      absl::StrCat(TextOf(fault, plan_.cpus), ", for ",
                   DurationText(fault.duration)));
  if (IsOfNetwork(fault.kind)) SetWires();
  return absl::OkStatus();
}

// What is of a process: whether there was something to strike.
absl::StatusOr<bool> Chaos::Strike(const ChaosFault& fault) {
  switch (fault.kind) {
    case ChaosKind::kKill:
    case ChaosKind::kKillCoordinator:
    case ChaosKind::kKillInStop:
      return processes_.Kill(fault.side.front());
    case ChaosKind::kPause:
    case ChaosKind::kPauseCoordinator:
      return processes_.Pause(fault.side.front());
    default:
      return true;
  }
}

// Waits for a round without waiting: each look is a chance to find one.
absl::Status Chaos::StrikeInStop() {
  if (!AnyArmed()) return absl::OkStatus();
  const auto answer = coordinator_.Ask(&Coordinator::Stub::GetCluster,
                                       v1::GetClusterRequest(), kGlance);
  if (!answer.ok() || answer->cluster().stop().state().empty()) {
    return absl::OkStatus();
  }
  for (Active& active : active_) {
    if (!active.armed) continue;
    const ChaosFault& fault = schedule_[active.number];
    const absl::StatusOr<bool> struck = Strike(fault);
    if (!struck.ok()) return struck.status();
    if (!*struck) continue;
    active.armed = false;
    Count(fault, true);
    Log("begins", active.number,
        absl::StrCat(TextOf(fault, plan_.cpus), ", in ",
                     answer->cluster().stop().state(), " of round ",
                     answer->cluster().stop().generation()));
    break;
  }
  return absl::OkStatus();
}

absl::Status Chaos::EndDue(absl::Duration now) {
  const auto due = std::stable_partition(
      active_.begin(), active_.end(), [&](const Active& active) {
        return schedule_[active.number].end() > now;
      });
  const std::vector<Active> ended(due, active_.end());
  active_.erase(due, active_.end());
  absl::Status status;
  for (const Active& active : ended) status.Update(End(active));
  return status;
}

absl::Status Chaos::End(const Active& active) {
  const ChaosFault& fault = schedule_[active.number];
  if (active.armed) {
    Count(fault, false);
    Log("missed", active.number, TextOf(fault, plan_.cpus));
    return absl::OkStatus();
  }
  absl::Status status;
  if (IsOfNetwork(fault.kind)) {
    SetWires();
  } else if (fault.kind == ChaosKind::kPause ||
             fault.kind == ChaosKind::kPauseCoordinator) {
    processes_.Resume(fault.side.front());
  } else {
    status = processes_.Restart(fault.side.front());
  }
  Log("ends", active.number, TextOf(fault, plan_.cpus));
  return status;
}

void Chaos::SetWires() {
  std::vector<ChaosFault> faults;
  for (const Active& active : active_) {
    faults.push_back(schedule_[active.number]);
  }
  around_.network->Set(Wires(plan_.cpus + 1, faults));
}

absl::Status Chaos::Tend() {
  const auto ended = processes_.Tend();
  if (!ended.ok()) {
    Fail(std::string(ended.status().message()), /*hang=*/false);
    return absl::OkStatus();
  }
  for (const ChaosHost host : *ended) {
    report_.set_fenced(report_.fenced() + 1);
    Log("fenced", std::nullopt, ChaosHostName(host, plan_.cpus));
  }
  return absl::OkStatus();
}

// ---- Rests.

absl::Status Chaos::Rest() {
  Log("rests", std::nullopt, "");
  const absl::Time deadline = absl::Now() + kSettle;
  while (report_.failure().empty()) {
    const absl::Status tended = Tend();
    if (!tended.ok()) return tended;
    const std::string unrest = Unrest();
    if (unrest.empty()) break;
    if (absl::Now() > deadline) {
      Fail(absl::StrCat("no rest ", absl::ToInt64Seconds(kSettle),
                        " s after all was healed: ", unrest),
           /*hang=*/true);
    }
    ShowProgress();
    absl::SleepFor(kSettleTick);
  }
  return Judge();
}

// Why all is not at rest; empty when it is.
std::string Chaos::Unrest() {
  if (!processes_.AllUp()) return "a process is not up";
  const auto waiting = load_.Quiet();
  if (!waiting.ok()) return std::string(waiting.status().message());
  hotplug_.Await();
  if (const std::string text = hotplug_.UnderWay(); !text.empty()) return text;
  const auto view =
      CollectView(coordinator_, {.max_entries = kEntries, .trace = false});
  if (!view.ok()) return std::string(view.status().message());
  *report_.mutable_audit() = trace::MakeAuditReport(*view);
  if (const std::string text = UnrestOf(*view); !text.empty()) return text;
  if (*waiting > 0) {
    return absl::StrCat(trace::CountText(*waiting, "call"),
                        " of the load have not ended");
  }
  return "";
}

std::string Chaos::UnrestOf(const trace::MachineView& view) {
  const v1::Cluster& cluster = view.cluster;
  if (cluster.recovering()) return "the coordinator waits for nodes";
  if (cluster.has_current() || cluster.queued_operations() > 0) {
    return absl::StrCat("operation ", cluster.current().id(), " runs");
  }
  for (const v1::CpuInfo& cpu : cluster.cpus()) {
    if (cpu.state() == v1::CPU_STATE_ONLINE) continue;
    if (cpu.state() == v1::CPU_STATE_OFFLINE) hotplug_.BringOnline(cpu.cpu());
    return absl::StrCat(CpuName(cpu.cpu()), " is not online");
  }
  const v1::AuditReport& audit = report_.audit();
  if (!audit.unknown().empty()) return audit.unknown(0);
  if (audit.pending() > 0) {
    return absl::StrCat(trace::CountText(audit.pending(), "call"),
                        " have not ended");
  }
  return "";
}

absl::Status Chaos::Judge() {
  report_.set_rests(report_.rests() + 1);
  JudgeAudit();
  JudgeLost();
  const absl::Status judged = JudgeTrace();
  if (!judged.ok()) return judged;
  Sample();
  processes_.ForgetDead();
  if (report_.failure().empty()) return absl::OkStatus();
  const auto view = CollectView(coordinator_, {.max_entries = kEntries});
  if (view.ok()) *report_.mutable_explanation() = trace::Explain(*view);
  return absl::OkStatus();
}

// Lost calls that have no invariant against them were lost with a process.
void Chaos::JudgeAudit() {
  for (const auto& finding : report_.audit().findings()) {
    if (finding.kind() == "carried") continue;
    if (finding.kind() == "lost" && finding.invariant().empty()) continue;
    Fail(finding.message(), /*hang=*/false);
  }
  if (const std::string wrong = WrongCallsText(load_.Counts());
      !wrong.empty()) {
    Fail(wrong, /*hang=*/false);
  }
}

// A call may be lost since the last rest only where one of its two processes
// has died since.
void Chaos::JudgeLost() {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> lost;
  for (const v1::LedgerRow& row : report_.audit().rows()) {
    if (row.lost() == 0) continue;
    const auto pair = std::make_pair(row.src_cpu(), row.cpu());
    lost[pair] = row.lost();
    const std::uint64_t before = lost_[pair];
    if (row.lost() <= before) continue;
    report_.set_lost(report_.lost() + row.lost() - before);
    if (processes_.dead().contains(row.src_cpu()) ||
        processes_.dead().contains(row.cpu())) {
      continue;
    }
    Fail(absl::StrCat(trace::CountText(row.lost() - before, "call"), " of cpu ",
                      row.src_cpu(), " to cpu ", row.cpu(),
                      " lost, and neither process has died"),
         /*hang=*/false);
  }
  lost_ = std::move(lost);
}

absl::Status Chaos::JudgeTrace() {
  const auto trace = load_.TakeTrace();
  if (!trace.ok()) return trace.status();
  report_.set_trace_events(report_.trace_events() +
                           static_cast<std::uint64_t>(trace->events_size()));
  report_.set_trace_overwritten(report_.trace_overwritten() +
                                trace->overwritten());
  const v1::TraceCheckReport check = trace::CheckTrace(*trace);
  for (const auto& violation : check.violations()) {
    Fail(absl::StrCat(violation.invariant(), ": ", violation.message()),
         /*hang=*/false);
  }
  if (!report_.failure().empty()) around_.on_failed_trace(*trace);
  return absl::OkStatus();
}

void Chaos::Sample() {
  for (ChaosHost host = 0; host <= plan_.cpus; ++host) {
    const ProcessId life = processes_.IdOfHost(host);
    if (const auto usage = UsageOf(life.pid)) {
      usage_.Add(ChaosHostName(host, plan_.cpus), life, *usage);
    }
  }
  report_.clear_growth();
  for (v1::ChaosReport::Growth& growth : usage_.Growth()) {
    const std::string leak = LeakText(growth);
    if (!leak.empty()) Fail(leak, /*hang=*/false);
    *report_.add_growth() = std::move(growth);
  }
}

// ---- What is told.

void Chaos::Fail(const std::string& why, bool hang) {
  if (hang) report_.set_hang(true);
  if (!report_.failure().empty()) return;
  report_.set_failure(why);
  Log("fails", std::nullopt, why);
}

void Chaos::Log(absl::string_view what, std::optional<std::size_t> number,
                const std::string& text) {
  v1::ChaosEvent event;
  event.set_at_s(absl::ToDoubleSeconds(absl::Now() - start_));
  event.set_what(std::string(what));
  if (number) event.set_fault(static_cast<std::uint32_t>(*number + 1));
  event.set_text(text);
  around_.on_event(event);
}

void Chaos::Count(const ChaosFault& fault, bool done) {
  for (v1::ChaosReport::FaultCount& count : *report_.mutable_faults()) {
    if (count.kind() != NameOf(fault.kind)) continue;
    if (done) {
      count.set_done(count.done() + 1);
      report_.set_faults_done(report_.faults_done() + 1);
    } else {
      count.set_missed(count.missed() + 1);
    }
  }
}

void Chaos::Update() {
  report_.set_duration_s(absl::ToDoubleSeconds(absl::Now() - start_));
  *report_.mutable_hotplug() = hotplug_.Counts();
  *report_.mutable_counts() = load_.Counts();
  if (around_.network != nullptr) {
    *report_.mutable_network() = around_.network->Counts();
  }
}

void Chaos::ShowProgress() {
  if (absl::Now() < next_progress_) return;
  next_progress_ = absl::Now() + kProgressEvery;
  Update();
  around_.on_progress(report_);
}

}  // namespace belfry::client
