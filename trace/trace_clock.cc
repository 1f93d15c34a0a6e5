#include "trace/trace_clock.h"

#include <algorithm>

#include "trace/time_text.h"

namespace belfry::trace {

TraceClock::TraceClock(const v1::TraceReport& trace) {
  for (int i = 0; i < trace.events_size(); ++i) {
    const std::int64_t us = Micros(trace.events(i).time());
    // The first in causal order need not be the first by the clock.
    first_us_ = i == 0 ? us : std::min(first_us_, us);
    last_us_ = i == 0 ? us : std::max(last_us_, us);
  }
  const bool kernel = trace.machine().kind() == v1::TraceMachine::KIND_KERNEL;
  origin_us_ = kernel ? 0 : first_us_;
}

double TraceClock::At(const v1::TraceEvent& event) const {
  return Seconds(Micros(event.time()));
}

}  // namespace belfry::trace
