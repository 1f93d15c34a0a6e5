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

// One wait of a ring: the stopper of `cpu` runs a work of a stop_two_cpus(),
// whose other half on `partner` does not run.
struct StopTwoWait {
  std::uint32_t cpu = 0;
  std::uint32_t partner = 0;
  // The stop_two_cpus(): its initiator, and its number there.
  std::uint32_t initiator = 0;
  std::uint64_t number = 0;
  // The partner sleeps: the initiator has to wake it. Else it runs another
  // work, the next of the ring.
  bool asleep = false;
};

// Stoppers that wait for each other, each in PREPARE; empty when there are
// none.
std::vector<StopTwoWait> StopTwoRing(const MachineView& view);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_ENDLESS_STOP_H_
