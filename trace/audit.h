// `belfry audit`: issued = completed + refused + lost + pending for each pair
// of CPUs, and what breaks it.
#ifndef BELFRY_TRACE_AUDIT_H_
#define BELFRY_TRACE_AUDIT_H_

#include <cstdint>

#include "belfry/v1/report.pb.h"
#include "trace/machine_view.h"

namespace belfry::trace {

// Rows come from each source's own ledger. Where the source's process has died,
// the target closes the row: what it accepted was issued, what it ran was
// completed, and the rest is lost. Not clean when anything was lost, run twice,
// stranded, left behind or unaccounted for.
v1::AuditReport MakeAuditReport(const MachineView& view);

// What must hold already at the EXIT of the barrier that took `cpu` out, while
// all others go on and before it is back: sources' sums add up; the CPU has run
// what it had accepted, once, and its queue is empty. Needs no trace. Says
// which call is the first that was left.
v1::AuditReport AuditDeparture(const MachineView& view, std::uint32_t cpu);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_AUDIT_H_
