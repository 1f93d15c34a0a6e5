// One run of a machine in virtual time: a lab::World whose messages take as
// long as the model of latencies says, with the inputs and faults of a
// v1::Simulation. The same file gives the same run everywhere, event by event.
#ifndef BELFRY_LAB_SIMULATION_H_
#define BELFRY_LAB_SIMULATION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "belfry/v1/debug.pb.h"
#include "belfry/v1/report.pb.h"
#include "belfry/v1/scenario.pb.h"
#include "kernel/invariants.h"
#include "lab/latency.h"
#include "lab/machine_fault.h"
#include "lab/world.h"

namespace belfry::lab {

// What is about to happen to the world.
struct SimulatedMove {
  enum class Kind : std::uint8_t {
    kDeliver,
    // Of a doorbell: it is lost; it arrives, and will once more.
    kDrop,
    kRepeat,
    // Of a process or a link.
    kFault,
  };
  Kind kind{};
  // Of a message.
  Move move;
  MachineFault fault;
  // Of a fault: what it makes of the world.
  const World* after = nullptr;
};

struct SimulateOptions {
  // Keep the trace of all that happens once every CPU is online.
  bool record = false;
  // Stop at the first violation; else go on to the end.
  bool stop_at_violation = true;
  // Told of each move before it is made; an error stops the run, and it is not
  // made. May be empty.
  std::function<absl::Status(const World&, const SimulatedMove&)> before_move;
};

struct Simulated {
  // The names of what was violated, with where and when it was first.
  std::map<kernel::Invariant, std::string> violated;
  // The inputs that had been made by then, or by the end.
  std::size_t inputs = 0;
  v1::SimulationCounts counts;
  // What before_move stopped it with.
  absl::Status stopped;
  // What the CPUs know of each other at the end, as records: as many as have
  // had calls with each other or news, never all with all.
  std::size_t peer_records = 0;
  // In causal order, with virtual times; empty unless recorded.
  std::vector<v1::TraceEvent> events;
};

// A machine of at most so many CPUs is judged after every event, a larger one
// after one event in as many more; every machine when it has booted and at the
// end.
inline constexpr std::uint32_t kJudgedAlways = 64;
// A larger machine is online from the start; a smaller one has the numbers that
// a boot gives, and can be followed by processes.
inline constexpr std::uint32_t kBootedAtOnce = 64;

// Of a checked file (lab/simulation_file.h). When the inputs are over, dead
// processes are started again and the machine is left alone until nothing
// moves: then every wait must have ended.
//
// A dropped doorbell is repaired by the csd-lock watchdog alone, so until a
// doorbell reaches its target again, or the end, no_stranded_queue is not held
// against that CPU.
Simulated Simulate(const v1::Simulation& run, const Latencies& latencies,
                   const SimulateOptions& options);

// Of the events that a run recorded: the same for the same run everywhere.
std::string FingerprintOf(const std::vector<v1::TraceEvent>& events);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_SIMULATION_H_
