// What a lost doorbell breaks, asked of a view: nobody will ever take this
// queue, or the list behind it, and this queue went down with its CPU.
#ifndef BELFRY_TRACE_STRANDED_H_
#define BELFRY_TRACE_STRANDED_H_

#include <cstdint>
#include <vector>

#include "trace/machine_view.h"

namespace belfry::trace {

// Doorbells on their way to the CPU: held at its latch gate, or carried by
// calls that their senders have sent and not seen acknowledged.
std::uint32_t DoorbellsInFlight(const MachineView& view, std::uint32_t cpu);

// A handler of the CPU waits, with interrupts off, for longer than the watchdog
// allows: neither what it has interrupted nor any interrupt goes on.
bool SpinsInHandler(const v1::CpuSnapshot& snapshot);

// Online with a queue that is not empty, and no doorbell latched or in flight,
// and nothing taken, flagged or running that would look at the queue again.
bool IsStranded(const MachineView& view, std::uint32_t cpu);

// The same of the list behind the queue: requests wait for BLOCK_SOFTIRQ, and
// no interrupt is on its way at whose end it would run.
bool HasStrandedSoftirq(const MachineView& view, std::uint32_t cpu);

// Calls that have entered the CPU's queue by its own account, and neither have
// run nor are there: the queue was cut.
std::uint64_t CallsCutOff(const v1::CpuSnapshot& snapshot);

// Parked, and its queue is not empty.
bool IsLeftBehind(const MachineView& view, std::uint32_t cpu);

std::vector<std::uint32_t> StrandedCpus(const MachineView& view);
std::vector<std::uint32_t> StrandedSoftirqCpus(const MachineView& view);
std::vector<std::uint32_t> LeftBehindCpus(const MachineView& view);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_STRANDED_H_
