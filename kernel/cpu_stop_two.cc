// stop_two_cpus(), the initiator's side.
#include <algorithm>
#include <utility>

#include "kernel/cpu.h"

namespace belfry::kernel {

void Cpu::On(StopTwoTask& e, CpuEffects& out) {
  if (life_ != Life::kOnline) {
    RefuseStopTwo(e, Errno::kEnxio, out);
  } else if (stop_two_tasks_.size() >= config_.queue_capacity) {
    RefuseStopTwo(e, Errno::kEnobufs, out);
  } else {
    stop_two_tasks_.push_back(std::move(e));
  }
}

void Cpu::RefuseStopTwo(const StopTwoTask& task, Errno error, CpuEffects& out) {
  out.push_back(CallEnded{
      .token = task.token, .outcome = Outcome::kRefused, .error = error});
}

// What the task does when it runs: it begins, tries again, or wakes a stopper.
// One at a time: its memory is one multi_stop_data.
bool Cpu::RunStopTwo(CpuEffects& out) {
  if (!stop_two_) {
    if (stop_two_tasks_.empty()) return false;
    StopTwoTask task = std::move(stop_two_tasks_.front());
    stop_two_tasks_.pop_front();
    if (task.a == task.b) {
      RefuseStopTwo(task, Errno::kEinval, out);
      return true;
    }
    const Generation number{++stop_twos_};
    MultiStop barrier(number, {.barrier = config_.profile.barrier},
                      {task.a.value, task.b.value}, {task.a.value});
    // Both owe PREPARE from the start: a stopper may get to it at once.
    barrier.Advance();
    stop_two_ = StopTwo{.task = std::move(task),
                        .number = number.value,
                        .barrier = std::move(barrier)};
    out.push_back(Trace{StopTwoEvent(TraceKind::kStopTwoBegin)});
    return true;
  }
  if (stop_two_->phase == StopTwo::Phase::kDue) {
    BeginQueueing(out);
    return true;
  }
  if (stop_two_->wakes.empty()) return false;
  Order(stop_two_->wakes.front(), StopTwoVerb::kPublish, out);
  stop_two_->wakes.pop_front();
  return true;
}

// cpu_stop_queue_two_works(). With both locks held before either work is
// queued, any two pairs lie in the same order on whatever stoppers they share,
// and none waits for one that waits for it; the locks are taken in the order of
// CPU numbers, so nobody waits for a lock in a ring either, and who waits for
// one has preemption off, but waits for nothing that a stopper does.
void Cpu::BeginQueueing(CpuEffects& out) {
  const CpuId a = stop_two_->task.a;
  const CpuId b = stop_two_->task.b;
  if (!HasProcess(a) || !HasProcess(b)) {
    AbandonStopTwo(Errno::kEnoent, out);
    return;
  }
  stop_two_->preempt_off = true;
  if (config_.profile.stop_two_queue == StopTwoQueue::kBothLocked) {
    stop_two_->phase = StopTwo::Phase::kLocking;
    Order(std::min(a, b), StopTwoVerb::kLock, out);
  } else {
    stop_two_->phase = StopTwo::Phase::kQueueing;
    Order(a, StopTwoVerb::kQueue, out);
  }
}

StopTwoKey Cpu::KeyOf(const StopTwo& stop) const {
  return {config_.id, config_.incarnation, stop.number};
}

bool Cpu::HasProcess(CpuId cpu) const {
  if (cpu == config_.id) return true;
  const auto peer = peers_.find(cpu);
  return IncarnationOf(cpu).value != 0 &&
         (peer == peers_.end() || !peer->second.gone);
}

TraceEvent Cpu::StopTwoEvent(TraceKind kind) const {
  TraceEvent event = Event(kind);
  event.about = stop_two_->task.a;
  event.csd = KeyOf(*stop_two_);
  event.value = stop_two_->task.b.value;
  return event;
}

void Cpu::Order(CpuId cpu, StopTwoVerb verb, CpuEffects& out) {
  StopTwoOrder order{.from = config_.id,
                     .key = KeyOf(*stop_two_),
                     .verb = verb,
                     .state = stop_two_->barrier.state()};
  const StopTwoTask& task = stop_two_->task;
  if (verb == StopTwoVerb::kQueue) {
    order.active = cpu == task.a;
    order.partner = order.active ? task.b : task.a;
    order.func = order.active ? task.func : std::string();
    order.payload = order.active ? task.payload : std::string();
  }
  // Who owes the acknowledgement of a state is the barrier's to know.
  if (verb != StopTwoVerb::kPublish) stop_two_->unanswered[cpu] = order;
  SendOrder(cpu, std::move(order), out);
}

void Cpu::SendOrder(CpuId cpu, StopTwoOrder order, CpuEffects& out) {
  if (cpu == config_.id) {
    On(order, out);
  } else {
    out.push_back(SendStopTwo{cpu, std::move(order)});
  }
}

void Cpu::On(StopTwoReport& e, CpuEffects& out) {
  if (stop_ && stop_->pair && stop_->pair->orphan &&
      stop_->pair->key == e.key && e.verb == StopTwoVerb::kAbort &&
      stop_->pair->partner == e.from) {
    // The function has ended, or never will begin.
    AbortStop(out);
    return;
  }
  if (!stop_two_ || KeyOf(*stop_two_) != e.key) return;
  if (e.verb == StopTwoVerb::kPublish) {
    Acknowledged(e, out);
    return;
  }
  const auto order = stop_two_->unanswered.find(e.from);
  const bool asked =
      order != stop_two_->unanswered.end() && order->second.verb == e.verb;
  if (asked) stop_two_->unanswered.erase(order);
  if (e.verb == StopTwoVerb::kAbort) {
    // Unasked: the stopper has given the work up.
    if (stop_two_->phase != StopTwo::Phase::kAborting) {
      AbandonStopTwo(e.error, out);
    } else if (stop_two_->unanswered.empty()) {
      EndStopTwo(out);
    }
    return;
  }
  if (!asked || stop_two_->phase == StopTwo::Phase::kAborting) return;
  Answered(e, out);
}

void Cpu::Answered(const StopTwoReport& e, CpuEffects& out) {
  const CpuId low = std::min(stop_two_->task.a, stop_two_->task.b);
  const CpuId high = std::max(stop_two_->task.a, stop_two_->task.b);
  const bool none_left = stop_two_->unanswered.empty();
  if (e.error == Errno::kEdeadlk) {
    // A round is on its way to both. It may need this CPU: preemption goes on,
    // and the task begins again when the round has left both.
    out.push_back(Trace{StopTwoEvent(TraceKind::kStopTwoBackOff)});
    stop_two_->phase = StopTwo::Phase::kBackingOff;
    stop_two_->preempt_off = false;
    Order(e.from, StopTwoVerb::kBackOff, out);
    if (e.from == high) Order(low, StopTwoVerb::kBackOff, out);
  } else if (e.error != Errno::kOk) {
    AbandonStopTwo(e.error, out);
  } else if (e.verb == StopTwoVerb::kBackOff) {
    if (none_left) stop_two_->phase = StopTwo::Phase::kDue;
    // Its CPU has gone meanwhile, and will not run it again.
    if (none_left && life_ != Life::kOnline) {
      AbandonStopTwo(Errno::kEnxio, out);
    }
  } else if (e.verb == StopTwoVerb::kLock && e.from == low) {
    Order(high, StopTwoVerb::kLock, out);
  } else if (e.verb == StopTwoVerb::kLock) {
    stop_two_->phase = StopTwo::Phase::kQueueing;
    Order(stop_two_->task.a, StopTwoVerb::kQueue, out);
    Order(stop_two_->task.b, StopTwoVerb::kQueue, out);
  } else if (config_.profile.stop_two_queue == StopTwoQueue::kOneByOne &&
             e.from == stop_two_->task.a) {
    Order(stop_two_->task.b, StopTwoVerb::kQueue, out);
  } else if (none_left) {
    WakeStoppers(out);
  }
}

// Both are woken before anything else may run here. If the initiator can be
// preempted in between, and its own stopper is the one that it woke first, then
// that preempts it, spins in PREPARE for the other, and the other is woken by
// nobody: 9fb8d5dc4b64, Linux 4.18.
void Cpu::WakeStoppers(CpuEffects& out) {
  stop_two_->phase = StopTwo::Phase::kRunning;
  // One by one, each was woken as it was queued.
  if (config_.profile.stop_two_queue == StopTwoQueue::kBothLocked) {
    stop_two_->wakes = {stop_two_->task.a, stop_two_->task.b};
  }
  if (config_.profile.stop_two_wake == StopTwoWake::kPreemptOff) {
    for (CpuId cpu : std::exchange(stop_two_->wakes, {})) {
      Order(cpu, StopTwoVerb::kPublish, out);
    }
  }
  stop_two_->preempt_off = false;
}

void Cpu::Acknowledged(StopTwoReport& e, CpuEffects& out) {
  MultiStop& barrier = stop_two_->barrier;
  const bool answers =
      e.state == MultiStopState::kRun && e.from == stop_two_->task.a &&
      barrier.state() == e.state && barrier.missing().Has(e.from);
  if (answers) {
    stop_two_->error = e.error;
    stop_two_->result = std::move(e.result);
  }
  if (barrier.Ack(e.from, barrier.generation(), e.state)) AdvanceStopTwo(out);
}

void Cpu::AdvanceStopTwo(CpuEffects& out) {
  MultiStop& barrier = stop_two_->barrier;
  if (barrier.state() == MultiStopState::kExit ||
      barrier.participants().empty()) {
    EndStopTwo(out);
    return;
  }
  barrier.Advance();
  for (CpuId cpu : barrier.participants().cpus()) {
    Order(cpu, StopTwoVerb::kPublish, out);
  }
}

// It cannot go on. Whoever has the work, or the lock, gives it back first: no
// CPU is left standing when the caller hears of it.
void Cpu::AbandonStopTwo(Errno error, CpuEffects& out) {
  stop_two_->phase = StopTwo::Phase::kAborting;
  stop_two_->error = error;
  stop_two_->preempt_off = false;
  stop_two_->unanswered.clear();
  stop_two_->wakes.clear();
  for (CpuId cpu : {stop_two_->task.a, stop_two_->task.b}) {
    if (HasProcess(cpu)) Order(cpu, StopTwoVerb::kAbort, out);
  }
  if (stop_two_->unanswered.empty()) EndStopTwo(out);
}

void Cpu::EndStopTwo(CpuEffects& out) {
  const Errno error = stop_two_->error;
  const bool refused = error == Errno::kEnoent || error == Errno::kEnxio;
  Outcome outcome = stop_two_->lost ? Outcome::kLost : Outcome::kCompleted;
  if (stop_two_->phase == StopTwo::Phase::kAborting) {
    outcome = refused ? Outcome::kRefused : Outcome::kLost;
  }
  TraceEvent event = StopTwoEvent(TraceKind::kStopTwoEnd);
  event.value2 = static_cast<std::int64_t>(error);
  out.push_back(Trace{std::move(event)});
  out.push_back(CallEnded{.token = stop_two_->task.token,
                          .outcome = outcome,
                          .error = error,
                          .result = std::move(stop_two_->result)});
  stop_two_.reset();
}

// One of the two has died. Before RUN is published nothing can have run, and
// all is taken back; later the other is led to the end.
void Cpu::LoseParticipant(CpuId cpu, CpuEffects& out) {
  if (!stop_two_ || (stop_two_->task.a != cpu && stop_two_->task.b != cpu)) {
    return;
  }
  MultiStop& barrier = stop_two_->barrier;
  switch (stop_two_->phase) {
    case StopTwo::Phase::kDue:
      return;
    case StopTwo::Phase::kAborting:
      stop_two_->unanswered.erase(cpu);
      if (stop_two_->unanswered.empty()) EndStopTwo(out);
      return;
    default:
      break;
  }
  if (barrier.state() < MultiStopState::kRun) {
    AbandonStopTwo(Errno::kEownerdead, out);
    return;
  }
  if (cpu == stop_two_->task.a && barrier.state() == MultiStopState::kRun &&
      barrier.missing().Has(cpu)) {
    stop_two_->lost = true;
    stop_two_->error = Errno::kEownerdead;
  }
  if (barrier.Forget(cpu)) AdvanceStopTwo(out);
}

bool Cpu::NeedsStopperOf(CpuId cpu) const {
  const bool orphan = stop_ && stop_->pair && stop_->pair->orphan &&
                      stop_->pair->partner == cpu;
  return orphan ||
         (stop_two_ && (stop_two_->task.a == cpu || stop_two_->task.b == cpu));
}

// On a new link to a stopper what it may have missed comes again.
void Cpu::RepeatOrders(CpuId cpu, CpuEffects& out) {
  if (stop_ && stop_->pair && stop_->pair->orphan && !stop_->active &&
      stop_->pair->partner == cpu) {
    AskWhetherItRan(out);
  }
  if (!stop_two_) return;
  const auto order = stop_two_->unanswered.find(cpu);
  if (order != stop_two_->unanswered.end()) {
    out.push_back(SendStopTwo{cpu, order->second});
    return;
  }
  const auto& wakes = stop_two_->wakes;
  if (stop_two_->phase == StopTwo::Phase::kRunning &&
      stop_two_->barrier.missing().Has(cpu) &&
      std::find(wakes.begin(), wakes.end(), cpu) == wakes.end()) {
    Order(cpu, StopTwoVerb::kPublish, out);
  }
}

// The CPU goes: a task that has to run, and never will, gives up.
void Cpu::RefuseStopTwos(CpuEffects& out) {
  for (const StopTwoTask& task : std::exchange(stop_two_tasks_, {})) {
    RefuseStopTwo(task, Errno::kEnxio, out);
  }
  if (stop_two_ &&
      (stop_two_->phase == StopTwo::Phase::kDue || !stop_two_->wakes.empty())) {
    AbandonStopTwo(Errno::kEnxio, out);
  }
}

}  // namespace belfry::kernel
