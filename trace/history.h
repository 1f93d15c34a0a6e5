// What became of every call and of every doorbell in a trace, be it of a real
// kernel or of ours: which event queued it, which ran it, which took it.
//
// A kernel's csd is a piece of memory that is used again, and its recording
// does not show everything. The rules by which its events are matched:
// - a function entry runs the call that was queued on that CPU with that csd;
// - one entry of sched_ttwu_pending runs all wake-ups that the queue held
//   (kernel/smp.c: __flush_smp_call_function_queue());
// - irq_work runs without an event of its own: with the drain that took it;
// - a csd that is queued again was free: its former use has ended, seen or not;
// - csd 0 is a call to the own CPU, which no queue ever held;
// - a doorbell whose callback is not the call-function handler is a reschedule;
// - the first entry of the handler takes every doorbell sent to its CPU before.
#ifndef BELFRY_TRACE_HISTORY_H_
#define BELFRY_TRACE_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "belfry/v1/report.pb.h"

namespace belfry::trace {

// Places in TraceReport.events.
using EventIndex = std::size_t;

struct CallHistory {
  enum class Fate {
    // Not known to have run when the trace ends.
    kPending,
    kRan,
    // It must have ended: its csd was used again, or its sender was answered.
    // What ran it is not in the trace.
    kEndedUnseen,
    // Taken out of the queue by a drain. Its run has no event: irq_work, or a
    // recording without csd_function_entry.
    kTaken,
    // Ours only: lost with a process, refused, or dropped by a reset.
    kLost,
  };
  std::uint32_t target = 0;
  EventIndex queued = 0;
  // Calls in the queue before it.
  std::size_t ahead = 0;
  // Function entry; of kTaken and kEndedUnseen: the event that shows it.
  std::optional<EventIndex> ended;
  Fate fate = Fate::kPending;
  // In History::doorbells: the one that its sender rang for it.
  std::optional<std::size_t> doorbell;
};

struct DoorbellHistory {
  std::uint32_t target = 0;
  // ipi_send_cpu(mask); of ours also the event that latched it, when it arrived
  // before its sender knew that it had gone.
  EventIndex sent = 0;
  // The handler's entry.
  std::optional<EventIndex> taken;
  // Ours only: the reset that cleared the pending bit.
  std::optional<EventIndex> cleared;
};

struct History {
  // In the order queued, and in the order sent.
  std::vector<CallHistory> calls;
  std::vector<DoorbellHistory> doorbells;
  // Function entries of calls whose queueing is not in the trace.
  std::vector<EventIndex> unqueued_runs;
  // Function entries of calls that a CPU made to itself.
  std::vector<EventIndex> self_runs;
  // Doorbells that only make their target reschedule.
  std::size_t reschedules = 0;
};

// The handler of call-function interrupts begins, and ends.
bool EntersHandler(const v1::TraceEvent& event);
bool LeavesHandler(const v1::TraceEvent& event);
// A call is taken out of its target's queue, and not to run.
bool LeavesQueueUnrun(const v1::TraceEvent& event);

History FollowTrace(const v1::TraceReport& trace);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_HISTORY_H_
