// Stops that will never end, asked of a view.
#ifndef BELFRY_TRACE_ENDLESS_STOP_H_
#define BELFRY_TRACE_ENDLESS_STOP_H_

#include <cstdint>
#include <vector>

#include "trace/machine_view.h"

namespace belfry::trace {

// CPUs that the round under way waits for in PREPARE, and whose stoppers have
// completed it without running: they were counted, and nobody will answer. A
// view is not one moment: believe it when it stands.
std::vector<std::uint32_t> CpusThatDiscarded(const MachineView& view);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_ENDLESS_STOP_H_
