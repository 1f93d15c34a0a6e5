// Makes one causal order of the rings of all processes.
#ifndef BELFRY_TRACE_MERGE_H_
#define BELFRY_TRACE_MERGE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "belfry/v1/debug.pb.h"

namespace belfry::trace {

// What one process answered.
struct ProcessTrace {
  // Absent: the coordinator.
  std::optional<std::uint32_t> cpu;
  v1::ReadTraceResponse trace;
};

// By Lamport time; ties go to the coordinator first, then by CPU number, then
// by place in the ring. Events of one ring never change places.
std::vector<v1::TraceEvent> MergeTraces(
    const std::vector<ProcessTrace>& processes);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_MERGE_H_
