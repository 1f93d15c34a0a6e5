// Gates: the named points at which a process can be held. A gate is where an
// event waits before the machine is told of it (or, for `run`, an effect before
// it is carried out), so the machines themselves know nothing of gates: a held
// event is a slow one.
#ifndef BELFRY_KERNEL_GATE_H_
#define BELFRY_KERNEL_GATE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kernel/coordinator_event.h"
#include "kernel/cpu.h"
#include "kernel/cpu_event.h"

namespace belfry::kernel {

// The gate that stands for every gate of a process.
inline constexpr absl::string_view kAllGates = "all";

// The gate that an event passes at a CPU; empty when it passes none: what
// people ask for at once, and that a data link is up.
//   task        a task of this CPU is about to call
//   enqueue     a call has arrived and is not in the queue yet
//   ring        a call is in its target's queue, the ring it is owed not sent
//   latch       a doorbell is on the wire
//   irq_entry   the pending bit is set and interrupts are enabled
//   idle_exit   the idle CPU is flagged, its idle loop has not seen it
//   ack:STATE   a state of stop_machine is published and not acted on;
//               ack:DISABLE_IRQ is the state that masks *this* CPU, whatever
//               the barrier calls it
//   step:N      hotplug step N is about to run here
//   fixup_irqs  the CPU that goes is about to migrate its device interrupts
//   report_dead the CPU has announced its death, and is about to make its last
//               report
//   reset       the reset that boots the CPU
//   stopper     the thread of the CPU's stopper is about to run the first time
//   stop_work   a work of stop_two_cpus() is about to be queued on the stopper,
//               or its lock to be taken
//   second_work of two works the first is queued, the second is not yet
//   io          a device has completed I/O
//   order       any other message of the coordinator
//   answer      an acknowledgement, or the end of a call
//   overdue     the watchdog has found a call
//   peer        another CPU has a new process, or its process is held for dead
//   link        the coordinator is lost, or a data link that broke is up again
//   attach      the control link that broke is about to be opened again: no
//               event of the machine's
std::string GateOf(const CpuEvent& event, const Cpu& cpu);

// `run`: a called function is about to run.
std::string GateOf(const CpuEffect& effect);

// journal:LEG (the leg is journaled, and not begun), `commit` for that of the
// commit; publish:STATE (all have acknowledged, the state is not published);
// report (any message of a CPU); lock_sleep (the operation has seen readers of
// the hotplug lock, and is about to sleep); timeout; link (a CPU's process has
// attached, or is held for dead).
std::string GateOf(const CoordinatorEvent& event);

// The gate's own name for a name that people use: step:NAME is step:N. Invalid
// names are refused with those there are.
absl::StatusOr<std::string> ParseCpuGate(absl::string_view name,
                                         const CpuhpTable& table);
absl::StatusOr<std::string> ParseCoordinatorGate(absl::string_view name);

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_GATE_H_
