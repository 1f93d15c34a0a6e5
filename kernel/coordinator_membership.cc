// Processes that come, go and come back; a coordinator that comes back.
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernel/coordinator.h"

namespace belfry::kernel {

void Coordinator::Broadcast(const ToCpu& message,
                            CoordinatorEffects& out) const {
  for (const auto& [cpu, record] : cpus_) {
    if (record.incarnation.value != 0) out.push_back(TellCpu{cpu, message});
  }
}

void Coordinator::On(Attached& e, CoordinatorEffects& out) {
  const auto found = cpus_.find(e.cpu);
  if (found == cpus_.end()) return;
  CpuRecord& record = found->second;
  const Incarnation incarnation = e.status.incarnation;
  const bool fresh =
      view_.online.Has(e.cpu) && e.status.life < Life::kShouldOnline;
  if (record.incarnation.value != 0 &&
      (record.incarnation != incarnation || fresh)) {
    // The number's last process ended without our seeing it.
    ProcessLost lost{e.cpu, record.incarnation};
    On(lost, out);
  }
  if (record.incarnation.value == 0) {
    record.incarnation = incarnation;
    record.state = kCpuhpOffline;
    record.crashed = false;
  }
  record.limbo = false;
  recovered_[e.cpu] = e.status;
  Introduce(e.cpu, out);
  if (e.status.readers > 0 || readers_.contains(e.cpu)) {
    SetReaders(e.cpu, e.status.readers, out);
    out.push_back(TellCpu{e.cpu, ReadersGranted{readers_[e.cpu].granted}});
  }
  if (recovering_) {
    CpuMask missing;
    for (CpuId cpu : view_.online.cpus()) {
      if (!recovered_.contains(cpu)) missing.Add(cpu);
    }
    const bool victim_known = !op_ || recovered_.contains(op_->cpu);
    if (missing.empty() && victim_known) FinishRecovery(out);
    return;
  }
  Repeat(e.cpu, out);
  if (view_.online.empty() && !op_ && queued_.empty() && e.cpu.value == 0 &&
      e.status.life == Life::kDead) {
    queued_.push_back({.kind = OpKind::kBoot, .cpu = e.cpu, .up = true});
  }
}

// A CPU that is not in it is told when it is about to be, and by Introduce():
// until then it calls nobody, and nobody calls it.
void Coordinator::TellView(CoordinatorEffects& out) const {
  for (CpuId cpu : view_.online.cpus()) {
    if (IsPresent(cpu)) out.push_back(TellCpu{cpu, SetView{view_}});
  }
}

// Tells a CPU who the others are, and them who it is, and the view. What it has
// not heard of those who are no more, it hears now; one without a view has
// never called anybody.
void Coordinator::Introduce(CpuId cpu, CoordinatorEffects& out) {
  const bool knows_others = recovered_.at(cpu).view_number > 0;
  for (const auto& [other, record] : cpus_) {
    if (other == cpu) continue;
    if (record.incarnation.value == 0) {
      if (knows_others) out.push_back(TellCpu{cpu, PeerGone{other, {}}});
      continue;
    }
    out.push_back(TellCpu{cpu, PeerIs{other, record.incarnation}});
    out.push_back(TellCpu{other, PeerIs{cpu, cpus_[cpu].incarnation}});
  }
  if (view_.number > 0) out.push_back(TellCpu{cpu, SetView{view_}});
}

// A control link that broke may have lost our last message: it is sent again.
// Every message names what it belongs to, so a CPU that has had it answers from
// memory.
void Coordinator::Repeat(CpuId cpu, CoordinatorEffects& out) {
  const CpuStatus& status = recovered_.at(cpu);
  ReleaseFromOldRound(cpu, out);
  if (!op_) return;
  if (await_ == Await::kGiveBack && give_back_.Has(cpu)) {
    out.push_back(TellCpu{cpu, StopAbort{stop_->generation(), epoch_}});
  }
  if (!Leased() && HasGivenUp(status, cpu)) {
    AbortStop(Errno::kEcanceled,
              absl::StrCat("cpu ", cpu.value, " lost its coordinator"), out);
    return;
  }
  if (stop_ && stop_->missing().Has(cpu)) {
    out.push_back(TellCpu{cpu, Publication()});
  }
  if (await_ == Await::kWalk && walker_ == cpu) {
    out.push_back(TellCpu{cpu, *walk_});
  }
  if (cpu != op_->cpu) return;
  if (await_ == Await::kAlive) out.push_back(TellCpu{cpu, Kick{op_->id}});
  if (await_ == Await::kStarting) {
    out.push_back(TellCpu{cpu, BringOnline{op_->id}});
  }
  const bool goes = op_->leg == Leg::kCommit || op_->leg == Leg::kDead;
  if (goes && (status.life == Life::kDead || status.report_owed)) {
    Dead dead{status.report_owed};
    Heard(cpu, dead, out);
  }
}

// A CPU that stands in a round that is over has missed its end: it was given
// up, for the end of any other is acknowledged by all.
void Coordinator::ReleaseFromOldRound(CpuId cpu,
                                      CoordinatorEffects& out) const {
  const Generation stands = recovered_.at(cpu).stop_generation;
  if (stands.value == 0 || (stop_ && stop_->generation() == stands)) return;
  out.push_back(TellCpu{cpu, StopAbort{stands, epoch_}});
}

// Whether a participant has left the round by itself, as a CPU without its
// coordinator may before RUN can have run. One that never had PREPARE has not.
bool Coordinator::HasGivenUp(const CpuStatus& status, CpuId cpu) const {
  if (!stop_ || !stop_->participants().Has(cpu) ||
      status.stop_generation == stop_->generation()) {
    return false;
  }
  switch (stop_->state()) {
    case MultiStopState::kNone:
    case MultiStopState::kExit:
      return false;
    case MultiStopState::kPrepare:
      return !stop_->missing().Has(cpu);
    default:
      return true;
  }
}

void Coordinator::On(ProcessLost& e, CoordinatorEffects& out) {
  const auto found = cpus_.find(e.cpu);
  if (found == cpus_.end() || found->second.incarnation != e.incarnation) {
    return;
  }
  CpuRecord& record = found->second;
  const bool was_online = view_.online.Has(e.cpu);
  record.crashed = was_online || record.state != kCpuhpOffline;
  record.incarnation = Incarnation{};
  record.state = kCpuhpOffline;
  TraceEvent event{.kind = TraceKind::kCpuCrashed, .about = e.cpu};
  event.value = static_cast<std::int64_t>(e.incarnation.value);
  if (!record.crashed) event.detail = "parked";
  out.push_back(CoordinatorTrace{std::move(event)});
  Broadcast(PeerGone{e.cpu, e.incarnation}, out);
  if (was_online) {
    // No barrier: who is dead needs no stopping.
    view_.online.Remove(e.cpu);
    ++view_.number;
    out.push_back(JournalView{view_});
    TellView(out);
  }
  // Its tasks have died with it, and what they held.
  if (readers_.contains(e.cpu)) SetReaders(e.cpu, 0, out);
  if (!op_) return;
  if (op_->kind != OpKind::kStop && e.cpu == op_->cpu) target_lost_ = true;
  if (!recovering_) LeaveOp(e.cpu, out);
}

// What the operation under way makes of a process that died.
void Coordinator::LeaveOp(CpuId cpu, CoordinatorEffects& out) {
  const std::string died =
      absl::StrCat("the process of cpu ", cpu.value, " died");
  const bool is_target = op_->kind != OpKind::kStop && cpu == op_->cpu;
  if (stop_ && stop_->participants().Has(cpu) && Leased() &&
      op_->leg != Leg::kCommit) {
    if (is_target) op_->rollback = true;
    (void)stop_->Forget(cpu);
    if (await_ == Await::kGiveBack) {
      StopAborted gone{stop_->generation(), true};
      Heard(cpu, gone, out);
    } else if (IsOutcomeOpen()) {
      // Dead or not, it cannot confirm.
      GiveStopUp(Errno::kEownerdead, died, out);
    }
    return;
  }
  if (stop_ && stop_->participants().Has(cpu)) {
    if (stop_->state() < MultiStopState::kRun) {
      if (is_target) op_->rollback = true;
      AbortStop(Errno::kEownerdead, died, out);
      return;
    }
    const bool answer_lost = stop_->active().Has(cpu) &&
                             stop_->state() == MultiStopState::kRun &&
                             stop_->missing().Has(cpu);
    if (answer_lost && op_->error == Errno::kOk) {
      op_->error = Errno::kEownerdead;
      op_->message = died;
    }
    if (is_target) death_ = Death::kReported;
    if (stop_->Forget(cpu)) AllAcked(out);
    return;
  }
  if (is_target && await_ != Await::kJournal) {
    GiveUp(died, out);
    return;
  }
  if (is_target) death_ = Death::kReported;
  if (view_missing_.Has(cpu)) {
    ViewAck gone{view_.number};
    Heard(cpu, gone, out);
    return;
  }
  if (await_ == Await::kWalk && walker_ == cpu) {
    // Another CPU takes the control steps over and does them again. It is the
    // same walk and keeps its number: a coordinator that comes back while it is
    // under way asks for it by that.
    --op_->walks;
    ContinueWalk(out);
  }
}

// ---- A coordinator that comes back.

void Coordinator::On(RecoveryTimeout&, CoordinatorEffects& out) {
  for (const auto& [cpu, record] : std::map(cpus_)) {
    if (record.incarnation.value == 0 || recovered_.contains(cpu)) continue;
    ProcessLost lost{cpu, record.incarnation};
    On(lost, out);
  }
  if (recovering_) FinishRecovery(out);
}

void Coordinator::FinishRecovery(CoordinatorEffects& out) {
  recovering_ = false;
  if (!op_) {
    GrantReaders(out);
    for (const auto& [cpu, status] : recovered_) ReleaseFromOldRound(cpu, out);
    return;
  }
  const auto status = recovered_.find(op_->cpu);
  const bool dead =
      status != recovered_.end() && status->second.life == Life::kDead;
  const bool was_up = op_->leg >= Leg::kOnline && op_->leg <= Leg::kAbort;
  // A process that is dead where the journal has it up is another one.
  target_lost_ = op_->kind != OpKind::kStop &&
                 (target_lost_ || !IsPresent(op_->cpu) || (was_up && dead));
  const bool target_gone = target_lost_;
  if (!target_gone) StateOf(op_->cpu) = op_->state;
  if (target_gone || dead) {
    const bool owed = !target_gone && status->second.report_owed;
    death_ = owed ? Death::kAnnounced : Death::kReported;
  }
  const bool in_stop = op_->leg >= Leg::kTakedown && op_->leg <= Leg::kCommit;
  if (in_stop && !(target_gone && op_->leg == Leg::kTakedown)) {
    ResumeStop(out);
  } else {
    for (const auto& [cpu, known] : recovered_) ReleaseFromOldRound(cpu, out);
    await_ = Await::kJournal;
    Journaled resumed{op_->id, op_->leg};
    On(resumed, out);
  }
}

}  // namespace belfry::kernel
