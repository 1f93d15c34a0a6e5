// `belfry trace check`: the invariants that a trace can be judged by. They are
// judged by kernel/invariants.h; here a trace of the wire is made into what the
// judge reads, and what it cannot know of a trace is kept from it.
#ifndef BELFRY_TRACE_TRACE_CHECK_H_
#define BELFRY_TRACE_TRACE_CHECK_H_

#include "belfry/v1/report.pb.h"

namespace belfry::trace {

// Nothing of a real kernel's recording can be judged: it has no numbers by
// which a call is known again. Of a trace that is not whole, what needs its
// beginning is taken to have been in order.
v1::TraceCheckReport CheckTrace(const v1::TraceReport& trace);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_TRACE_CHECK_H_
