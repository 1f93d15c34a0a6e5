// A CPU's part in stop_machine and in its own coming and going.
#include <algorithm>
#include <utility>

#include "kernel/cpu.h"
#include "kernel/functions.h"

namespace belfry::kernel {

void Cpu::On(StopPublish& e, CpuEffects& out) {
  if (!Obeys(e.epoch)) return;
  StopWork* round = FindRound();
  if (e.generation <= closed_generation_ ||
      (round == nullptr && e.state == MultiStopState::kExit)) {
    // Over for us, or never begun: only its outcome matters.
    if (e.state != MultiStopState::kExit) {
      RefuseRound(e.generation, e.state, out);
      return;
    }
    if (e.view) AdoptView(*e.view, out);
    closed_generation_ = std::max(closed_generation_, e.generation);
    out.push_back(Tell{StopAck{e.generation, e.state}});
    return;
  }
  if (round != nullptr && round->generation < e.generation) {
    if (round->effect_under_way()) {
      // It comes again when what is under way has ended.
      round->abort_due = Leased();
      return;
    }
    GiveUpRound(out);
    round = nullptr;
  }
  if (round == nullptr) {
    if (life_ != Life::kOnline || e.state != MultiStopState::kPrepare) {
      RefuseRound(e.generation, e.state, out);
      return;
    }
    QueueRound({.generation = e.generation,
                .published = e.state,
                .active = e.active.Has(config_.id),
                .alone = e.active.count() == 1,
                .takedown = e.takedown,
                .func = std::move(e.func),
                .payload = std::move(e.payload)},
               out);
    return;
  }
  if (e.state == round->published) {
    // Repeated by a coordinator that may have missed our answer.
    if (round->leased) HoldRoundsLease(out);
    if (round->acked && round->acted == e.state) AckStop(out);
    return;
  }
  // It comes late: all had acknowledged it.
  if (e.state < round->published) return;
  round->published = e.state;
  round->view = std::move(e.view);
  if (e.state == MultiStopState::kExit) round->handover = std::move(e.handover);
}

void Cpu::On(StopAbort& e, CpuEffects& out) {
  if (!Obeys(e.epoch)) return;
  StopWork* round = FindRound();
  if (round != nullptr && round->generation <= e.generation) {
    if (round->effect_under_way()) {
      // What has begun is ended first, and then taken back.
      round->abort_due = true;
      return;
    }
    GiveUpRound(out);
  }
  closed_generation_ = std::max(closed_generation_, e.generation);
  if (Leased()) TellAborted(e.generation, out);
}

// Without its coordinator a CPU may give a round up by itself only while it
// knows that no function can have run: RUN needs every mask acknowledged, and
// only an active CPU makes the effect. Otherwise it waits for the outcome. The
// round is not closed: a coordinator that is back may begin it again with
// PREPARE, and sees from the CPU's status that it stands in no later state.
void Cpu::On(CoordinatorLost&, CpuEffects& out) {
  const StopWork* round = FindRound();
  if (round == nullptr) return;
  const bool not_run = round->run == StopWork::Run::kNotYet;
  const bool masks = round->acted > MultiStopState::kPrepare && masked_;
  // With a lease it is the lease that decides.
  if (masks && (Leased() || !(round->active && round->alone && not_run))) {
    return;
  }
  const Generation closed = closed_generation_;
  GiveUpRound(out);
  closed_generation_ = closed;
}

// No state is acted on, and so none acknowledged, while a guard is held or a
// handler runs: "nothing can be queued behind the dying flush" rests on it.
bool Cpu::ActOnStop(CpuEffects& out) {
  if (!stop_ || stop_->acted == stop_->published || guards_ > 0) return false;
  if (stop_two_ && stop_two_->preempt_off) return false;
  stop_->acted = stop_->published;
  stop_->acked = false;
  TraceEvent event = StopEvent(
      stop_->pair ? TraceKind::kStopTwoState : TraceKind::kStopState, *stop_);
  if (!stop_->pair) event.value2 = stop_->active ? 1 : 0;
  out.push_back(Trace{std::move(event)});
  const bool early = !stop_->active && Lacks(LeaseWithout::kPrepareAcks);
  if (MasksInterrupts(stop_->acted, stop_->active) || early) {
    Mask(stop_->pair ? "stop_two_cpus" : "stop_machine", out);
  }
  if (Leased() && !stop_->pair) {
    // Before the acknowledgement: nobody has masked yet, so every lease ends
    // later than this window.
    if (stop_->active && stop_->acted == MultiStopState::kPrepare) {
      out.push_back(OpenWindow{stop_->generation});
    }
    // After the mask: the lease is a promise to stay behind it.
    const bool begun = Lacks(LeaseWithout::kPrepareAcks) &&
                       stop_->acted == MultiStopState::kDisableIrq;
    if (masked_ && !begun && stop_->acted != MultiStopState::kExit) {
      HoldRoundsLease(out);
    }
  }
  if (stop_->acted == MultiStopState::kExit) {
    LeaveStop(out);
  } else if (stop_->acted != MultiStopState::kRun || !stop_->active) {
    AckStop(out);
  }
  return true;
}

// The active CPU in RUN, one phase at a time; a drain may lie between two.
bool Cpu::ContinueRun(CpuEffects& out) {
  if (!stop_ || stop_->acted != MultiStopState::kRun || !stop_->active) {
    return false;
  }
  using enum StopWork::Run;
  switch (stop_->run) {
    case kNotYet:
      if (Leased() && !stop_->pair && stop_->look != StopWork::Look::kInTime) {
        return LookBeforeRun(out);
      }
      if (!stop_->takedown) {
        stop_->run = kFunction;
        if (!stop_->pair) ran_in_ = stop_->generation;
        StartDrain(Context::kStop, {Csd{.payload = stop_->payload}}, out);
        return true;
      }
      stop_->run = kDrain;
      if (config_.profile.offline_drain == OfflineDrain::kBeforeClearOnline &&
          !queue_.empty()) {
        StartDrain(Context::kFlush, queue_.TakeAll(), out);
      }
      return true;
    case kDrain:
      DisableSelf(out);
      return true;
    case kFixupIrqs:
      // Until its RunStage comes.
      return false;
    case kDying:
      return ContinueDying(out);
    case kFunction:
      stop_->run = kDone;
      AckStop(out);
      return true;
    case kDone:
      return GiveBackEffect(out);
  }
  return false;
}

// take_cpu_down(): __cpu_disable() clears the online bit and shuts the
// interrupt sources, then DYING.
void Cpu::DisableSelf(CpuEffects& out) {
  const IrqMigration migration = config_.profile.irq_migration;
  if (migration == IrqMigration::kSilenceFirst) SilenceController(out);
  SetLife(Life::kShouldDie, out);
  stopper_.enabled = false;
  stop_->dying_state = Below(table_.teardown());
  if (migration == IrqMigration::kAtDevice) {
    stop_->run = StopWork::Run::kDying;
    return;
  }
  stop_->run = StopWork::Run::kFixupIrqs;
  out.push_back(NextStage{OfflineStage::kFixupIrqs});
}

bool Cpu::ContinueDying(CpuEffects& out) {
  if (stop_->dying_step) {
    const CpuhpStep& step = *table_.Find(*stop_->dying_step);
    stop_->dying_state = Below(step.state);
    stop_->dying_step.reset();
    TraceStepExit(config_.id, step, stop_->dying_state, Errno::kOk, out);
    return true;
  }
  const CpuhpStep* step = table_.Next(stop_->dying_state, table_.bringup());
  if (step == nullptr) {
    LeaveTimers();
    stop_->run = StopWork::Run::kDone;
    AckStop(out);
    return true;
  }
  TraceStepEnter(config_.id, *step, kCpuhpOffline, out);
  stop_->dying_step = step->state;
  // smpcfd_dying_cpu(): doorbells may be late, or pending behind our mask.
  // Every other CPU stands with interrupts off, so this leaves the queue empty.
  if (step->teardown == StepAction::kFlushQueue &&
      config_.profile.offline_drain == OfflineDrain::kDyingFlush &&
      !queue_.empty()) {
    StartDrain(Context::kFlush, queue_.TakeAll(), out);
  }
  return true;
}

void Cpu::AckStop(CpuEffects& out) {
  out.push_back(Trace{StopEvent(
      stop_->pair ? TraceKind::kStopTwoAck : TraceKind::kStopAck, *stop_)});
  stop_->acked = true;
  if (stop_->pair) {
    Report(stop_->pair->key.src,
           {.from = config_.id,
            .key = stop_->pair->key,
            .verb = StopTwoVerb::kPublish,
            .state = stop_->acted,
            .error = stop_->error,
            .result = stop_->result},
           out);
    return;
  }
  out.push_back(
      Tell{StopAck{stop_->generation, stop_->acted, stop_->error, stop_->result,
                   stop_->flushed, stop_->handover, stop_->declined()}});
}

// EXIT brings the committed view before anybody unmasks, so that no online
// check of an unmasked CPU reads the old one.
void Cpu::LeaveStop(CpuEffects& out) {
  if (stop_->view) AdoptView(*stop_->view, out);
  if (HasLeft() && !Lacks(LeaseWithout::kSecondDrain)) RefuseWhatItHolds(out);
  TakeOver(std::exchange(stop_->handover, {}), out);
  AckStop(out);
  if (!stop_->pair) closed_generation_ = stop_->generation;
  stop_.reset();
  if (life_ == Life::kOnline) Unmask("stop_machine", out);
  TakeStopWork();
}

void Cpu::AbortStop(CpuEffects& out) {
  out.push_back(Trace{StopEvent(
      stop_->pair ? TraceKind::kStopTwoAbort : TraceKind::kStopAbort, *stop_)});
  if (!stop_->pair) closed_generation_ = stop_->generation;
  const bool took_effect =
      stop_->active && stop_->takedown && life_ == Life::kShouldDie &&
      view_.online.Has(config_.id) && !Lacks(LeaseWithout::kTentative);
  // What RUN did was tentative: it is taken back.
  if (took_effect) {
    SetLife(Life::kOnline, out);
    stopper_.enabled = true;
    const Handover& kept = stop_->handover;
    timers_.insert(timers_.end(), kept.timers.begin(), kept.timers.end());
    for (CpuId submitter : kept.device_irqs) {
      device_irqs_.push_back({.submitter = submitter});
    }
  }
  stop_.reset();
  if (life_ == Life::kOnline) Unmask("stop_machine aborted", out);
  TakeStopWork();
}

// Out of the round and out of the mask. With hardware=x86 interrupts go on once
// more, and what is pending is taken, late; s390 has masked its sources.
void Cpu::Park(CpuEffects& out) {
  if (config_.profile.hardware == Hardware::kX86 && latched_) {
    latched_ = false;
    irq_raised_ = false;
    last_doorbell_.kind = DoorbellFate::Kind::kTaken;
    StartDrain(Context::kLate, queue_.TakeAll(), out);
    return;
  }
  // blk_softirq_cpu_dead(): what a flush has left for the softirq is completed
  // in DEAD. There it is the control CPU that does it; here the dead CPU's
  // process, which keeps its memory.
  RunSoftirqs(out);
  if (config_.profile.death_report == DeathReport::kAnnounceFirst) {
    report_owed_ = true;
    out.push_back(Tell{Dead{.report_owed = true}});
    out.push_back(NextStage{OfflineStage::kReportDead});
    return;
  }
  Die(out);
  out.push_back(Tell{Dead{}});
}

void Cpu::Die(CpuEffects& out) {
  ParkStopper(out);
  SetLife(Life::kDead, out);
  RefuseWaiting(out);
}

// The reset of a booting CPU clears the pending bit and leaves memory alone:
// s390's SIGP initial CPU reset, x86's INIT. The queue was initialised once, at
// boot of the machine (or again here, by offline_drain=reinit_at_up).
void Cpu::On(Kick& e, CpuEffects& out) {
  if (life_ == Life::kDead) {
    SetLife(Life::kKicked, out);
    if (latched_) {
      latched_ = false;
      last_doorbell_.kind = DoorbellFate::Kind::kClearedByReset;
      TraceEvent event = Event(TraceKind::kIpiCleared);
      event.csd = last_doorbell_.key;
      event.detail = "reset";
      out.push_back(Trace{std::move(event)});
    }
    irq_raised_ = false;
    report_owed_ = false;
    timers_.clear();
    throttled_ = false;
    need_resched_ = false;
    if (config_.profile.offline_drain == OfflineDrain::kReinitAtUp) {
      for (const Csd& csd : queue_.TakeAll()) {
        TraceEvent event = Event(TraceKind::kCsdDropped);
        event.csd = csd.key;
        event.func = csd.func;
        out.push_back(Trace{std::move(event)});
      }
    }
    kicked_op_ = e.op;
    SetLife(Life::kAlive, out);
  }
  if (kicked_op_ == e.op) out.push_back(Tell{Alive{e.op}});
}

void Cpu::On(BringOnline& e, CpuEffects& out) {
  if (e.op != kicked_op_) return;
  if (life_ == Life::kAlive) {
    SetLife(Life::kShouldOnline, out);
    const CpuhpState top = Below(table_.teardown());
    for (const CpuhpStep* step = table_.Next(table_.bringup(), top); step;
         step = table_.Next(step->state, top)) {
      TraceStep(config_.id, *step, table_.online(), step->state, out);
    }
  }
  out.push_back(Tell{StartingDone{e.op}});
}

void Cpu::On(SetView& e, CpuEffects& out) {
  AdoptView(e.view, out);
  out.push_back(Tell{ViewAck{view_.number}});
}

void Cpu::AdoptView(const View& view, CpuEffects& out) {
  if (view.number <= view_.number) return;
  view_ = view;
  TraceEvent event = Event(TraceKind::kSetView);
  event.value = static_cast<std::int64_t>(view.number);
  event.detail = FormatCpuList(view.online);
  out.push_back(Trace{std::move(event)});
  const bool in_view = view_.online.Has(config_.id);
  if (in_view && life_ == Life::kShouldOnline) {
    SetLife(Life::kOnline, out);
    UnparkStopper(out);
    Unmask("online", out);
  }
  if (!in_view && life_ == Life::kOnline) {
    // Others were told that we are gone: no CPU runs once its leaving is
    // committed.
    Mask("out of the view", out);
    SetLife(Life::kShouldDie, out);
    stopper_.enabled = false;
  }
}

void Cpu::SetLife(Life life, CpuEffects& out) {
  life_ = life;
  TraceEvent event = Event(TraceKind::kCpuLife);
  event.value = static_cast<std::int64_t>(queue_.size());
  event.detail = std::string(LifeName(life));
  out.push_back(Trace{std::move(event)});
}

void Cpu::Mask(absl::string_view why, CpuEffects& out) {
  if (masked_) return;
  masked_ = true;
  TraceEvent event = Event(TraceKind::kLocalIrqDisable);
  event.detail = std::string(why);
  out.push_back(Trace{std::move(event)});
}

void Cpu::Unmask(absl::string_view why, CpuEffects& out) {
  // A handler that waits has interrupts off, whatever round ends meanwhile.
  if (!masked_ || irq_wait_) return;
  masked_ = false;
  TraceEvent event = Event(TraceKind::kLocalIrqEnable);
  event.detail = std::string(why);
  out.push_back(Trace{std::move(event)});
  // Those that a drain under the mask has raised.
  RunSoftirqs(out);
}

// ---- Steps.

void Cpu::On(WalkSteps& e, CpuEffects& out) {
  if (e.walk == last_walk_.walk) {
    out.push_back(Tell{last_walk_});
    return;
  }
  if (e.walk < last_walk_.walk) {
    // A later walk was asked for since, so this one had succeeded.
    out.push_back(Tell{StepsDone{.walk = e.walk, .state = e.to}});
    return;
  }
  if (walk_ && walk_->request.walk >= e.walk) return;
  walk_ = Walk{.request = e, .state = e.from};
}

bool Cpu::ContinueWalk(CpuEffects& out) {
  if (!walk_ || walk_->step_due || walk_->waiting_step) return false;
  if (walk_throttled()) return false;
  const CpuhpStep* step = table_.Next(walk_->state, walk_->request.to);
  if (step == nullptr) {
    EndWalk(Errno::kOk, kCpuhpInvalid, out);
    return true;
  }
  walk_->step_due = true;
  out.push_back(NextStep{walk_->request.walk, step->state});
  return false;
}

void Cpu::On(RunStep& e, CpuEffects& out) {
  if (!walk_ || !walk_->step_due || walk_->request.walk != e.walk) return;
  walk_->step_due = false;
  // A stop came in between, or the task that walks is throttled: the walk goes
  // on after it.
  if (!CanRunTasks() || walk_throttled()) return;
  const CpuhpStep& step = *table_.Find(e.step);
  const WalkSteps& request = walk_->request;
  const bool up = request.from < request.to;
  if (request.fail == step.state) {
    // Before any callback, and before any instance's.
    walk_->state = up ? Below(step.state) : step.state;
    EndWalk(Errno::kEagain, step.state, out);
    return;
  }
  if ((up ? step.startup : step.teardown) != StepAction::kCallTarget) {
    walk_->state = up ? step.state : Below(step.state);
    TraceStep(request.about, step, request.target, walk_->state, out);
    return;
  }
  TraceStepEnter(request.about, step, request.target, out);
  walk_->waiting_step = step.state;
  Issue({.origin = Origin::kStep,
         .dst = request.about,
         .func = kNop,
         .wait = true},
        out);
}

// The state runs ahead of the callback, and a failed one's is taken back:
// cpuhp_next_state(), cpuhp_reset_state(). So the way back begins beside the
// step that failed, and not at the last one that had a callback this way.
void Cpu::EndStep(const CpuhpStep& step, Errno error, CpuEffects& out) {
  walk_->waiting_step.reset();
  const bool up = walk_->request.from < walk_->request.to;
  walk_->state = up ? step.state : Below(step.state);
  TraceStepExit(walk_->request.about, step, walk_->state, error, out);
  if (error == Errno::kOk) return;
  walk_->state = up ? Below(step.state) : step.state;
  EndWalk(error, step.state, out);
}

TraceEvent Cpu::StepEvent(TraceKind kind, CpuId about,
                          const CpuhpStep& step) const {
  TraceEvent event = Event(kind);
  event.about = about;
  event.value = step.state;
  event.detail = std::string(step.name);
  return event;
}

void Cpu::TraceStepEnter(CpuId about, const CpuhpStep& step, CpuhpState target,
                         CpuEffects& out) const {
  TraceEvent event = StepEvent(step.instances == CpuhpStep::kSingle
                                   ? TraceKind::kCpuhpEnter
                                   : TraceKind::kCpuhpMultiEnter,
                               about, step);
  event.value2 = target;
  out.push_back(Trace{std::move(event)});
}

void Cpu::TraceStepExit(CpuId about, const CpuhpStep& step, CpuhpState state,
                        Errno error, CpuEffects& out) const {
  TraceEvent event = StepEvent(TraceKind::kCpuhpExit, about, step);
  event.value2 = -static_cast<std::int64_t>(error);
  event.state = state;
  out.push_back(Trace{std::move(event)});
}

void Cpu::TraceStep(CpuId about, const CpuhpStep& step, CpuhpState target,
                    CpuhpState state, CpuEffects& out) const {
  const int calls = step.instances == CpuhpStep::kSingle ? 1 : step.instances;
  for (int i = 0; i < calls; ++i) {
    TraceStepEnter(about, step, target, out);
    TraceStepExit(about, step, state, Errno::kOk, out);
  }
}

void Cpu::EndWalk(Errno error, CpuhpState failed, CpuEffects& out) {
  const CpuhpState reached =
      error == Errno::kOk ? walk_->request.to : walk_->state;
  last_walk_ = StepsDone{walk_->request.walk, reached, error, failed};
  // hrtimers_dead_cpu() is one of the steps.
  if (config_.profile.timer_migration == TimerMigration::kDead &&
      error == Errno::kOk) {
    AdoptTimers(walk_->request.handover, out);
  }
  walk_.reset();
  out.push_back(Tell{last_walk_});
}

}  // namespace belfry::kernel
