// What a trace says of the machine after each of its events: who is masked,
// stopped or offline, what every queue holds, which doorbell is under way.
#ifndef BELFRY_TRACE_TRACED_MACHINE_H_
#define BELFRY_TRACE_TRACED_MACHINE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "belfry/v1/debug.pb.h"
#include "belfry/v1/report.pb.h"
#include "trace/machine_view.h"

namespace belfry::trace {

// Of an event in its trace, from 0.
using Position = std::size_t;

// A call, named where its target is understood.
using TracedKey = std::pair<std::uint32_t, std::uint64_t>;  // source, number

struct TracedCpu {
  // A call to this CPU that has not ended for its source.
  struct Incoming {
    Position issued = 0;
    bool wait = false;
    // The watchdog's report.
    std::optional<Position> stuck;
    // The source knows that it is queued, and so owes no ring any more.
    bool settled = false;
    bool rang = false;
    // The step from which it was made.
    std::string step;
  };
  // A call in the queue, or taken from it.
  struct Queued {
    TracedKey key;
    Position position = 0;
  };

  // As in kernel/control.h: "DEAD", "KICKED", ... Inferred before its first
  // change; empty when the trace does not tell.
  std::string life;
  // Its process died; until the next life of it begins.
  bool crashed = false;
  bool masked = false;
  std::deque<Queued> queue;
  // The queue's length by its own word: more than `queue` lists when the trace
  // begins after some of them.
  std::int64_t depth = 0;
  std::deque<Queued> taken;
  std::optional<Queued> running;
  // The event that set the pending bit.
  std::optional<Position> latched;
  // Flagged while it polled, and not seen it yet; BLOCK_SOFTIRQ is raised.
  bool need_resched = false;
  bool softirq_pending = false;
  // The last doorbell that reached the CPU, and what became of it.
  v1::Doorbell last_doorbell;
  // Rings sent and not arrived, and those that arrived before their sender
  // knew that it rang (a fused frame's).
  std::set<TracedKey> on_the_wire;
  std::set<TracedKey> arrived_early;
  std::map<TracedKey, Incoming> incoming;
  // Of those, how many may still owe a ring.
  std::size_t owed = 0;
  // stop_machine: 0 and empty outside of a round.
  std::int64_t generation = 0;
  std::string stop_state;
  bool stop_acked = false;
  // The hotplug step that it walks, and for which CPU.
  std::string step;
  std::uint32_t step_cpu = 0;

  bool online() const { return life == "ONLINE" && !crashed; }
  bool draining() const { return !taken.empty() || running.has_value(); }
  bool rests() const {
    return online() && !latched && !need_resched && !draining();
  }
  // As CheckNoStrandedQueue() and CheckNothingLeftBehind() of
  // kernel/invariants.h judge the machines themselves.
  bool stranded() const {
    return stays_stranded() && on_the_wire.empty() && owed == 0;
  }
  bool left_behind() const { return life == "DEAD" && depth > 0; }
  // Once stranded: more calls change nothing, only a doorbell that arrives
  // does.
  bool stays_stranded() const { return rests() && depth > 0; }
  // The list behind the queue.
  bool softirq_stranded() const {
    return rests() && softirq_pending && !masked && on_the_wire.empty() &&
           owed == 0;
  }
};

// Not whole when the trace's beginning is missing: then a queue may hold more,
// and a call may have been made, than is known. Keeps a reference to the
// events.
class TracedMachine {
 public:
  explicit TracedMachine(const std::vector<v1::TraceEvent>& events);

  // The next event in order.
  void Apply(Position position);

  // Every CPU that the trace mentions.
  const std::map<std::uint32_t, TracedCpu>& cpus() const { return cpus_; }
  // The coordinator's: what runs, by number, and the state of its round.
  const std::map<std::int64_t, Position>& operations() const {
    return operations_;
  }
  const std::optional<Position>& round() const { return round_; }

 private:
  void InferBeginning();
  void ApplyCoordinator(Position position);
  void ApplyCall(Position position);
  void ApplyQueue(Position position);
  void ApplyDoorbell(Position position);
  void ApplyState(Position position);
  void ApplyCrash(std::uint32_t cpu);
  void Settle(TracedCpu* target, const TracedKey& key, bool rang);
  void EndIncoming(TracedCpu* target, const TracedKey& key);
  void Take(Position position);

  const std::vector<v1::TraceEvent>& events_;
  std::map<std::uint32_t, TracedCpu> cpus_;
  std::map<std::int64_t, Position> operations_;
  std::optional<Position> round_;
};

// A machine's view at the end of a trace, as far as its events tell: what
// Explain() asks for, without a process to ask.
MachineView ViewOfTrace(const v1::TraceReport& trace);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_TRACED_MACHINE_H_
