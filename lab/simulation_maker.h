// Simulations from seeds: what happens to a machine, and which faults, drawn by
// chance.
#ifndef BELFRY_LAB_SIMULATION_MAKER_H_
#define BELFRY_LAB_SIMULATION_MAKER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>

#include "absl/strings/string_view.h"
#include "belfry/v1/scenario.pb.h"
#include "kernel/profile.h"
#include "lab/latency.h"

namespace belfry::lab {

// The kinds of faults, by their names in kFaultNames.
enum class Fault : std::uint8_t {
  kDelay,        // a doorbell comes late, so that all else overtakes it
  kDrop,         // a doorbell is lost
  kRepeat,       // a doorbell comes twice
  kLinks,        // a data or control link breaks, loses a tail and is resent
  kKill,         // a CPU's process is killed, at a time or at a gate
  kPause,        // a CPU's process stands still, from a time or a gate on
  kCoordinator,  // the coordinator is killed, at a time or at a journal write
  kPartition,    // nothing passes between some CPUs and all else
};
inline constexpr std::array<absl::string_view, 8> kFaultNames = {
    "delay", "drop",  "repeat",      "links",
    "kill",  "pause", "coordinator", "partition"};

struct SimulationShape {
  kernel::Profile profile;
  std::uint32_t cpus = 4;
  bool split_doorbell = false;
  // Times that some CPU is taken offline and brought online again.
  std::uint32_t cycles = 100;
  // Of each cycle, on average.
  std::uint32_t calls = 8;
  std::uint32_t block_ios = 8;
  // Kinds of faults in play, and how many faults come in a hundred cycles.
  std::set<Fault> faults;
  std::uint32_t faults_per_100 = 30;
  // Each seed has a machine, a workload, a mix of faults and knobs of its own,
  // up to what is said above. The knobs that decide whether anything is lost at
  // all (offline_drain, enqueue_guard, refuse_offline; ring_rule where
  // doorbells are dropped) stay.
  bool swarm = false;
};

// The same for the same seed everywhere.
v1::Simulation MakeSimulation(const SimulationShape& shape,
                              const Latencies& latencies, std::uint64_t seed);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_SIMULATION_MAKER_H_
