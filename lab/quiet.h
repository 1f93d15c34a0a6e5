// Whether a machine can still move: the questions by which a run decides,
// without a clock, that what it waits for will never come.
#ifndef BELFRY_LAB_QUIET_H_
#define BELFRY_LAB_QUIET_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "belfry/v1/scenario.pb.h"
#include "lab/machine.h"
#include "trace/machine_view.h"

namespace belfry::lab {

// Hotplug and stop_machine stand still: either everybody that could go on
// stands at a held gate, or no operation runs.
struct Standstill {
  // Who stands where; no name when no operation runs.
  v1::GateAt gate;
};

// Nothing while something can still move. What is true of the machine's masks
// and lives after this has answered stays true until a gate is released.
absl::StatusOr<std::optional<Standstill>> FindStandstill(Machine& machine);

// The gate among those of its process; a gate never held is as if not reached.
// "ack:DISABLE_IRQ" is whichever state masks the CPU.
absl::StatusOr<v1::Gate> FindGate(Machine& machine, const v1::GateAt& at);

// Cluster and snapshots, without the trace.
absl::StatusOr<trace::MachineView> ViewWithoutTrace(Machine& machine);

// No doorbell for the CPU is anywhere, and nobody is about to send one: its
// queue is empty, and so are the hands of all senders.
bool NoDoorbellComes(const trace::MachineView& view, std::uint32_t cpu);

// No call is under way anywhere, but for those that are stuck, or stand at a
// held gate before their queue. A call in a queue counts as under way: its
// doorbell may still be on the wire.
absl::StatusOr<bool> NoCallMoves(Machine& machine,
                                 const trace::MachineView& view);

// A waiting call is reported stuck, and nobody will take the queue it is in; or
// stop_machine waits for a CPU whose stopper has dropped its part, stoppers
// wait for each other, or an operation waits for what will never come.
bool IsHung(const trace::MachineView& view);

// Every call has ended, or is stuck, or lies in a queue that nobody will take.
bool IsSettled(const trace::MachineView& view);

// Equal texts: nothing has happened in between that a report would show.
// Snapshots of several CPUs are not one moment, so a run believes what it sees
// only when it sees the same again.
std::string Fingerprint(const trace::MachineView& view);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_QUIET_H_
