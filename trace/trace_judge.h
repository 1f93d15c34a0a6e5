// Judges a trace by the invariants of kernel/invariants.h, and says at which
// event each violation shows.
#ifndef BELFRY_TRACE_TRACE_JUDGE_H_
#define BELFRY_TRACE_TRACE_JUDGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "belfry/v1/debug.pb.h"
#include "kernel/invariants.h"
#include "trace/traced_machine.h"

namespace belfry::trace {

struct PlacedViolation {
  kernel::Invariant invariant{};
  std::optional<std::uint32_t> cpu;
  Position position = 0;
  std::string what;
};

struct Judgement {
  // In the order in which they happened.
  std::vector<PlacedViolation> violations;
  // What this trace cannot be asked about: the machines' own state would be
  // needed, or the events that the rings have overwritten.
  std::vector<kernel::Invariant> not_judged;
};

// `whole`: nothing is missing at the trace's beginning. The events are in
// causal order.
Judgement JudgeTrace(const std::vector<v1::TraceEvent>& events, bool whole);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_TRACE_JUDGE_H_
