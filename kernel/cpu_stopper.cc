// The stopper: what may be queued on it, and what it runs next.
#include <utility>

#include "kernel/cpu.h"

namespace belfry::kernel {

// The hotplug thread of the CPU, or who brings it up, unparks the stopper's
// thread. Nobody counts on the stopper before the CPU is in the view, so
// enabled here it is enabled in time; the thread itself may first run much
// later.
void Cpu::UnparkStopper(CpuEffects& out) {
  if (config_.profile.stopper_enable == StopperEnable::kAtUnpark) {
    stopper_.enabled = true;
  } else if (!std::exchange(stopper_.waking, true)) {
    out.push_back(WakeStopper{});
  }
}

void Cpu::On(StopperRuns&, CpuEffects& out) {
  if (!std::exchange(stopper_.waking, false) || life_ != Life::kOnline) return;
  stopper_.enabled = true;
  out.push_back(Trace{Event(TraceKind::kStopperRuns)});
}

// cpu_stop_queue_work(). False when the work is completed without running.
bool Cpu::QueueStopWork(StopWork work, CpuEffects& out) {
  if (!stopper_.enabled) {
    TraceEvent event = Event(TraceKind::kStopDiscard);
    event.value = static_cast<std::int64_t>(work.generation.value);
    event.detail = std::string(MultiStopStateName(work.published));
    out.push_back(Trace{std::move(event)});
    return false;
  }
  stopper_.works.push_back(std::move(work));
  TakeStopWork();
  return true;
}

// The stopper runs one work at a time, in the order queued.
void Cpu::TakeStopWork() {
  if (stop_ || stopper_.works.empty()) return;
  stop_ = std::move(stopper_.works.front());
  stopper_.works.pop_front();
}

}  // namespace belfry::kernel
