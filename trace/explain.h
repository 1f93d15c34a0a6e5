// `belfry explain`: for each stuck waiter the chain of causes, in words. Every
// sentence comes from a fact in the view, and says so where a fact is missing.
#ifndef BELFRY_TRACE_EXPLAIN_H_
#define BELFRY_TRACE_EXPLAIN_H_

#include "belfry/v1/report.pb.h"
#include "trace/machine_view.h"

namespace belfry::trace {

struct ExplainOptions {
  // A waiting call is explained when the watchdog has reported it, or when it
  // is as old as this: a process without a watchdog still gets its answer.
  double overdue_s = 5.0;
};

v1::ExplainReport Explain(const MachineView& view,
                          const ExplainOptions& options = {});

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_EXPLAIN_H_
