// Many seeds, on many cores.
#ifndef BELFRY_LAB_SWEEP_H_
#define BELFRY_LAB_SWEEP_H_

#include <cstdint>
#include <functional>
#include <optional>

#include "belfry/v1/report.pb.h"
#include "belfry/v1/scenario.pb.h"
#include "lab/latency.h"
#include "lab/simulation.h"
#include "lab/simulation_maker.h"

namespace belfry::lab {

struct Sweep {
  SimulationShape shape;
  std::uint64_t first_seed = 1;
  // first_seed or more.
  std::uint64_t last_seed = 1;
  // Only a wait that cannot end is a failure, and each run goes to its end;
  // else the first violation of any invariant ends it.
  bool until_hang = false;
  // Threads; at least 1.
  unsigned jobs = 1;
  // Called ten times a second from the caller's thread, with the runs that have
  // ended; false stops the sweep.
  std::function<bool(std::uint64_t runs)> progress;
};

struct SweepResult {
  std::uint64_t runs = 0;
  // Of all runs, added up.
  v1::SimulationCounts counts;
  // The lowest seed that fails: however many threads look, the
  // same is found.
  struct Failure {
    v1::Simulation simulation;
    Simulated simulated;
  };
  std::optional<Failure> failure;
  // It was stopped before it had tried all seeds, or one that fails.
  bool interrupted = false;
};

SweepResult RunSweep(const Sweep& sweep, const Latencies& latencies);

// Whether a run fails, by the same rule.
bool Fails(const Simulated& simulated, bool until_hang);

// Adds what was counted in one run to the rest.
void AddCounts(const v1::SimulationCounts& counts, v1::SimulationCounts* to);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_SWEEP_H_
