// `belfry pending`: who waits for what, where, how old.
#ifndef BELFRY_TRACE_PENDING_H_
#define BELFRY_TRACE_PENDING_H_

#include "belfry/v1/report.pb.h"
#include "trace/machine_view.h"

namespace belfry::trace {

v1::PendingReport MakePendingReport(const MachineView& view);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_PENDING_H_
