// The stopper: what may be queued on it, and what it runs next.
#include <algorithm>
#include <utility>

#include "kernel/cpu.h"

namespace belfry::kernel {

// Who brings the CPU up unparks the stopper's thread. Nobody counts on the
// stopper before the CPU is in the view, so enabled here it is enabled in time;
// the thread itself may first run much later.
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
    DiscardStopWork(work, out);
    return false;
  }
  if (stop_ || work.pair) {
    TraceEvent event = StopEvent(TraceKind::kStopQueue, work);
    event.value2 =
        static_cast<std::int64_t>(stopper_.works.size() + (stop_ ? 1 : 0));
    out.push_back(Trace{std::move(event)});
  }
  stopper_.works.push_back(std::move(work));
  return true;
}

void Cpu::DiscardStopWork(const StopWork& work, CpuEffects& out) {
  TraceEvent event = StopEvent(TraceKind::kStopDiscard, work);
  event.detail = std::string(MultiStopStateName(work.published));
  out.push_back(Trace{std::move(event)});
}

// A round's work takes the stopper's lock as everybody's does, and wakes it.
void Cpu::QueueRound(StopWork work, CpuEffects& out) {
  const Generation generation = work.generation;
  // What opens a round closes all before it.
  closed_generation_ = Generation{generation.value - 1};
  if (stopper_.lock) {
    stopper_.locked_out = std::move(work);
    return;
  }
  if (!QueueStopWork(std::move(work), out)) {
    // It is over: a repeated PREPARE does not open it again.
    closed_generation_ = generation;
    return;
  }
  stopper_.awake = true;
  TakeStopWork();
}

// One work at a time, in the order queued, each to its end.
void Cpu::TakeStopWork() {
  if (stop_ || !stopper_.awake || life_ != Life::kOnline) return;
  if (stopper_.works.empty()) {
    stopper_.awake = false;
    return;
  }
  stop_ = std::move(stopper_.works.front());
  stopper_.works.pop_front();
}

// The CPU has gone: what is left is completed without running
// (stop_machine_park(); cpu_stop_cpu_callback() of Linux 3.0).
void Cpu::ParkStopper(CpuEffects& out) {
  stopper_.locked_out.reset();
  for (const StopWork& work : std::exchange(stopper_.works, {})) {
    DiscardStopWork(work, out);
    if (work.pair) GiveUp(work.pair->key, Errno::kEnoent, out);
  }
  stopper_.awake = false;
}

StopWork* Cpu::FindRound() {
  if (stop_ && !stop_->pair) return &*stop_;
  for (StopWork& work : stopper_.works) {
    if (!work.pair) return &work;
  }
  return stopper_.locked_out ? &*stopper_.locked_out : nullptr;
}

StopWork* Cpu::FindPair(const StopTwoKey& key) {
  if (stop_ && stop_->pair && stop_->pair->key == key) return &*stop_;
  for (StopWork& work : stopper_.works) {
    if (work.pair && work.pair->key == key) return &work;
  }
  return nullptr;
}

// A round that this CPU stands in, or that waits for its stopper.
void Cpu::GiveUpRound(CpuEffects& out) {
  const StopWork* round = FindRound();
  if (round == nullptr) return;
  closed_generation_ = round->generation;
  if (stop_ && round == &*stop_) {
    AbortStop(out);
    return;
  }
  stopper_.locked_out.reset();
  std::erase_if(stopper_.works, [](const StopWork& w) { return !w.pair; });
}

TraceEvent Cpu::StopEvent(TraceKind kind, const StopWork& work) const {
  TraceEvent event = Event(kind);
  event.detail = std::string(MultiStopStateName(work.acted));
  if (work.pair) {
    event.about = work.pair->partner;
    event.csd = work.pair->key;
    event.value = work.active ? 1 : 0;
  } else {
    event.value = static_cast<std::int64_t>(work.generation.value);
  }
  return event;
}

// ---- stop_two_cpus(), seen by one of the two.

void Cpu::On(StopTwoOrder& e, CpuEffects& out) {
  // Nothing is begun for a process that is held for dead.
  if (!HasProcess(e.from)) {
    GiveUp(e.key, Errno::kEcanceled, out);
    return;
  }
  if (e.verb == StopTwoVerb::kPublish) {
    Published(e, out);
    return;
  }
  // At once, though the order itself may have to wait: for a round that waits
  // for the lock.
  const bool lets_go =
      e.verb == StopTwoVerb::kBackOff || e.verb == StopTwoVerb::kAbort;
  if (lets_go && stopper_.lock == e.key) stopper_.lock.reset();
  if (std::find(stopper_.orders.begin(), stopper_.orders.end(), e) ==
      stopper_.orders.end()) {
    stopper_.orders.push_back(std::move(e));
  }
}

void Cpu::Published(const StopTwoOrder& e, CpuEffects& out) {
  StopWork* work = FindPair(e.key);
  if (work == nullptr && e.state == MultiStopState::kExit) {
    // It has left already; the answer was lost.
    Report(e.from,
           {.from = config_.id, .key = e.key, .verb = e.verb, .state = e.state},
           out);
    return;
  }
  if (work == nullptr) {
    GiveUp(e.key, Errno::kEcanceled, out);
    return;
  }
  if (e.state == MultiStopState::kPrepare) {
    stopper_.awake = true;
    TakeStopWork();
    work = FindPair(e.key);
  }
  if (work->published != e.state) {
    work->published = e.state;
  } else if (work->acked && work->acted == e.state) {
    AckStop(out);  // repeated: our answer may have been lost
  }
}

// What orders wait for the stopper; the first that it can carry out. This is
// the CPU's memory: it serves whether the CPU is masked, stands or is parked.
bool Cpu::ServeStopper(CpuEffects& out) {
  if (stopper_.locked_out && !stopper_.lock) {
    StopWork round = std::move(*stopper_.locked_out);
    stopper_.locked_out.reset();
    QueueRound(std::move(round), out);
    return true;
  }
  for (auto order = stopper_.orders.begin(); order != stopper_.orders.end();
       ++order) {
    const std::optional<Errno> answer = Obey(*order, out);
    if (!answer) continue;
    const StopTwoOrder obeyed = std::move(*order);
    stopper_.orders.erase(order);
    Report(obeyed.from,
           {.from = config_.id,
            .key = obeyed.key,
            .verb = obeyed.verb,
            .error = *answer},
           out);
    return true;
  }
  return false;
}

// What the order comes to; nothing while it has to wait.
std::optional<Errno> Cpu::Obey(const StopTwoOrder& order, CpuEffects& out) {
  switch (order.verb) {
    case StopTwoVerb::kLock:
      if (!stopper_.enabled) return Errno::kEnoent;
      if (stopper_.lock == order.key) return Errno::kOk;
      if (FindRound() != nullptr) return Errno::kEdeadlk;
      if (stopper_.lock) return std::nullopt;
      stopper_.lock = order.key;
      return Errno::kOk;
    case StopTwoVerb::kBackOff:
      if (FindRound() != nullptr) return std::nullopt;
      return Errno::kOk;
    case StopTwoVerb::kQueue:
      // A round that the lock keeps out comes behind this work.
      if (stopper_.lock == order.key) stopper_.lock.reset();
      if (FindPair(order.key) != nullptr) return Errno::kOk;
      if (!QueueStopWork({.pair = StopWork::Pair{.key = order.key,
                                                 .partner = order.partner},
                          .published = MultiStopState::kPrepare,
                          .active = order.active,
                          .alone = true,
                          .func = order.func,
                          .payload = order.payload},
                         out)) {
        return Errno::kEnoent;
      }
      if (config_.profile.stop_two_queue == StopTwoQueue::kOneByOne) {
        stopper_.awake = true;
        TakeStopWork();
      }
      return Errno::kOk;
    case StopTwoVerb::kAbort:
      return TakeBack(order.key, order.from, out);
    case StopTwoVerb::kPublish:
      break;
  }
  return Errno::kOk;
}

// A function that has begun is not taken back: the order waits for its end.
std::optional<Errno> Cpu::TakeBack(const StopTwoKey& key, CpuId asker,
                                   CpuEffects& out) {
  const StopWork* work = FindPair(key);
  if (work == nullptr) return Errno::kOk;
  const bool runs = stop_ && work == &*stop_;
  if (runs && drain_ && drain_->context == Context::kStop) return std::nullopt;
  if (runs) {
    AbortStop(out);
  } else {
    std::erase_if(stopper_.works, [&](const StopWork& w) {
      return w.pair && w.pair->key == key;
    });
  }
  // The partner believes the initiator dead: should it live, it is told.
  if (asker != key.src) GiveUp(key, Errno::kEcanceled, out);
  return Errno::kOk;
}

void Cpu::GiveUp(const StopTwoKey& key, Errno error, CpuEffects& out) {
  Report(key.src,
         {.from = config_.id,
          .key = key,
          .verb = StopTwoVerb::kAbort,
          .error = error},
         out);
}

void Cpu::Report(CpuId to, StopTwoReport report, CpuEffects& out) {
  if (to == config_.id) {
    On(report, out);
  } else {
    out.push_back(SendStopTwoReport{to, std::move(report)});
  }
}

// The initiator's process has died, and the count of acknowledgements with it.
// Before this CPU has masked its interrupts RUN cannot have been published.
// Later only the active CPU knows whether the function runs: it leaves at once,
// or when the function has ended; the other stands until it has left.
void Cpu::LoseInitiator(CpuId cpu, CpuEffects& out) {
  std::erase_if(stopper_.orders,
                [&](const StopTwoOrder& o) { return o.from == cpu; });
  if (stopper_.lock && stopper_.lock->src == cpu) stopper_.lock.reset();
  std::erase_if(stopper_.works, [&](const StopWork& w) {
    return w.pair && w.pair->key.src == cpu;
  });
  if (!stop_ || !stop_->pair) return;
  StopWork::Pair& pair = *stop_->pair;
  if (pair.orphan && pair.partner == cpu) {
    AbortStop(out);
    return;
  }
  if (pair.key.src != cpu) return;
  pair.orphan = true;
  if (stop_->acted <= MultiStopState::kPrepare ||
      (!stop_->active && !HasProcess(pair.partner))) {
    AbortStop(out);
  } else if (!stop_->active) {
    AskWhetherItRan(out);
  }
}

void Cpu::AskWhetherItRan(CpuEffects& out) {
  out.push_back(SendStopTwo{stop_->pair->partner,
                            {.from = config_.id,
                             .key = stop_->pair->key,
                             .verb = StopTwoVerb::kAbort}});
}

// An active CPU without its initiator, its function ended or not begun.
bool Cpu::LeaveOrphaned(CpuEffects& out) {
  if (!stop_ || !stop_->pair || !stop_->pair->orphan || !stop_->active) {
    return false;
  }
  AbortStop(out);
  return true;
}

}  // namespace belfry::kernel
