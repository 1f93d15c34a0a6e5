#include "trace/explain.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "trace/doorbell_story.h"
#include "trace/endless.h"
#include "trace/endless_stop.h"
#include "trace/report_text.h"
#include "trace/stranded.h"
#include "trace/time_text.h"

namespace belfry::trace {
namespace {

using Waiter = v1::ExplainReport::Waiter;

const v1::TraceEvent* FindStuckEvent(const MachineView& view, std::uint32_t cpu,
                                     const v1::OutgoingCall& call) {
  const v1::TraceEvent* found = nullptr;
  for (const v1::TraceEvent& event : view.events) {
    if (event.name() == "csd_lock_stuck" && event.has_cpu() &&
        event.cpu() == cpu && event.about_cpu() == call.cpu() &&
        event.seq() == call.seq()) {
      found = &event;
    }
  }
  return found;
}

std::string KindText(v1::Operation::Kind kind) {
  switch (kind) {
    case v1::Operation::KIND_ONLINE:
      return "online";
    case v1::Operation::KIND_OFFLINE:
      return "offline";
    default:
      return "stop_machine";
  }
}

void SayWhoWaits(const MachineView& view, const CpuView& source,
                 const v1::OutgoingCall& call, Waiter* waiter) {
  const std::uint32_t cpu = source.info.cpu();
  std::string text = absl::StrCat(
      "CPU ", cpu, " has waited ", DurationText(waiter->age_s()), ", since ",
      ClockText(call.issue_time()), ", for CPU ", call.cpu(), " to run ",
      call.function(), " (its call ", call.seq(), ")");
  if (call.frames_size() > 0) {
    absl::StrAppend(&text, ", inside ", absl::StrJoin(call.frames(), " -> "));
  }
  AddCause(text + ".", FindStuckEvent(view, cpu, call), waiter);
  const v1::Operation& current = view.cluster.current();
  if (!view.cluster.has_current() || current.done() ||
      current.control_cpu() != cpu) {
    return;
  }
  AddCause(absl::StrCat("It does so for operation ", current.id(), " (",
                        KindText(current.kind()), " of CPU ", current.cpus(),
                        "), which holds the hotplug lock meanwhile."),
           nullptr, waiter);
}

// "CPU 2 stands at ...": who keeps a stop_machine round from going on.
void SayWhatHoldsTheRound(const MachineView& view, Waiter* waiter) {
  const v1::StopStatus& stop = view.cluster.stop();
  if (stop.state().empty()) return;
  AddCause(absl::StrCat("stop_machine ", stop.generation(), " is in state ",
                        stop.state(), " and waits for CPU ", stop.missing(),
                        " to acknowledge it."),
           nullptr, waiter);
}

bool StandsInStop(const v1::CpuSnapshot& snapshot) {
  return !snapshot.stop().state().empty();
}

void ExplainNotQueued(const MachineView& view, const CpuView& target,
                      const v1::OutgoingCall& call, Waiter* waiter) {
  const v1::CpuSnapshot& snapshot = *target.snapshot;
  if (call.state() == v1::OutgoingCall::STATE_BACKED_OFF) {
    AddCause(absl::StrCat("CPU ", call.cpu(), "'s queue is full (",
                          CountText(snapshot.depth(), "call"), ": ",
                          FunctionsText(QueueByFunction(target)),
                          "); the call is tried again until its deadline."),
             nullptr, waiter);
    if (IsStranded(view, call.cpu())) {
      waiter->set_remedy(absl::StrCat("belfry kick ", call.cpu()));
    }
    return;
  }
  AddCause(absl::StrCat("CPU ", call.cpu(),
                        " has not acknowledged the call: it is on its way, or "
                        "held before the queue."),
           nullptr, waiter);
  if (StandsInStop(snapshot)) {
    AddCause(
        absl::StrCat("CPU ", call.cpu(), " stands in ", StoppedByText(snapshot),
                     ", state ", snapshot.stop().state(), "."),
        nullptr, waiter);
    SayWhatHoldsTheRound(view, waiter);
    waiter->set_remedy("belfry ops list");
  } else {
    waiter->set_remedy(absl::StrCat("belfry logs ", call.cpu()));
  }
}

void SayPlace(const CpuView& target, const v1::OutgoingCall& call,
              std::uint32_t place, Waiter* waiter) {
  const std::string queue = absl::StrCat("CPU ", call.cpu(), "'s queue");
  if (place == 0) {
    AddCause(absl::StrCat("The call is in ", queue, ", behind the first ",
                          target.snapshot->queue_size(), " of ",
                          target.snapshot->depth(), "."),
             nullptr, waiter);
  } else if (place == 1) {
    AddCause(absl::StrCat("The call is at the head of ", queue, "."), nullptr,
             waiter);
  } else {
    FunctionCounts before;
    for (std::uint32_t i = 0; i + 1 < place; ++i) {
      ++before[target.snapshot->queue(i).function()];
    }
    AddCause(absl::StrCat("The call is in ", queue, " at place ", place,
                          ", behind ", CountText(place - 1, "other"), " (",
                          FunctionsText(before), ")."),
             nullptr, waiter);
  }
  if (place != 1) {
    AddCause(call.rang() ? absl::StrCat("It rang CPU ", call.cpu(), ".")
                         : "It rang nobody: the queue was not empty, so "
                           "somebody else's doorbell had to be under way.",
             nullptr, waiter);
  }
}

// The target runs something, or has taken calls and not yet run them.
bool ExplainBusy(const MachineView& view, const CpuView& target,
                 Waiter* waiter) {
  const v1::CpuSnapshot& snapshot = *target.snapshot;
  const std::uint32_t cpu = target.info.cpu();
  if (snapshot.has_running()) {
    const v1::QueuedCall& running = snapshot.running();
    const bool own =
        running.src_cpu() == waiter->cpu() && running.seq() == waiter->seq();
    AddCause(
        absl::StrCat("CPU ", cpu, own ? " is running it: " : " is busy with ",
                     own ? "" : absl::StrCat("CPU ", running.src_cpu(), "'s "),
                     running.function(), ", queued ",
                     DurationText(SecondsBetween(running.queue_time(),
                                                 TimeOf(view, target))),
                     " ago."),
        nullptr, waiter);
    waiter->set_remedy(absl::StrCat("wait for ", running.function(), " on CPU ",
                                    cpu, " to end"));
    return true;
  }
  if (snapshot.taken() > 0) {
    AddCause(absl::StrCat("CPU ", cpu, " has taken ",
                          CountText(snapshot.taken(), "call"),
                          " from its queue and not run them yet."),
             nullptr, waiter);
    SayWhatHoldsTheRound(view, waiter);
    waiter->set_remedy(absl::StrCat("belfry dump --cpu ", cpu));
    return true;
  }
  return false;
}

// A doorbell covers the queue, and is late.
bool ExplainCovered(const MachineView& view, const CpuView& target,
                    Waiter* waiter) {
  const v1::CpuSnapshot& snapshot = *target.snapshot;
  const std::uint32_t cpu = target.info.cpu();
  const v1::Doorbell& last = snapshot.last_doorbell();
  if (snapshot.latched()) {
    AddCause(absl::StrCat("A doorbell of CPU ", last.src_cpu(), " (its call ",
                          last.seq(), ") is latched at CPU ", cpu,
                          snapshot.irqs_masked()
                              ? ", which has its interrupts masked."
                              : " and not taken yet."),
             nullptr, waiter);
    SayWhatHoldsTheRound(view, waiter);
    if (SpinsInHandler(snapshot)) {
      AddCause(absl::StrCat("CPU ", cpu,
                            " waits in the handler of an interrupt itself: it "
                            "takes no other until that call has returned."),
               nullptr, waiter);
    }
    waiter->set_remedy(StandsInStop(snapshot)
                           ? std::string("belfry ops list")
                           : absl::StrCat("belfry dump --cpu ", cpu));
    return true;
  }
  if (snapshot.need_resched()) {
    AddCause(absl::StrCat("CPU ", cpu,
                          " was flagged while it polled, and its idle loop has "
                          "not seen it yet."),
             nullptr, waiter);
    waiter->set_remedy(absl::StrCat("belfry dump --cpu ", cpu));
    return true;
  }
  if (snapshot.doorbells_in_flight() > 0) {
    AddCause(
        absl::StrCat(CountText(snapshot.doorbells_in_flight(), "doorbell"),
                     " for CPU ", cpu,
                     snapshot.doorbells_in_flight() == 1 ? " is" : " are",
                     " still on the wire, held at its gate latch",
                     last.fate() == v1::Doorbell::FATE_IN_FLIGHT
                         ? absl::StrCat(" (the last from CPU ", last.src_cpu(),
                                        ", its call ", last.seq(), ")")
                         : "",
                     "."),
        nullptr, waiter);
    waiter->set_remedy(absl::StrCat("release the gate latch of CPU ", cpu));
    return true;
  }
  if (DoorbellsInFlight(view, cpu) > 0) {
    AddCause(absl::StrCat("A call to CPU ", cpu,
                          " has not been acknowledged yet; its sender may "
                          "still ring."),
             nullptr, waiter);
    waiter->set_remedy("belfry pending");
    return true;
  }
  return false;
}

void ExplainUncovered(const MachineView& view, const CpuView& target,
                      Waiter* waiter) {
  const std::uint32_t cpu = target.info.cpu();
  const v1::CpuSnapshot& snapshot = *target.snapshot;
  if (snapshot.queue_size() > 0) TellDoorbellStory(view, target, waiter);
  const bool parked = snapshot.life() == "DEAD";
  if (parked) {
    AddCause(absl::StrCat("CPU ", cpu,
                          " is parked: it takes no interrupt and runs "
                          "nothing until it is brought up."),
             nullptr, waiter);
  } else {
    AddCause(
        absl::StrCat("Since then no sender rings: the queue holds ",
                     CountText(snapshot.depth(), "call"),
                     ", no doorbell is latched or in flight, and nothing runs "
                     "on CPU ",
                     cpu, ". Nobody will take it."),
        nullptr, waiter);
  }
  waiter->set_remedy(parked ? absl::StrCat("belfry cpu online ", cpu,
                                           ", then belfry kick ", cpu)
                            : absl::StrCat("belfry kick ", cpu));
}

void ExplainTarget(const MachineView& view, const v1::OutgoingCall& call,
                   Waiter* waiter) {
  const CpuView* target = FindCpu(view, call.cpu());
  if (target == nullptr || target->info.state() == v1::CPU_STATE_CRASHED ||
      target->info.state() == v1::CPU_STATE_ABSENT) {
    AddCause(absl::StrCat("CPU ", call.cpu(),
                          " has no process any more: it crashed, and will not "
                          "answer."),
             nullptr, waiter);
    waiter->set_remedy(absl::StrCat("start CPU ", call.cpu(),
                                    " again, then belfry cpu online ",
                                    call.cpu()));
    return;
  }
  if (!target->snapshot) {
    AddCause(
        absl::StrCat("CPU ", call.cpu(), "'s process does not answer",
                     target->problem.empty() ? "" : ": ", target->problem, "."),
        nullptr, waiter);
    waiter->set_remedy(absl::StrCat("belfry logs ", call.cpu()));
    return;
  }
  const v1::CpuSnapshot& snapshot = *target->snapshot;
  *waiter->mutable_doorbell() = snapshot.last_doorbell();
  const std::uint32_t place = PlaceInQueue(snapshot, waiter->cpu(), call.seq());
  const bool unlisted =
      static_cast<int>(snapshot.depth()) > snapshot.queue_size() &&
      call.state() == v1::OutgoingCall::STATE_QUEUED &&
      !IsRunning(snapshot, waiter->cpu(), call.seq());
  if (place == 0 && call.state() != v1::OutgoingCall::STATE_QUEUED) {
    ExplainNotQueued(view, *target, call, waiter);
    return;
  }
  const bool in_queue = place > 0 || unlisted;
  if (in_queue) SayPlace(*target, call, place, waiter);
  if (ExplainBusy(view, *target, waiter)) return;
  if (!in_queue && CallsCutOff(snapshot) > 0) {
    AddCause(absl::StrCat(
                 "The call is neither in CPU ", call.cpu(),
                 "'s queue nor has it run: ",
                 CountText(CallsCutOff(snapshot), "call"),
                 " vanished from there. A csd that was queued again before it "
                 "was taken has cut the list. Nobody will run it."),
             nullptr, waiter);
    waiter->set_remedy("none: the call is lost");
    return;
  }
  if (!in_queue) {
    AddCause(absl::StrCat("The call is neither in CPU ", call.cpu(),
                          "'s queue nor running there: its answer is on the "
                          "way."),
             nullptr, waiter);
    waiter->set_remedy("belfry pending");
    return;
  }
  if (ExplainCovered(view, *target, waiter)) return;
  ExplainUncovered(view, *target, waiter);
}

Waiter ExplainWaiter(const MachineView& view, const CpuView& source,
                     const v1::OutgoingCall& call, double age_s) {
  Waiter waiter;
  waiter.set_cpu(source.info.cpu());
  waiter.set_target_cpu(call.cpu());
  waiter.set_seq(call.seq());
  waiter.set_function(call.function());
  waiter.set_age_s(age_s);
  *waiter.mutable_frames() = call.frames();
  SayWhoWaits(view, source, call, &waiter);
  ExplainTarget(view, call, &waiter);
  return waiter;
}

const v1::TraceEvent* FindDiscard(const MachineView& view, std::uint32_t cpu) {
  const v1::TraceEvent* found = nullptr;
  for (const v1::TraceEvent& event : view.events) {
    if (event.name() == "cpu_stop_signal_done" && event.has_cpu() &&
        event.cpu() == cpu &&
        static_cast<std::uint64_t>(event.value()) ==
            view.cluster.stop().generation()) {
      found = &event;
    }
  }
  return found;
}

// stop_machine was counted on a stopper that was not enabled.
Waiter ExplainDiscard(const MachineView& view, std::uint32_t cpu) {
  const v1::Operation& op = view.cluster.current();
  Waiter waiter;
  waiter.set_cpu(op.control_cpu());
  waiter.set_target_cpu(cpu);
  waiter.set_function("multi_cpu_stop");
  waiter.set_age_s(SecondsBetween(op.create_time(), view.now));
  waiter.add_frames("stop_machine");
  waiter.add_frames("stop_cpus");
  AddCause(absl::StrCat(
               "Operation ", op.id(), " (", KindText(op.kind()), " of CPU ",
               op.cpus(), ") holds the hotplug lock until its stop_machine ",
               view.cluster.stop().generation(),
               " has ended, which waits in PREPARE for CPU ", cpu, "."),
           nullptr, &waiter);
  AddCause(absl::StrCat("CPU ", cpu,
                        "'s stopper was not enabled when the work was queued, "
                        "so that it was completed without running. Nobody will "
                        "acknowledge it."),
           FindDiscard(view, cpu), &waiter);
  waiter.set_remedy(absl::StrCat("belfry ops cancel ", op.id()));
  return waiter;
}

std::string PairText(const StopTwoWait& wait) {
  return absl::StrCat("the stop_two_cpus() ", wait.number, " of CPU ",
                      wait.initiator);
}

// Stoppers that wait for each other: one waiter, for each of the ring a cause.
Waiter ExplainRing(const std::vector<StopTwoWait>& ring) {
  Waiter waiter;
  waiter.set_cpu(ring.front().initiator);
  waiter.set_target_cpu(ring.front().partner);
  waiter.set_function("multi_cpu_stop");
  waiter.add_frames("migrate_swap");
  waiter.add_frames("stop_two_cpus");
  for (const StopTwoWait& wait : ring) {
    std::string text =
        absl::StrCat("CPU ", wait.cpu, "'s stopper runs ", PairText(wait),
                     " and waits in PREPARE for CPU ", wait.partner, ", ");
    if (wait.asleep) {
      absl::StrAppend(&text, "whose stopper sleeps: CPU ", wait.initiator,
                      ", which has to wake it, was preempted by its own.");
    } else {
      absl::StrAppend(&text, "where it lies behind another work.");
    }
    AddCause(text, nullptr, &waiter);
  }
  waiter.set_remedy(absl::StrCat("end the process of CPU ",
                                 ring.front().initiator,
                                 ": the CPUs that it has stopped go on then"));
  return waiter;
}

Waiter ExplainOperation(const MachineView& view, const EndlessWait& wait) {
  const v1::Operation& current = view.cluster.current();
  Waiter waiter;
  waiter.set_cpu(wait.cpu);
  waiter.set_operation(current.id());
  if (current.has_create_time()) {
    waiter.set_age_s(SecondsBetween(current.create_time(), view.now));
  }
  AddCause(absl::StrCat("Operation ", current.id(), " (",
                        KindText(current.kind()), " of CPU ", current.cpus(),
                        ") holds the hotplug lock, or waits to have it, and "
                        "will never end."),
           nullptr, &waiter);
  for (const std::string& frame : wait.frames) waiter.add_frames(frame);
  for (const std::string& cause : wait.causes) {
    AddCause(cause, nullptr, &waiter);
  }
  waiter.set_remedy(wait.remedy);
  return waiter;
}

std::string MessageText(const v1::ExplainReport& report) {
  if (report.waiters_size() > 0) return "";
  if (report.stranded_cpus_size() == 0) return "nothing is stuck";
  return absl::StrCat("nobody waits, but the queue of CPU ",
                      absl::StrJoin(report.stranded_cpus(), ","),
                      " is stranded: belfry kick ",
                      absl::StrJoin(report.stranded_cpus(), ","));
}

}  // namespace

v1::ExplainReport Explain(const MachineView& view,
                          const ExplainOptions& options) {
  v1::ExplainReport report;
  for (const CpuView& source : view.cpus) {
    if (!source.snapshot) continue;
    for (const v1::OutgoingCall& call : source.snapshot->outgoing()) {
      const double age =
          SecondsBetween(call.issue_time(), TimeOf(view, source));
      if (!call.wait() || (!call.stuck() && age < options.overdue_s)) continue;
      *report.add_waiters() = ExplainWaiter(view, source, call, age);
    }
  }
  for (const std::uint32_t cpu : CpusThatDiscarded(view)) {
    *report.add_waiters() = ExplainDiscard(view, cpu);
  }
  const std::vector<StopTwoWait> ring = StopTwoRing(view);
  if (!ring.empty()) *report.add_waiters() = ExplainRing(ring);
  if (const auto wait = FindEndlessWait(view)) {
    *report.add_waiters() = ExplainOperation(view, *wait);
  }
  for (const std::uint32_t cpu : StrandedCpus(view)) {
    report.add_stranded_cpus(cpu);
  }
  report.set_message(MessageText(report));
  return report;
}

}  // namespace belfry::trace
