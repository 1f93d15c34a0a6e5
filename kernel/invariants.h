// What must hold in every run, by name; which of them a profile breaks is what
// sets the kernels apart. Two kinds of judge: predicates over the machines as
// they stand between two events, with what is on its way between them, and an
// observer of the trace for what only history shows.
#ifndef BELFRY_KERNEL_INVARIANTS_H_
#define BELFRY_KERNEL_INVARIANTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "kernel/coordinator.h"
#include "kernel/cpu.h"
#include "kernel/ledger.h"

namespace belfry::kernel {

enum class Invariant : std::uint8_t {
  // Every call issued ends as completed, refused or lost, or is pending; every
  // device interrupt raised is taken, or waits to be.
  kConservation,
  // No call runs twice.
  kAtMostOnce,
  // A non-empty queue of an online CPU has a doorbell latched, on its way or
  // owed by a sender.
  kNoStrandedQueue,
  // The queue of a CPU that a barrier took out is empty.
  kNothingLeftBehind,
  // While an active CPU makes its effect no other CPU runs anything.
  kStoppedMeansStopped,
  // Views with one number are equal; none runs whose leaving is committed.
  kOneView,
  // The calls of one CPU to another run in the order in which it made them.
  kOrder,
  // No call runs on a CPU that is not online, but for its dying flush.
  kNoCallOnDeadCpu,
  // A call runs where it was sent.
  kItsOwnTarget,
  // A waiting call returns.
  kEveryWaitEnds,
};

inline constexpr std::array<absl::string_view, 10> kInvariantNames = {
    "conservation",
    "at_most_once",
    "no_stranded_queue",
    "nothing_left_behind",
    "stopped_means_stopped",
    "one_view",
    "order",
    "no_call_on_dead_cpu",
    "its_own_target",
    "every_wait_ends",
};

constexpr absl::string_view InvariantName(Invariant invariant) {
  return kInvariantNames[static_cast<std::size_t>(invariant)];
}
std::optional<Invariant> ParseInvariant(absl::string_view name);

struct Violation {
  Invariant invariant{};
  // Where; none where it is nobody's in particular.
  std::optional<CpuId> cpu;
  // For people.
  std::string what;

  template <typename H>
  friend H AbslHashValue(H h, const Violation& v) {
    return H::combine(std::move(h), v.invariant, v.cpu);
  }
};
using Violations = std::vector<Violation>;

// ---- Judged between two events. Each appends what it finds.

// Doorbells on the wire by target: sent, or owed by a fused frame, and not
// arrived. A driver fills it in.
using DoorbellsInFlight = std::map<CpuId, std::size_t>;

// `cpus` are those whose processes live.
void CheckNoStrandedQueue(std::span<const Cpu* const> cpus,
                          const DoorbellsInFlight& doorbells, Violations& out);

// For a CPU that a barrier took out, from that barrier's end to its next reset.
void CheckNothingLeftBehind(const Cpu& cpu, Violations& out);

// Nothing may be pending that the CPU does not know of, and the other way.
void CheckConservation(const Cpu& cpu, const Ledger& ledger, Violations& out);

void CheckOneView(std::span<const Cpu* const> cpus,
                  const Coordinator& coordinator, Violations& out);

// For a machine in which nothing is on its way any more.
void CheckEveryWaitEnds(const Cpu& cpu, Violations& out);

// ---- Judged from the trace.

// Reads what happens in the order in which it happens, and whole, or else is
// told where something is missing: at_most_once,
// order, no_call_on_dead_cpu, its_own_target, stopped_means_stopped. A value:
// its hash covers all that a later event can meet.
class TraceObserver {
 public:
  void Observe(CpuId cpu, const TraceEvent& event);
  // An event of the coordinator's.
  void ObserveCoordinator(const TraceEvent& event);
  // From here on `cpu`'s events are missing, up to the next one. They are taken
  // to have been in order.
  void ObserveLoss(CpuId cpu);

  const Violations& violations() const { return violations_; }

  template <typename H>
  friend H AbslHashValue(H h, const TraceObserver& o) {
    return H::combine(std::move(h), o.cpus_, o.issued_, o.ran_, o.ran_before_,
                      o.last_run_, o.unstopped_, o.violations_);
  }

 private:
  struct Seen {
    Life life = Life::kDead;
    // Its process is held for dead: what it still does, cut off, concerns
    // nobody, but for its calls; until the next one begins its life.
    bool gone = false;
    // Functions entered and not left.
    int running = 0;
    // The round in whose RUN it stands and has not acknowledged.
    std::int64_t effect = 0;
    // stop_two_cpus(): whom its function, in RUN, has stopped.
    std::optional<CpuId> stopped;

    template <typename H>
    friend H AbslHashValue(H h, const Seen& s) {
      return H::combine(std::move(h), s.life, s.gone, s.running, s.effect,
                        s.stopped);
    }
  };

  void Sent(CpuId target, const CsdKey& key);
  void Entered(CpuId cpu, const TraceEvent& event);
  // `cpu` runs something now.
  void CheckStopped(CpuId cpu, const TraceEvent& event);
  void EnterRunOfTwo(CpuId cpu, const TraceEvent& event);
  void EnterRun(CpuId cpu, const TraceEvent& event);
  void Commit(std::int64_t round);
  void Report(Invariant invariant, CpuId cpu, std::string what);

  std::map<CpuId, Seen> cpus_;
  // By target. A key names a call between two processes: its source's is part
  // of it, its target's is the one that lives. So each set is of calls to that
  // process, and what its predecessors ran is kept apart.
  std::map<CpuId, std::set<CsdKey>> issued_;
  std::map<CpuId, std::set<CsdKey>> ran_;
  std::map<CpuId, std::set<CsdKey>> ran_before_;
  // The last number run of each source.
  std::map<CpuId, std::map<std::pair<CpuId, Incarnation>, Seq>> last_run_;
  // By round: what ran beside its effect. That is tentative until EXIT says
  // that it is committed; what is not did not happen.
  std::map<std::int64_t, Violations> unstopped_;
  Violations violations_;
};

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_INVARIANTS_H_
