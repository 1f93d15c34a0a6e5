#include "kernel/invariants.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace belfry::kernel {
namespace {

std::string KeyText(const CsdKey& key) {
  return absl::StrCat("call ", key.seq, " of cpu ", key.src.value);
}

bool RingMayBeOwed(std::span<const Cpu* const> cpus, const Cpu& target) {
  return std::any_of(cpus.begin(), cpus.end(), [&](const Cpu* sender) {
    const auto peer = sender->peers().find(target.id());
    if (peer == sender->peers().end()) return false;
    bool owed = false;
    peer->second.out.ForEach([&](Seq, const Outgoing& call) {
      owed = owed || sender->MayOweRing(call);
    });
    return owed;
  });
}

// Calls to `dst` that were counted as issued and have not ended.
std::uint64_t PendingOf(const Cpu& cpu, CpuId dst) {
  const auto peer = cpu.peers().find(dst);
  std::uint64_t n = peer == cpu.peers().end() ? 0 : peer->second.out.size();
  for (const auto* held : {&cpu.held_tasks(), &cpu.backed_off()}) {
    n += static_cast<std::uint64_t>(
        std::count_if(held->begin(), held->end(), [&](const HeldCall& call) {
          return call.issued_as != 0 && call.dst == dst;
        }));
  }
  return n;
}

std::uint64_t QueuedHere(const Cpu& cpu) {
  const bool draining = cpu.drain() && cpu.drain()->context != Context::kSelf &&
                        cpu.drain()->context != Context::kStop;
  return cpu.queue().size() + (draining ? cpu.drain()->calls.size() : 0);
}

}  // namespace

std::optional<Invariant> ParseInvariant(absl::string_view name) {
  for (std::size_t i = 0; i < kInvariantNames.size(); ++i) {
    if (kInvariantNames[i] == name) return static_cast<Invariant>(i);
  }
  return std::nullopt;
}

void CheckNoStrandedQueue(std::span<const Cpu* const> cpus,
                          const DoorbellsInFlight& doorbells, Violations& out) {
  for (const Cpu* cpu : cpus) {
    const bool softirq_waits =
        cpu->blk_cpu_done() > 0 && !cpu->irqs_masked() && !cpu->drain();
    if (cpu->life() != Life::kOnline) continue;
    if (cpu->queue().empty() && !softirq_waits) continue;
    if (cpu->latched() || cpu->need_resched() ||
        doorbells.contains(cpu->id())) {
      continue;
    }
    // Last, for it asks every other CPU.
    if (RingMayBeOwed(cpus, *cpu)) continue;
    if (softirq_waits) {
      out.push_back({Invariant::kNoStrandedQueue, cpu->id(),
                     absl::StrCat(cpu->blk_cpu_done(),
                                  " requests wait for BLOCK_SOFTIRQ, and no "
                                  "interrupt comes")});
    }
    if (cpu->queue().empty()) continue;
    out.push_back({Invariant::kNoStrandedQueue, cpu->id(),
                   absl::StrCat(cpu->queue().size(),
                                " calls in the queue, and no doorbell")});
  }
}

void CheckNothingLeftBehind(const Cpu& cpu, Violations& out) {
  if (cpu.life() != Life::kDead || cpu.queue().empty()) return;
  out.push_back({Invariant::kNothingLeftBehind, cpu.id(),
                 absl::StrCat(cpu.queue().size(),
                              " calls in the queue of a CPU that has gone")});
}

void CheckConservation(const Cpu& cpu, const Ledger& ledger, Violations& out) {
  for (const auto& [dst, row] : ledger.rows()) {
    const std::uint64_t pending = PendingOf(cpu, dst);
    if (row.pending() == pending) continue;
    out.push_back(
        {Invariant::kConservation, cpu.id(),
         absl::StrCat(row.pending(), " calls to cpu ", dst.value,
                      " pending by its ledger, ", pending, " by its state")});
  }
  std::uint64_t queued = 0;
  for (const auto& [source, row] : ledger.inbound()) queued += row.queued();
  if (queued != QueuedHere(cpu)) {
    out.push_back({Invariant::kConservation, cpu.id(),
                   absl::StrCat(queued, " calls queued by its ledger, ",
                                QueuedHere(cpu), " by its state")});
  }
  if (ledger.irqs_lost() > 0) {
    out.push_back({Invariant::kConservation, cpu.id(),
                   absl::StrCat(ledger.irqs_lost(),
                                " device interrupts raised and not latched")});
  }
}

void CheckOneView(std::span<const Cpu* const> cpus,
                  const Coordinator& coordinator, Violations& out) {
  std::map<std::uint64_t, const View*> known = {
      {coordinator.view().number, &coordinator.view()}};
  for (const Cpu* cpu : cpus) {
    const auto [same, first] =
        known.try_emplace(cpu->view().number, &cpu->view());
    if (*same->second != cpu->view()) {
      out.push_back(
          {Invariant::kOneView, cpu->id(),
           absl::StrCat("view ", cpu->view().number, " is ",
                        FormatCpuList(cpu->view().online), " here and ",
                        FormatCpuList(same->second->online), " elsewhere")});
    }
    if (cpu->life() == Life::kOnline && !coordinator.recovering() &&
        !coordinator.view().online.Has(cpu->id())) {
      out.push_back(
          {Invariant::kOneView, cpu->id(),
           absl::StrCat("it runs, and view ", coordinator.view().number,
                        " is without it")});
    }
  }
}

void CheckEveryWaitEnds(const Cpu& cpu, Violations& out) {
  const auto report = [&](CpuId dst, absl::string_view where) {
    out.push_back(
        {Invariant::kEveryWaitEnds, cpu.id(),
         absl::StrCat("a call to cpu ", dst.value, " waits ", where)});
  };
  for (const auto& [dst, peer] : cpu.peers()) {
    peer.out.ForEach([&, to = dst](Seq seq, const Outgoing& call) {
      if (call.wait) report(to, absl::StrCat("for its answer (", seq, ")"));
    });
  }
  for (const HeldCall& call : cpu.held_tasks()) report(call.dst, "to be sent");
  for (const CallMany& call : cpu.held_many()) {
    for (const CpuId dst : call.cpus.cpus()) report(dst, "to be sent");
  }
  for (const HeldCall& call : cpu.backed_off()) report(call.dst, "for room");
  if (const auto& stop = cpu.stop_two()) {
    out.push_back(
        {Invariant::kEveryWaitEnds, cpu.id(),
         absl::StrCat("its stop_two_cpus() of ", stop->task.a.value, " and ",
                      stop->task.b.value, " is ", StopTwoPhaseName(stop->phase),
                      ", in ", MultiStopStateName(stop->barrier.state()))});
  }
}

// ---- The trace.

void TraceObserver::Report(Invariant invariant, CpuId cpu, std::string what) {
  violations_.push_back({invariant, cpu, std::move(what)});
}

void TraceObserver::Observe(CpuId cpu, const TraceEvent& event) {
  Seen& seen = cpus_[cpu];
  switch (event.kind) {
    case TraceKind::kCsdQueueCpu:
      if (event.about && event.csd) Sent(*event.about, *event.csd);
      return;
    case TraceKind::kCsdFunctionEntry:
      ++seen.running;
      CheckStopped(cpu, event);
      Entered(cpu, event);
      return;
    case TraceKind::kCsdFunctionExit:
      // Else it was entered before the trace, or before its end was declared.
      if (seen.running > 0) --seen.running;
      return;
    case TraceKind::kDeviceIrq:
      CheckStopped(cpu, event);
      return;
    case TraceKind::kCpuLife:
      seen.gone = false;
      seen.life = ParseLife(event.detail).value_or(seen.life);
      return;
    case TraceKind::kStopState:
      if (event.value2 != 0 &&
          event.detail == MultiStopStateName(MultiStopState::kRun)) {
        EnterRun(cpu, event);
      }
      if (event.detail == MultiStopStateName(MultiStopState::kExit)) {
        Commit(event.value);
      }
      return;
    case TraceKind::kStopAck:
    case TraceKind::kStopAbort:
      seen.effect = 0;
      return;
    case TraceKind::kStopTwoState:
      EnterRunOfTwo(cpu, event);
      return;
    case TraceKind::kStopTwoAck:
    case TraceKind::kStopTwoAbort:
      seen.stopped.reset();
      return;
    default:
      return;
  }
}

void TraceObserver::ObserveCoordinator(const TraceEvent& event) {
  if (event.kind == TraceKind::kStopPublish &&
      event.detail == MultiStopStateName(MultiStopState::kExit)) {
    Commit(event.value);
  }
  if (event.kind != TraceKind::kCpuCrashed || !event.about) return;
  // Its next process counts from 1 again, and so do those who call it.
  cpus_[*event.about] = {.gone = true};
  for (auto& [cpu, seen] : cpus_) {
    if (seen.stopped == event.about) seen.stopped.reset();
  }
  issued_.erase(*event.about);
  if (const auto ran = ran_.find(*event.about); ran != ran_.end()) {
    ran_before_[*event.about].merge(ran->second);
    ran_.erase(ran);
  }
  last_run_.erase(*event.about);
}

// Among them it may have come online, left its functions, acknowledged: it is
// nothing that what follows could contradict. A process that is held for dead
// stays so.
void TraceObserver::ObserveLoss(CpuId cpu) {
  Seen& seen = cpus_[cpu];
  seen = {.life = Life::kOnline, .gone = seen.gone};
}

// A number that is given again names another call, to a new process. The one
// before may have gone on for a while when it was held for dead, but who sends
// to its successor has heard of that, and so comes after all it did.
void TraceObserver::Sent(CpuId target, const CsdKey& key) {
  issued_[target].insert(key);
  for (auto* ran : {&ran_, &ran_before_}) {
    const auto there = ran->find(target);
    if (there != ran->end()) there->second.erase(key);
  }
  const auto there = last_run_.find(target);
  if (there == last_run_.end()) return;
  const auto last = there->second.find({key.src, key.src_incarnation});
  if (last != there->second.end() && key.seq <= last->second) {
    there->second.erase(last);
  }
}

void TraceObserver::Entered(CpuId cpu, const TraceEvent& event) {
  if (!event.csd) return;
  const CsdKey key = *event.csd;
  const bool gone = cpus_[cpu].gone;
  const bool sent = issued_[cpu].contains(key);
  const auto before = ran_before_.find(cpu);
  const bool ran_before =
      before != ran_before_.end() && before->second.contains(key);
  const bool again = !ran_[cpu].insert(key).second || (ran_before && !sent);
  if (!sent && !again && !gone) {
    Report(Invariant::kItsOwnTarget, cpu,
           KeyText(key) + " runs here and was not sent here");
  }
  Seq& last = last_run_[cpu][{key.src, key.src_incarnation}];
  if (again) {
    Report(Invariant::kAtMostOnce, cpu, KeyText(key) + " runs again");
  } else if (key.seq < last) {
    Report(Invariant::kOrder, cpu,
           absl::StrCat(KeyText(key), " runs after number ", last));
  }
  last = std::max(last, key.seq);
  const bool flush = event.detail == ContextName(Context::kFlush);
  const Life life = cpus_[cpu].life;
  if (!gone && life != Life::kOnline && !(flush && life == Life::kShouldDie)) {
    Report(Invariant::kNoCallOnDeadCpu, cpu,
           absl::StrCat(KeyText(key), " runs (", event.detail, ") while ",
                        LifeName(life)));
  }
}

void TraceObserver::CheckStopped(CpuId cpu, const TraceEvent& event) {
  if (cpus_[cpu].gone) return;
  for (const auto& [active, seen] : cpus_) {
    if (seen.stopped == cpu) {
      Report(Invariant::kStoppedMeansStopped, cpu,
             absl::StrCat(TraceName(event.kind), " while cpu ", active.value,
                          " has stopped it"));
    }
    if (active == cpu || seen.effect == 0) continue;
    unstopped_[seen.effect].push_back(
        {Invariant::kStoppedMeansStopped, cpu,
         absl::StrCat(TraceName(event.kind), " while cpu ", active.value,
                      " is in RUN of round ", seen.effect)});
  }
}

// A round begins when all before it are over.
void TraceObserver::Commit(std::int64_t round) {
  if (const auto beside = unstopped_.find(round); beside != unstopped_.end()) {
    violations_.insert(violations_.end(), beside->second.begin(),
                       beside->second.end());
  }
  unstopped_.erase(unstopped_.begin(), unstopped_.upper_bound(round));
}

void TraceObserver::EnterRunOfTwo(CpuId cpu, const TraceEvent& event) {
  if (event.value == 0 || !event.about ||
      event.detail != MultiStopStateName(MultiStopState::kRun)) {
    return;
  }
  cpus_[cpu].stopped = event.about;
  const Seen& stopped = cpus_[*event.about];
  if (stopped.running > 0 && !stopped.gone) {
    Report(Invariant::kStoppedMeansStopped, *event.about,
           absl::StrCat("a function runs when cpu ", cpu.value,
                        " has stopped it"));
  }
}

void TraceObserver::EnterRun(CpuId cpu, const TraceEvent& event) {
  cpus_[cpu].effect = event.value;
  for (const auto& [other, seen] : cpus_) {
    if (other == cpu || seen.running == 0 || seen.gone) continue;
    unstopped_[event.value].push_back(
        {Invariant::kStoppedMeansStopped, other,
         absl::StrCat("a function runs when cpu ", cpu.value,
                      " enters RUN of round ", event.value)});
  }
}

}  // namespace belfry::kernel
