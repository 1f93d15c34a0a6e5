// The stopper of a CPU: its highest task ("migration/N"), which runs one work
// after another, each to its end, with preemption off. struct cpu_stopper of
// kernel/stop_machine.c, Linux 3.9 and 6.12.
#ifndef BELFRY_KERNEL_STOPPER_H_
#define BELFRY_KERNEL_STOPPER_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "kernel/control.h"
#include "kernel/cpuhp.h"
#include "kernel/errno.h"
#include "kernel/ids.h"
#include "kernel/multi_stop.h"
#include "kernel/stop_two.h"

namespace belfry::kernel {

// A work of multi_cpu_stop(): this CPU's part in a stop_machine round, or in a
// stop_two_cpus().
struct StopWork {
  enum class Run : std::uint8_t {
    kNotYet,
    kDrain,
    kFixupIrqs,
    kDying,
    kFunction,
    kDone,
  };
  // stop_lease=held, an active CPU in RUN: its last look at the clock.
  enum class Look : std::uint8_t { kNotYet, kAsked, kInTime, kTooLate };
  // What a stop_two_cpus() has in place of a generation.
  struct Pair {
    StopTwoKey key;
    CpuId partner;
    // The initiator's process has died.
    bool orphan = false;

    friend bool operator==(const Pair&, const Pair&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Pair& p) {
      return H::combine(std::move(h), p.key, p.partner, p.orphan);
    }
  };

  std::optional<Pair> pair;
  Generation generation;
  MultiStopState published{};
  // The last state it acted on; it trails `published` while a guard is held.
  MultiStopState acted{};
  bool active = false;
  // No other CPU is active.
  bool alone = false;
  bool takedown = false;
  std::string func;
  std::string payload;
  std::optional<View> view;
  Run run = Run::kNotYet;
  // Has acknowledged the state it acted on.
  bool acked = false;
  // The way down through the STARTING steps: where it stands, and the step that
  // it is inside of.
  CpuhpState dying_state = 0;
  std::optional<CpuhpState> dying_step;
  Errno error = Errno::kOk;
  std::string result;
  std::uint64_t flushed = 0;
  // What a CPU that goes leaves to others.
  Handover handover;
  // stop_lease=held. It holds a lease; the round was given up under its effect.
  bool leased = false;
  Look look = Look::kNotYet;
  bool abort_due = false;

  // Who comes too late leaves its effect alone.
  bool declined() const { return look == Look::kTooLate; }
  // Its effect has begun, and is no one's to take back but by StopAbort.
  bool has_effect() const { return run != Run::kNotYet && !declined(); }
  // It has, and has not ended.
  bool effect_under_way() const { return has_effect() && run != Run::kDone; }

  friend bool operator==(const StopWork&, const StopWork&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const StopWork& s) {
    h = H::combine(std::move(h), s.pair, s.generation, s.published, s.acted,
                   s.active, s.alone, s.takedown, s.func, s.payload, s.view,
                   s.run, s.acked);
    return H::combine(std::move(h), s.dying_state, s.dying_step, s.error,
                      s.result, s.flushed, s.handover, s.leased, s.look,
                      s.abort_due);
  }
};

// What belongs to the stopper beside the work that it runs.
struct Stopper {
  // A work for one that is not is completed without running: nobody does it,
  // and who counts on it is not told (cpu_stop_queue_work()).
  bool enabled = false;
  // Its thread was unparked and has not run since: WakeStopper was emitted and
  // not answered.
  bool waking = false;
  // Its thread runs, or was woken to: it sleeps when nothing is left, and a
  // work that is queued on a sleeper waits for who has to wake it.
  bool awake = false;
  // Behind the work that runs, in the order queued.
  std::deque<StopWork> works;
  // Who holds the lock to queue on two stoppers at once, and a round's work
  // that came meanwhile.
  std::optional<StopTwoKey> lock;
  std::optional<StopWork> locked_out;
  // Not carried out yet.
  std::deque<StopTwoOrder> orders;

  friend bool operator==(const Stopper&, const Stopper&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Stopper& s) {
    return H::combine(std::move(h), s.enabled, s.waking, s.awake, s.works,
                      s.lock, s.locked_out, s.orders);
  }
};

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_STOPPER_H_
