// When things happened to a CPU, beside its state, which knows no time: kept
// from its trace events by whoever drives it.
#ifndef BELFRY_TRACE_CALL_TIMES_H_
#define BELFRY_TRACE_CALL_TIMES_H_

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>

#include "kernel/ids.h"
#include "kernel/seq_window.h"
#include "kernel/trace_event.h"

namespace belfry::trace {

using TimePoint = std::chrono::system_clock::time_point;

// Not thread-safe; owned with the CPU.
class CallTimes {
 public:
  // Every event of the CPU's trace, in order: what begins with it.
  void Begin(const kernel::TraceEvent& event, TimePoint now);
  // The same event, once nobody asks any more for the call that it ends.
  void End(const kernel::TraceEvent& event);
  // After each step of the CPU: calls leave the queue from its head.
  void Trim(std::size_t queue_size);

  // The clock was set by so much: what was measured by it moves along.
  void Shift(TimePoint::duration by);

  // When the call at place `i` of the queue was queued.
  TimePoint queued(std::size_t i) const { return queue_[i]; }
  // When a call under way was first issued.
  TimePoint issued(kernel::CpuId dst, kernel::Seq seq) const;
  // When the last doorbell changed its fate.
  TimePoint doorbell() const { return doorbell_; }
  // By target: each call under way, or that backs off.
  const std::map<kernel::CpuId, kernel::SeqWindow<TimePoint>>& issues() const {
    return issues_;
  }

 private:
  void Issue(const kernel::TraceEvent& event, TimePoint now);

  std::deque<TimePoint> queue_;
  std::map<kernel::CpuId, kernel::SeqWindow<TimePoint>> issues_;
  TimePoint doorbell_;
};

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_CALL_TIMES_H_
