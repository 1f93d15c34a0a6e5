#include "kernel/cpu.h"

#include <array>
#include <utility>

namespace belfry::kernel {
namespace {

constexpr std::array<absl::string_view, 6> kContextNames = {
    "doorbell", "late", "idle", "flush", "self", "stop"};

}  // namespace

absl::string_view ContextName(Context context) {
  return kContextNames[static_cast<std::size_t>(context)];
}

Cpu::Cpu(CpuConfig config)
    : config_(std::move(config)),
      table_(config_.profile.steps),
      queue_(config_.queue_capacity) {}

void Cpu::Step(CpuEvent event, CpuEffects& out) {
  std::visit([this, &out](auto& e) { On(e, out); }, event);
  Pump(out);
}

CpuStatus Cpu::status() const {
  CpuStatus status{.incarnation = config_.incarnation,
                   .life = life_,
                   .view_number = view_.number,
                   .report_owed = report_owed_,
                   .readers = readers_wanted_};
  if (const StopWork* round = FindRound()) {
    status.stop_generation = round->generation;
    status.stop_ran = round->has_effect();
  }
  return status;
}

Incarnation Cpu::IncarnationOf(CpuId cpu) const {
  const auto peer = peers_.find(cpu);
  if (peer != peers_.end()) return peer->second.incarnation;
  return config_.processes != nullptr ? config_.processes->at(cpu.value)
                                      : Incarnation{};
}

Peer& Cpu::PeerOf(CpuId cpu) {
  const auto peer = peers_.find(cpu);
  if (peer != peers_.end()) return peer->second;
  return peers_.emplace(cpu, Peer{.incarnation = IncarnationOf(cpu)})
      .first->second;
}

Seq Cpu::done_through(CpuId dst) const {
  const auto peer = peers_.find(dst);
  return peer == peers_.end() ? 0 : peer->second.out.lowest() - 1;
}

bool operator==(const Cpu& a, const Cpu& b) {
  return a.life_ == b.life_ && a.view_ == b.view_ && a.masked_ == b.masked_ &&
         a.latched_ == b.latched_ && a.irq_raised_ == b.irq_raised_ &&
         a.queue_ == b.queue_ && a.drain_ == b.drain_ && a.peers_ == b.peers_ &&
         a.guards_ == b.guards_ && a.held_tasks_ == b.held_tasks_ &&
         a.self_calls_ == b.self_calls_ && a.irq_wait_ == b.irq_wait_ &&
         a.interrupted_ == b.interrupted_ && a.held_many_ == b.held_many_ &&
         a.many_ == b.many_ && a.cfd_mask_ == b.cfd_mask_ &&
         a.irq_many_ == b.irq_many_ && a.need_resched_ == b.need_resched_ &&
         a.idle_woken_ == b.idle_woken_ && a.blk_cpu_done_ == b.blk_cpu_done_ &&
         a.nohz_kicked_ == b.nohz_kicked_ && a.backed_off_ == b.backed_off_ &&
         a.device_irqs_ == b.device_irqs_ && a.stop_ == b.stop_ &&
         a.stopper_ == b.stopper_ && a.stop_two_ == b.stop_two_ &&
         a.stop_two_tasks_ == b.stop_two_tasks_ &&
         a.stop_twos_ == b.stop_twos_ &&
         a.closed_generation_ == b.closed_generation_ &&
         a.ran_in_ == b.ran_in_ && a.epoch_ == b.epoch_ && a.walk_ == b.walk_ &&
         a.last_walk_ == b.last_walk_ && a.kicked_op_ == b.kicked_op_ &&
         a.last_doorbell_ == b.last_doorbell_ &&
         a.report_owed_ == b.report_owed_ && a.timers_ == b.timers_ &&
         a.throttled_ == b.throttled_ && a.readers_ == b.readers_ &&
         a.readers_wanted_ == b.readers_wanted_;
}

void Cpu::Pump(CpuEffects& out) {
  while (PumpOnce(out)) {
  }
}

// The stopper's orders come first: they are served by the CPU's memory. Then
// the order is the machine's: what runs with interrupts off first (a handler, a
// drain, the function of a stop), then interrupts, then the stopper, which no
// task can delay, then tasks.
bool Cpu::PumpOnce(CpuEffects& out) {
  if (ServeStopper(out)) return true;
  if (drain_) {
    if (drain_->running) return false;
    if (drain_->calls.empty()) {
      FinishDrain(out);
    } else {
      RunNext(out);
    }
    return true;
  }
  if (LeaveOrphaned(out) || ContinueRun(out)) return true;
  // A handler that waits spins: nothing below it runs.
  if (irq_wait_) return false;
  if (CanTakeInterrupt()) {
    if (latched_ && !irq_raised_) {
      irq_raised_ = true;
      out.push_back(RaiseIrq{});
    }
    if (!device_irqs_.empty()) {
      const DeviceIrq irq = std::move(device_irqs_.front());
      device_irqs_.pop_front();
      HandleDeviceIrq(irq, out);
      return true;
    }
  }
  // The idle loop flushes the queue before it schedules anybody, the stopper
  // included: flush_smp_call_function_queue() in do_idle().
  if (need_resched_ && life_ == Life::kOnline) {
    if (!std::exchange(idle_woken_, true)) out.push_back(WakeIdle{});
    return false;
  }
  if (ActOnStop(out)) return true;
  if (life_ == Life::kShouldDie && !stop_ && !report_owed_) {
    Park(out);
    return true;
  }
  if (!CanRunTasks()) return false;
  if (!self_calls_.empty()) {
    StartDrain(Context::kSelf, std::exchange(self_calls_, {}), out);
    return true;
  }
  if (!held_tasks_.empty()) {
    HeldCall call = std::move(held_tasks_.front());
    held_tasks_.pop_front();
    Issue(std::move(call), out);
    return true;
  }
  return RunStopTwo(out) || IssueHeldMany(out) || ContinueWalk(out);
}

bool Cpu::CanTakeInterrupt() const {
  return life_ == Life::kOnline && !masked_ && !drain_;
}

// From the moment a stop is published its stopper is the highest task of the
// CPU: no other task starts anything, or a stream of guards would starve it.
bool Cpu::CanRunTasks() const {
  return life_ == Life::kOnline && !drain_ && !stop_;
}

TraceEvent Cpu::Event(TraceKind kind) const {
  return {.kind = kind, .irqs_masked = masked_};
}

}  // namespace belfry::kernel
