// `belfry trace stat`: how many events of which kind and on which CPU, the span
// they cover, and where nothing happened.
#ifndef BELFRY_TRACE_TRACE_STAT_H_
#define BELFRY_TRACE_TRACE_STAT_H_

#include "belfry/v1/report.pb.h"

namespace belfry::trace {

v1::TraceStatReport MakeTraceStat(const v1::TraceReport& trace);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_TRACE_STAT_H_
