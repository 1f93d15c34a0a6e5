// What a space-time diagram of a trace shows, before it is drawn: spans on the
// lanes, arrows between them, and the depth of every queue.
#ifndef BELFRY_TRACE_SPACE_TIME_H_
#define BELFRY_TRACE_SPACE_TIME_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "belfry/v1/debug.pb.h"
#include "trace/traced_machine.h"

namespace belfry::trace {

enum class SpanKind : std::uint8_t {
  // On the coordinator's lane.
  kOperation,
  kRound,  // a state of a stop_machine
  // On a CPU's lane.
  kAway,        // offline, on its way up or down, or crashed
  kMasked,      // interrupts masked, on a CPU that is online
  kStopped,     // stands in a state of a stop_machine
  kStep,        // walks a hotplug step
  kRuns,        // a function of a call
  kWaits,       // for an answer
  kLatched,     // the pending bit is set
  kStranded,    // online, calls in its queue, and no doorbell under way
  kLeftBehind,  // parked with calls in its queue
};

struct Span {
  SpanKind kind{};
  // Absent: the coordinator.
  std::optional<std::uint32_t> cpu;
  // Absent: from before the trace; beyond its end.
  std::optional<Position> begin;
  std::optional<Position> end;
  std::string text;
  // Went wrong: a lost doorbell, a stuck waiter, calls that nobody will take.
  bool alarm = false;
};

enum class Fate : std::uint8_t {
  kQueued,     // a call without a doorbell of its own has entered the queue
  kRefused,    // a call that never did
  kTaken,      // the interrupt followed
  kCoalesced,  // fell upon a doorbell that was latched already
  kPending,    // latched when the trace ends
  kLost,       // latched, and cleared by a reset or by the end of the process
  kOnTheWire,  // has not arrived when the trace ends
};

// From who calls or rings to who is called.
struct Crossing {
  Position from = 0;
  // Where it arrives.
  std::optional<Position> to;
  std::uint32_t target = 0;
  // A doorbell, or a call with its own; else a call only.
  bool rings = false;
  Fate fate = Fate::kQueued;
  // What decided its fate.
  std::optional<Position> decided;
  // By the clocks of the two processes it arrives before it leaves.
  bool backwards = false;
};

struct Depth {
  std::uint32_t cpu = 0;
  Position position = 0;
  // The queue's length from this event on.
  std::int64_t calls = 0;
};

struct SpaceTime {
  // Ascending: every CPU that the trace mentions.
  std::vector<std::uint32_t> cpus;
  // By their beginning.
  std::vector<Span> spans;
  std::vector<Crossing> crossings;
  std::vector<Depth> depths;
};

// The events are in causal order.
SpaceTime MakeSpaceTime(const std::vector<v1::TraceEvent>& events);

// What went wrong, in a sentence each for people who do not know the protocol.
// Empty when nothing did.
std::vector<std::string> Headlines(const std::vector<v1::TraceEvent>& events,
                                   const SpaceTime& picture);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_SPACE_TIME_H_
