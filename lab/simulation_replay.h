// Plays a simulation again: in memory, or on a machine that is led by it, event
// by event (lab/follower.h).
//
// What takes time in memory (a late doorbell, a pause, a network that is cut)
// is an order of events there, and so it is followed. A doorbell is dropped or
// repeated at its gate. Processes are killed and started, and links broken, as
// it is done in memory.
#ifndef BELFRY_LAB_SIMULATION_REPLAY_H_
#define BELFRY_LAB_SIMULATION_REPLAY_H_

#include <string>

#include "absl/strings/string_view.h"
#include "belfry/v1/report.pb.h"
#include "belfry/v1/scenario.pb.h"
#include "kernel/invariants.h"
#include "lab/latency.h"
#include "lab/machine.h"
#include "lab/replay.h"
#include "lab/runner.h"

namespace belfry::lab {

// The verdict of a run that violates these invariants, by name.
template <typename Names>
absl::string_view VerdictOf(const Names& violated) {
  for (const std::string& name : violated) {
    if (name == kernel::InvariantName(kernel::Invariant::kEveryWaitEnds)) {
      return kHang;
    }
  }
  return violated.empty() ? kHolds : kViolated;
}

// Of a checked file (lab/simulation_file.h). Reports lack only the result's
// profile and duration_s.
v1::ReplayReport ReplayInMemory(const v1::Simulation& simulation,
                                const Latencies& latencies,
                                const ReplayOptions& options);
// The machine is up, with the simulation's CPUs online, its profile and its
// kind of doorbell. A run that ends in a violation, and not in a hang, is left
// and judged where that is first seen in memory. No gate is held afterwards.
v1::ReplayReport ReplayOn(Machine& machine, const v1::Simulation& simulation,
                          const Latencies& latencies,
                          const ReplayOptions& options);

// One line that says how the end, or the trace, is not the simulation's; empty
// when it is, or the file does not say.
std::string DifferenceFromSimulation(const v1::ReplayReport& report);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_SIMULATION_REPLAY_H_
