// The stop_machine barrier, seen from the one who keeps the count.
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernel/coordinator.h"

namespace belfry::kernel {

// Participants are fixed here, before PREPARE, under the hotplug lock: all that
// are online. A CPU whose process has died is not waited for; one whose link is
// only broken is.
void Coordinator::BeginStop(CoordinatorEffects& out) {
  const bool takedown = op_->leg == Leg::kTakedown;
  if (op_->cancel && !op_->rollback) {
    Fail(Errno::kEcanceled, kCpuhpInvalid, "cancelled", out);
    return;
  }
  if (takedown && TakeInjectedFailure(table_.teardown())) {
    Fail(Errno::kEagain, table_.teardown(),
         absl::StrCat("step ", table_.teardown(), " (cpu:teardown) failed"),
         out);
    return;
  }
  if (!takedown && !op_->active.IsSubsetOf(view_.online)) {
    Fail(Errno::kEownerdead, kCpuhpInvalid,
         absl::StrCat("of CPUs ", FormatCpuList(op_->active), " one has died"),
         out);
    return;
  }
  if (takedown && inside_ != table_.teardown()) {
    OpenStep(table_.teardown(), out);
  }
  death_ = Death::kNone;
  may_have_run_ = false;
  stop_.emplace(op_->generation, StopOrderOf(profile_), view_.online,
                ActiveCpus());
  out.push_back(AdvanceStop{op_->generation, MultiStopState::kPrepare});
  if (Leased()) out.push_back(StartStopTick{op_->generation});
}

CpuMask Coordinator::ActiveCpus() const {
  return op_->kind == OpKind::kStop ? op_->active : CpuMask{op_->cpu.value};
}

StopPublish Coordinator::Publication() const {
  StopPublish publish{.generation = stop_->generation(),
                      .state = stop_->state(),
                      .active = stop_->active(),
                      .takedown = op_->kind != OpKind::kStop,
                      .func = op_->func,
                      .payload = op_->payload,
                      .epoch = epoch_};
  if (publish.takedown && publish.state == MultiStopState::kExit) {
    publish.view = view_;
    publish.handover = op_->handover;
  }
  return publish;
}

void Coordinator::On(PublishState& e, CoordinatorEffects& out) {
  if (!stop_ || stop_->generation() != e.generation ||
      stop_->next_state() != e.state || op_->leg == Leg::kAbort) {
    return;
  }
  stop_->Advance();
  ticks_ = 0;
  TraceEvent event = Event(TraceKind::kStopPublish);
  event.value = static_cast<std::int64_t>(e.generation.value);
  event.detail = std::string(MultiStopStateName(e.state));
  out.push_back(CoordinatorTrace{std::move(event)});
  const StopPublish publish = Publication();
  for (CpuId cpu : stop_->participants().cpus()) {
    out.push_back(TellCpu{cpu, publish});
  }
  // All have died: nobody is there to acknowledge.
  if (stop_->missing().empty()) AllAcked(out);
}

void Coordinator::Heard(CpuId cpu, StopAck& m, CoordinatorEffects& out) {
  if (stop_ && profile_.lease_without == LeaseWithout::kAckGeneration) {
    m.generation = stop_->generation();
  }
  if (Leased() && (!stop_ || m.generation != stop_->generation())) {
    AnswerOldRound(cpu, m.generation, out);
    return;
  }
  if (!stop_) return;
  if (m.refused) {
    if (!IsOutcomeOpen()) return;
    GiveStopUp(Errno::kEtimedout,
               absl::StrCat("cpu ", cpu.value, " was not stopped throughout"),
               out);
    return;
  }
  // ABORT is decided, or will be.
  if (op_->leg == Leg::kAbort || !stop_->missing().Has(cpu)) return;
  // A second answer to an earlier state.
  if (m.state != stop_->state()) return;
  if (m.generation == stop_->generation() && m.state == MultiStopState::kRun &&
      stop_->active().Has(cpu)) {
    if (op_->error == Errno::kOk && op_->kind == OpKind::kStop) {
      op_->error = m.error;
      op_->result = std::move(m.result);
      if (m.error != Errno::kOk) {
        op_->message =
            absl::StrCat("function ", op_->func, " on cpu ", cpu.value, ": ",
                         ErrnoText(m.error, op_->result));
      }
    }
    op_->flushed += m.flushed;
    op_->handover = std::move(m.handover);
  }
  if (stop_->Ack(cpu, m.generation, m.state)) AllAcked(out);
}

// The last acknowledgement moves all to the next state.
void Coordinator::AllAcked(CoordinatorEffects& out) {
  if (stop_->state() == MultiStopState::kExit) {
    EndStop(out);
    return;
  }
  const MultiStopState next = stop_->next_state();
  if (next == MultiStopState::kRun && Leased()) {
    // Journaled before anybody may run: who comes back without it knows that
    // there is nothing to take back.
    EnterLeg(Leg::kRun, out);
    return;
  }
  if (next != MultiStopState::kExit) {
    out.push_back(AdvanceStop{stop_->generation(), next});
    return;
  }
  // RUN is over, and what it did is journaled before anybody hears of it: the
  // function's answer, or the view without the victim.
  if (op_->kind == OpKind::kStop) {
    EnterLeg(Leg::kCommit, out);
    return;
  }
  if (view_.online.Has(op_->cpu)) {
    view_.online.Remove(op_->cpu);
    ++view_.number;
  }
  StateOf(op_->cpu) = table_.dead();
  EnterLeg(Leg::kCommit, out);
}

void Coordinator::EndStop(CoordinatorEffects& out) {
  TraceEvent event = Event(TraceKind::kStopPublish);
  event.value = static_cast<std::int64_t>(stop_->generation().value);
  event.detail = std::string(MultiStopStateName(MultiStopState::kNone));
  out.push_back(CoordinatorTrace{std::move(event)});
  stop_.reset();
  NextLeg(out);
}

// Only while nobody has run anything, or what was run is taken back: before RUN
// is published, or when no active CPU can begin any more.
void Coordinator::AbortStop(Errno error, std::string message,
                            CoordinatorEffects& out) {
  const Generation generation = stop_->generation();
  for (CpuId cpu : stop_->participants().cpus()) {
    out.push_back(TellCpu{cpu, StopAbort{generation, epoch_}});
  }
  TraceEvent event = Event(TraceKind::kStopAbort);
  event.value = static_cast<std::int64_t>(generation.value);
  event.value2 = static_cast<std::int64_t>(error);
  event.detail = message;
  out.push_back(CoordinatorTrace{std::move(event)});
  stop_.reset();
  if (TriesAgain(error)) {
    EnterLeg(op_->kind == OpKind::kStop ? Leg::kStop : Leg::kTakedown, out);
    return;
  }
  Fail(error, kCpuhpInvalid, std::move(message), out);
}

// A coordinator that came back in the middle of a round closes it. If an active
// CPU has begun the effect, RUN is published again to hear its answer from all;
// if the answer was journaled, EXIT is; else the round is given up, and no CPU
// can have run the function, since every participant that masked has waited for
// this answer and no active one got as far as RUN.
void Coordinator::ResumeStop(CoordinatorEffects& out) {
  if (Leased() && op_->leg != Leg::kCommit) {
    ResumeLeasedStop(out);
    return;
  }
  const bool takedown = op_->kind != OpKind::kStop;
  const CpuMask active = ActiveCpus();
  bool ran = op_->leg == Leg::kCommit;
  for (CpuId cpu : active.cpus()) {
    const auto status = recovered_.find(cpu);
    if (status != recovered_.end() && status->second.stop_ran &&
        status->second.stop_generation == op_->generation) {
      ran = true;
    }
  }
  stop_.emplace(op_->generation, StopOrderOf(profile_), view_.online, active);
  if (!ran) {
    AbortStop(Errno::kEcanceled, "the coordinator was restarted", out);
    return;
  }
  // The victim left the view with the commit, and still owes its EXIT.
  CpuMask participants = view_.online;
  if (takedown && IsPresent(op_->cpu)) participants.Add(op_->cpu);
  stop_.emplace(op_->generation, StopOrderOf(profile_), participants, active);
  while (stop_->next_state() != MultiStopState::kExit) stop_->Advance();
  for (CpuId cpu : active.cpus()) {
    // It ran, and died before it could answer.
    const bool answer_lost = op_->leg == Leg::kStop && !IsPresent(cpu);
    if (!answer_lost || op_->error != Errno::kOk) continue;
    op_->error = Errno::kEownerdead;
    op_->message = absl::StrCat("the process of cpu ", cpu.value, " died");
  }
  if (op_->leg == Leg::kCommit) {
    out.push_back(AdvanceStop{op_->generation, MultiStopState::kExit});
    if (Leased()) out.push_back(StartStopTick{op_->generation});
  } else {
    for (CpuId cpu : stop_->participants().cpus()) {
      out.push_back(TellCpu{cpu, Publication()});
    }
  }
}

}  // namespace belfry::kernel
