// `belfry analyze`: what a trace of a real kernel, or of ours, tells of its
// calls, doorbells, queues and hotplug operations, and what it cannot tell.
#ifndef BELFRY_TRACE_ANALYSIS_H_
#define BELFRY_TRACE_ANALYSIS_H_

#include "belfry/v1/report.pb.h"

namespace belfry::trace {

v1::AnalysisReport Analyze(const v1::TraceReport& trace);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_ANALYSIS_H_
