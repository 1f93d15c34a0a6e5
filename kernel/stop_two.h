// stop_two_cpus(): a task of any CPU, the initiator, stops two CPUs while a
// function runs on the first. migrate_swap() of the scheduler is who asks;
// kernel/stop_machine.c, Linux 3.13 and 6.12. No coordinator is involved: the
// count of acknowledgements (multi_stop_data) lies in the initiator's memory,
// and what goes between it and the two stoppers goes between CPUs.
#ifndef BELFRY_KERNEL_STOP_TWO_H_
#define BELFRY_KERNEL_STOP_TWO_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kernel/errno.h"
#include "kernel/ids.h"
#include "kernel/multi_stop.h"

namespace belfry::kernel {

// Names one wherever it is understood: its initiator, and the how-manieth of
// that process it is.
using StopTwoKey = CsdKey;

// What is done to a stopper. Every order is answered once it is carried out,
// and may be repeated: a link that broke may have lost it, or its answer.
enum class StopTwoVerb : std::uint8_t {
  // Takes the stopper's lock. Not while the work of a stop_machine round is in
  // its hands: refused, so that two who have queued in different orders never
  // wait for each other (stop_cpus_in_progress, -EDEADLK: e6253970413d).
  kLock,
  // Lets go of the lock; carried out when no round is there any more.
  kBackOff,
  // Queues the work, and lets go of the lock.
  kQueue,
  // A state of the barrier. PREPARE wakes the stopper.
  kPublish,
  // Takes the work back.
  kAbort,
};

absl::string_view StopTwoVerbName(StopTwoVerb verb);
std::optional<StopTwoVerb> ParseStopTwoVerb(absl::string_view name);

struct StopTwoOrder {
  // Who gives it: the initiator, but for an abort.
  CpuId from;
  StopTwoKey key;
  StopTwoVerb verb{};
  // kPublish.
  MultiStopState state{};
  // kQueue: the other CPU, who runs the function, and which.
  CpuId partner;
  bool active = false;
  std::string func;
  std::string payload;

  friend bool operator==(const StopTwoOrder&, const StopTwoOrder&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const StopTwoOrder& o) {
    return H::combine(std::move(h), o.from, o.key, o.verb, o.state, o.partner,
                      o.active, o.func, o.payload);
  }
};

// The answer; of kPublish, the acknowledgement of that state.
struct StopTwoReport {
  CpuId from;
  StopTwoKey key;
  StopTwoVerb verb{};
  MultiStopState state{};
  Errno error = Errno::kOk;
  // RUN of the active CPU: what its function returned.
  std::string result;

  friend bool operator==(const StopTwoReport&, const StopTwoReport&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const StopTwoReport& r) {
    return H::combine(std::move(h), r.from, r.key, r.verb, r.state, r.error,
                      r.result);
  }
};

// What a task asks for.
struct StopTwoTask {
  std::uint64_t token = 0;
  CpuId a;
  CpuId b;
  // Runs on `a`, while `b` stands.
  std::string func;
  std::string payload;

  friend bool operator==(const StopTwoTask&, const StopTwoTask&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const StopTwoTask& t) {
    return H::combine(std::move(h), t.token, t.a, t.b, t.func, t.payload);
  }
};

// One that a task of this CPU waits for.
struct StopTwo {
  enum class Phase : std::uint8_t {
    // The task has to run, to begin or to try again.
    kDue,
    kLocking,
    kBackingOff,
    kQueueing,
    // The works are queued: the barrier goes from state to state.
    kRunning,
    kAborting,
  };

  StopTwoTask task;
  std::uint64_t number = 0;
  MultiStop barrier;
  Phase phase = Phase::kDue;
  // The task has preemption off: it holds a guard.
  bool preempt_off = false;
  // Orders that have no answer yet, by their targets.
  std::map<CpuId, StopTwoOrder> unanswered;
  // Stoppers that the task has to wake still, in that order.
  std::deque<CpuId> wakes;
  Errno error = Errno::kOk;
  std::string result;
  // The active CPU has died with the answer.
  bool lost = false;

  friend bool operator==(const StopTwo&, const StopTwo&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const StopTwo& s) {
    return H::combine(std::move(h), s.task, s.number, s.barrier, s.phase,
                      s.preempt_off, s.unanswered, s.wakes, s.error, s.result,
                      s.lost);
  }
};

absl::string_view StopTwoPhaseName(StopTwo::Phase phase);

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_STOP_TWO_H_
