// The idle loop, which polls, and what runs behind interrupts.
#include "kernel/cpu.h"

namespace belfry::kernel {

// TIF_POLLING_NRFLAG of the running task. Between two events a CPU is idle
// unless it stands in a handler or a stop, or spins for a call with preemption
// off.
bool Cpu::Polls() const {
  return config_.profile.ring_rule == RingRule::kWasEmptyOrPolling &&
         CanTakeInterrupt() && !stop_ && !irq_wait_ && guards_ == 0;
}

// set_nr_if_polling(), kernel/sched/core.c: no interrupt, for who polls will
// see it.
void Cpu::FlagIdle(const Doorbell& e, CpuEffects& out) {
  TraceEvent event = Event(TraceKind::kSchedWakeIdleWithoutIpi);
  event.csd = e.key;
  out.push_back(Trace{std::move(event)});
  if (!need_resched_) last_doorbell_ = {DoorbellFate::Kind::kFlagged, e.key};
  need_resched_ = true;
}

// do_idle(): the flag is cleared before the queue is taken, so that whoever
// makes the queue non-empty after that flags again.
void Cpu::On(IdleExit&, CpuEffects& out) {
  idle_woken_ = false;
  if (!need_resched_ || !CanTakeInterrupt() || irq_wait_) return;
  need_resched_ = false;
  if (last_doorbell_.kind == DoorbellFate::Kind::kFlagged) {
    last_doorbell_.kind = DoorbellFate::Kind::kTaken;
  }
  StartDrain(Context::kIdle, queue_.TakeAll(), out);
}

// block/blk-softirq.c, trigger_softirq(): a second queue behind the first, with
// the same edge. Who finds the list non-empty raises nothing.
void Cpu::CompleteRequest(CpuEffects& out) {
  if (blk_cpu_done_++ > 0) return;
  TraceEvent event = Event(TraceKind::kSoftirqRaise);
  event.detail = "BLOCK";
  out.push_back(Trace{std::move(event)});
}

// blk_done_softirq(): takes the whole list.
void Cpu::RunSoftirqs(CpuEffects& out) {
  if (blk_cpu_done_ == 0) return;
  TraceEvent event = Event(TraceKind::kSoftirqEntry);
  event.detail = "BLOCK";
  event.value = blk_cpu_done_;
  blk_cpu_done_ = 0;
  out.push_back(Trace{event});
  event.kind = TraceKind::kSoftirqExit;
  out.push_back(Trace{std::move(event)});
}

// irq_exit(): softirqs run where an interrupt ends. (SCHED_SOFTIRQ is pending
// with every tick; its nohz_idle_balance() takes any kick for its own.)
void Cpu::ExitIrq(CpuEffects& out) {
  if (irq_wait_) return;
  if (config_.profile.nohz_release == NohzRelease::kInSoftirq) {
    nohz_kicked_ = false;
  }
  RunSoftirqs(out);
}

}  // namespace belfry::kernel
