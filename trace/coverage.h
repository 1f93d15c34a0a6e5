// What a recording does not show, and what can therefore not be said.
#ifndef BELFRY_TRACE_COVERAGE_H_
#define BELFRY_TRACE_COVERAGE_H_

#include <string>
#include <vector>

#include "belfry/v1/report.pb.h"

namespace belfry::trace {

// What the recorded kinds of events allow to judge.
struct Coverage {
  // Calls and their runs: what is queued and has not run.
  bool calls = false;
  // Doorbells and the handler's entries: what was sent and not taken.
  bool doorbells = false;
  // One line for each gap.
  std::vector<std::string> unknown;
};

Coverage CoverageOf(const v1::TraceReport& trace);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_COVERAGE_H_
