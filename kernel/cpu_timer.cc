// What a CPU's tasks can have that a hotplug operation waits for: a timer that
// lets a throttled one run again (no more than that of CFS bandwidth control,
// kernel/sched/fair.c), and the hotplug lock.
#include <utility>

#include "kernel/cpu.h"
#include "kernel/functions.h"

namespace belfry::kernel {

void Cpu::On(ArmTimer& e, CpuEffects& out) {
  if (life_ != Life::kOnline || timers_.size() >= config_.queue_capacity)
    return;
  timers_.push_back(e.wakes);
  TraceEvent event = Event(TraceKind::kHrtimerStart);
  event.about = e.wakes;
  out.push_back(Trace{std::move(event)});
}

void Cpu::On(Throttle&, CpuEffects& out) {
  if (life_ != Life::kOnline || throttled_) return;
  throttled_ = true;
  out.push_back(Trace{Event(TraceKind::kThrottleCfsRq)});
}

// The period timer's function, do_sched_cfs_period_timer(), runs where the
// timer is; the tasks of another CPU are let go there
// (__unthrottle_cfs_rq_async()).
void Cpu::On(ExpireTimers&, CpuEffects& out) {
  if (!CanTakeInterrupt()) return;
  for (const CpuId wakes : std::exchange(timers_, {})) {
    TraceEvent event = Event(TraceKind::kHrtimerExpireEntry);
    event.about = wakes;
    out.push_back(Trace{std::move(event)});
    if (wakes == config_.id) {
      Unthrottle(out);
    } else {
      Issue({.origin = Origin::kIrq, .dst = wakes, .func = kUnthrottle}, out);
    }
  }
}

void Cpu::Unthrottle(CpuEffects& out) {
  if (!throttled_) return;
  throttled_ = false;
  out.push_back(Trace{Event(TraceKind::kUnthrottleCfsRq)});
}

// A worker is in no group with a limit, and so is the CPU's own hotplug thread;
// the task that asked may be.
bool Cpu::walk_throttled() const {
  if (!throttled_ || !walk_ || walk_->request.about == config_.id) return false;
  const bool up = walk_->request.from < walk_->request.to;
  return up || config_.profile.control_cpu == ControlCpu::kAsker;
}

// hrtimers_cpu_dying() pushes them away. Else they stay, where no interrupt is
// taken any more, until the control side has come as far as to pull them.
void Cpu::LeaveTimers() {
  stop_->handover.timers.assign(timers_.begin(), timers_.end());
  if (config_.profile.timer_migration == TimerMigration::kDying) {
    timers_.clear();
  }
}

void Cpu::AdoptTimers(const Handover& handover, CpuEffects& out) {
  if (handover.timers.empty()) return;
  timers_.insert(timers_.end(), handover.timers.begin(), handover.timers.end());
  TraceEvent event = Event(TraceKind::kMigrateHrtimers);
  event.value = static_cast<std::int64_t>(handover.timers.size());
  out.push_back(Trace{std::move(event)});
}

// ---- Readers of the hotplug lock.

void Cpu::On(ReadLock&, CpuEffects& out) {
  if (life_ != Life::kOnline) return;
  out.push_back(Tell{Readers{++readers_wanted_}});
}

void Cpu::On(ReadUnlock&, CpuEffects& out) {
  if (readers_ == 0 || readers_wanted_ == 0) return;
  out.push_back(Tell{Readers{--readers_wanted_}});
}

void Cpu::On(ReadersGranted& e, CpuEffects& out) {
  if (e.count == readers_) return;
  TraceEvent event = Event(e.count > readers_ ? TraceKind::kCpusReadLock
                                              : TraceKind::kCpusReadUnlock);
  event.value = e.count;
  out.push_back(Trace{std::move(event)});
  readers_ = e.count;
}

}  // namespace belfry::kernel
