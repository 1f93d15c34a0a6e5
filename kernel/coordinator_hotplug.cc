// How the coordinator walks a CPU through the table of hotplug steps.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernel/coordinator.h"

namespace belfry::kernel {
namespace {

void NameStep(const CpuhpTable& table, CpuhpState step, TraceEvent* event) {
  event->value = step;
  if (const CpuhpStep* row = table.Find(step)) {
    event->detail = std::string(row->name);
  }
}

}  // namespace

// From where the CPU stands to the next leg on its way.
void Coordinator::NextLeg(CoordinatorEffects& out) {
  const CpuhpState state = StateOf(op_->cpu);
  if (op_->kind == OpKind::kStop) {
    EnterLeg(Leg::kDone, out);
  } else if (op_->up) {
    if (state == table_.online()) {
      EnterLeg(Leg::kDone, out);
    } else if (state >= table_.teardown()) {
      EnterLeg(Leg::kAp, out);
    } else if (state < Below(table_.bringup())) {
      EnterLeg(Leg::kPrepare, out);
    } else {
      EnterLeg(Leg::kBringup, out);
    }
  } else if (state > table_.idle()) {
    EnterLeg(Leg::kAp, out);
  } else if (state >= table_.teardown()) {
    EnterLeg(Leg::kTakedown, out);
  } else if (state > kCpuhpOffline) {
    EnterLeg(Leg::kDead, out);
  } else {
    EnterLeg(Leg::kDone, out);
  }
}

// A failed operation walks back by the same table. One that fails on the way
// back stops where it is: recursive failures cannot be handled sensibly
// (Documentation/core-api/cpu_hotplug.rst).
void Coordinator::Turn(CoordinatorEffects& out) {
  walk_.reset();
  if (op_->rollback || op_->kind == OpKind::kStop) {
    EnterLeg(Leg::kDone, out);
    return;
  }
  op_->rollback = true;
  op_->up = !op_->up;
  NextLeg(out);
}

// Where the trace says that the walk goes (cpuhp_cpu_state.target). The CPU's
// own thread goes no further down than to where the control side takes over,
// and on the way back to where it had begun.
CpuhpState Coordinator::Target() const {
  if (op_->up) return table_.online();
  if (op_->leg != Leg::kAp) return kCpuhpOffline;
  return op_->rollback ? table_.idle() : table_.teardown();
}

void Coordinator::OpenStep(CpuhpState step, CoordinatorEffects& out) {
  inside_ = step;
  TraceEvent event = Event(TraceKind::kCpuhpEnter);
  NameStep(table_, step, &event);
  event.value2 = Target();
  out.push_back(CoordinatorTrace{std::move(event)});
}

void Coordinator::CloseStep(Errno error, CoordinatorEffects& out) {
  if (!inside_) return;
  TraceEvent event = Event(TraceKind::kCpuhpExit);
  NameStep(table_, *inside_, &event);
  event.value2 = -static_cast<std::int64_t>(error);
  event.state = StateOf(op_->cpu);
  out.push_back(CoordinatorTrace{std::move(event)});
  inside_.reset();
}

// takedown_cpu() returns when the CPU is dead, however many rounds that took;
// bring-up, and the kick on the way down, when the CPU's own thread has walked,
// also back.
bool Coordinator::IsInsideStep(Leg leg) const {
  if (inside_ == table_.teardown()) {
    return leg >= Leg::kTakedown && leg <= Leg::kDead;
  }
  return leg == Leg::kOnline || (leg == Leg::kAp && table_.has_ap_thread());
}

CpuId Coordinator::ExecutorOf(const CpuhpStep& step) const {
  return step.section == Section::kOnlineAp ? op_->cpu : op_->control;
}

// The control CPU may have died since it was chosen: another does its steps.
bool Coordinator::KeepControl() {
  if (view_.online.Has(op_->control) && op_->control != op_->cpu) return true;
  op_->control_given = false;
  Operation probe = *op_;
  if (ChooseControl(probe) != Errno::kOk) return false;
  op_->control = probe.control;
  return true;
}

// One walk for each run of steps with the same executor.
void Coordinator::ContinueWalk(CoordinatorEffects& out) {
  const CpuhpState state = StateOf(op_->cpu);
  const bool above = op_->leg == Leg::kAp;
  CpuhpState end = kCpuhpOffline;
  if (op_->up) {
    end = above ? table_.online() : Below(table_.bringup());
  } else if (above) {
    end = Target();
  }
  // A failed way back may have left the CPU beyond the end of this leg.
  const bool beyond = op_->up ? state > end : state < end;
  const CpuhpStep* step = beyond ? nullptr : table_.Next(state, end);
  if (step == nullptr) {
    StateOf(op_->cpu) = end;
    NextLeg(out);
    return;
  }
  if (!KeepControl()) {
    GiveUp(absl::StrCat("cpu ", op_->control.value,
                        " died, and no other can run the control steps"),
           out);
    return;
  }
  const CpuId executor = ExecutorOf(*step);
  CpuhpState to = state;
  for (; step != nullptr && ExecutorOf(*step) == executor;
       step = table_.Next(to, end)) {
    to = op_->up ? step->state : Below(step->state);
  }
  walker_ = executor;
  walk_ = WalkSteps{.walk = WalkOf(op_->id, ++op_->walks),
                    .about = op_->cpu,
                    .from = state,
                    .to = to,
                    .target = Target(),
                    .fail = cpus_[op_->cpu].fail};
  if (op_->leg == Leg::kDead) walk_->handover = op_->handover;
  await_ = Await::kWalk;
  out.push_back(TellCpu{walker_, *walk_});
}

void Coordinator::Heard(CpuId cpu, StepsDone& m, CoordinatorEffects& out) {
  if (!op_ || await_ != Await::kWalk || cpu != walker_ ||
      m.walk != walk_->walk) {
    return;
  }
  await_ = Await::kNothing;
  StateOf(op_->cpu) = m.state;
  if (m.failed_step == cpus_[op_->cpu].fail) {
    cpus_[op_->cpu].fail = kCpuhpInvalid;
  }
  if (m.error != Errno::kOk) {
    const CpuhpStep* step = table_.Find(m.failed_step);
    Fail(m.error, m.failed_step,
         absl::StrCat("step ", m.failed_step, " (",
                      step != nullptr ? step->name : "unknown", ") failed"),
         out);
  } else if (op_->cancel && !op_->rollback) {
    Fail(Errno::kEcanceled, kCpuhpInvalid, "cancelled", out);
  } else {
    ContinueWalk(out);
  }
}

bool Coordinator::TakeInjectedFailure(CpuhpState step) {
  CpuRecord& record = cpus_[op_->cpu];
  if (record.fail != step) return false;
  record.fail = kCpuhpInvalid;
  return true;
}

// ---- Bring-up: DEAD -> KICKED -> ALIVE -> SHOULD_ONLINE -> ONLINE.

void Coordinator::BringUp(CoordinatorEffects& out) {
  if (TakeInjectedFailure(table_.bringup())) {
    Fail(Errno::kEagain, table_.bringup(),
         absl::StrCat("step ", table_.bringup(), " (cpu:bringup) failed"), out);
    return;
  }
  OpenStep(table_.bringup(), out);
  await_ = Await::kAlive;
  out.push_back(StartHandoff{op_->id, Leg::kBringup});
  out.push_back(TellCpu{op_->cpu, Kick{op_->id}});
}

void Coordinator::Heard(CpuId cpu, Alive& m, CoordinatorEffects& out) {
  if (!op_ || await_ != Await::kAlive || cpu != op_->cpu || m.op != op_->id) {
    return;
  }
  await_ = Await::kStarting;
  out.push_back(TellCpu{op_->cpu, BringOnline{op_->id}});
}

void Coordinator::Heard(CpuId cpu, StartingDone& m, CoordinatorEffects& out) {
  if (!op_ || await_ != Await::kStarting || cpu != op_->cpu ||
      m.op != op_->id) {
    return;
  }
  view_.online.Add(op_->cpu);
  ++view_.number;
  StateOf(op_->cpu) = table_.idle();
  EnterLeg(Leg::kOnline, out);
}

// Everybody knows the CPU before its ONLINE steps run: a notifier may call it,
// and it may call anybody.
void Coordinator::PublishView(CoordinatorEffects& out) {
  view_missing_ = view_.online;
  TellView(out);
}

void Coordinator::Heard(CpuId cpu, ViewAck& m, CoordinatorEffects& out) {
  if (!op_ || op_->leg != Leg::kOnline || await_ == Await::kJournal ||
      m.number < view_.number || !view_missing_.Has(cpu)) {
    return;
  }
  view_missing_.Remove(cpu);
  if (!view_missing_.empty()) return;
  if (op_->kind == OpKind::kBoot) StateOf(op_->cpu) = table_.online();
  NextLeg(out);
}

// ---- Death.

void Coordinator::AwaitDeath(CoordinatorEffects& out) {
  if (StateOf(op_->cpu) < table_.bringup()) {
    CloseStep(Errno::kOk, out);
    ContinueWalk(out);
  } else if (death_ != Death::kNone) {
    Bury(out);
  } else {
    await_ = Await::kDead;
    out.push_back(StartHandoff{op_->id, Leg::kDead});
  }
}

void Coordinator::Heard(CpuId cpu, Dead& m, CoordinatorEffects& out) {
  if (!op_ || cpu != op_->cpu) return;
  death_ =
      m.report_owed ? std::max(death_, Death::kAnnounced) : Death::kReported;
  if (await_ == Await::kDead || await_ == Await::kGracePeriod) Bury(out);
}

// The victim has announced its death: it is switched off, and the grace period
// that the DEAD steps stand behind ends with its last report. One that is not
// made by then is not made.
void Coordinator::Bury(CoordinatorEffects& out) {
  if (death_ == Death::kAnnounced) {
    await_ = Await::kGracePeriod;
    out.push_back(TellCpu{op_->cpu, PowerOff{op_->id}});
    return;
  }
  await_ = Await::kNothing;
  CloseStep(Errno::kOk, out);
  ContinueWalk(out);
}

void Coordinator::On(HandoffTimeout& e, CoordinatorEffects& out) {
  if (!op_ || op_->id != e.op || op_->leg != e.leg) return;
  const bool rising = await_ == Await::kAlive || await_ == Await::kStarting;
  if (!rising && await_ != Await::kDead) return;
  await_ = Await::kNothing;
  cpus_[op_->cpu].limbo = true;
  death_ = Death::kReported;
  const absl::string_view what = rising ? "alive" : "dead";
  Fail(Errno::kEio, table_.bringup(),
       absl::StrCat("cpu ", op_->cpu.value, " failed to report ", what,
                    " state"),
       out);
}

}  // namespace belfry::kernel
