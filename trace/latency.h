// How long things took: quantiles and a histogram.
#ifndef BELFRY_TRACE_LATENCY_H_
#define BELFRY_TRACE_LATENCY_H_

#include <cstdint>
#include <vector>

#include "belfry/v1/report.pb.h"

namespace belfry::trace {

// Microseconds in any order. Quantiles are values that occurred (nearest rank);
// each bucket reaches twice as far as the one before, and the first and the
// last hold something. Negative ones are counted as `backwards` and left out.
v1::AnalysisReport::Latency MakeLatency(std::vector<std::int64_t> micros);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_LATENCY_H_
