// A trace as Chrome's JSON, which ui.perfetto.dev and chrome://tracing open.
#ifndef BELFRY_TRACE_PERFETTO_H_
#define BELFRY_TRACE_PERFETTO_H_

#include <string>

#include "belfry/v1/report.pb.h"

namespace belfry::trace {

// For each CPU: what it ran, a track for the time it was masked, stopped or out
// of order, one for its hotplug steps, and the depth of its queue as a counter;
// doorbells are arrows from who rang to the handler that took them.
std::string PerfettoJson(const v1::TraceReport& trace);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_PERFETTO_H_
