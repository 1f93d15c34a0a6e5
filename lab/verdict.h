// What became of a machine at the end of a run.
#ifndef BELFRY_LAB_VERDICT_H_
#define BELFRY_LAB_VERDICT_H_

#include <cstdint>

#include "belfry/v1/report.pb.h"
#include "trace/machine_view.h"

namespace belfry::lab {

// What was so before the run, and is not its doing.
struct Before {
  // Of all CPUs.
  std::uint64_t calls_carried = 0;
  // The time of the last event, in causal order.
  std::uint64_t lamport = 0;
};

Before RememberBefore(const trace::MachineView& view);

// Fills in verdict, invariants, queues, doorbell, waiters, ledger and
// explanation.
void Judge(const trace::MachineView& view, const Before& before,
           std::uint32_t subject_cpu, v1::ScenarioResult* result);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_VERDICT_H_
