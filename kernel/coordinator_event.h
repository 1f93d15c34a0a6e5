// What the coordinator's machine is told (events) and what it wants done
// (effects). Effects are to be carried out in order, and before the next event.
#ifndef BELFRY_KERNEL_COORDINATOR_EVENT_H_
#define BELFRY_KERNEL_COORDINATOR_EVENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kernel/control.h"
#include "kernel/trace_event.h"

namespace belfry::kernel {

enum class OpKind : std::uint8_t {
  kOnline,
  kOffline,
  // stop_machine() with a function.
  kStop,
  // The first CPU of the machine: nobody is there to run control steps.
  kBoot,
};

// "online", "offline", "stop-machine", "boot".
absl::string_view OpKindName(OpKind kind);
std::optional<OpKind> ParseOpKind(absl::string_view name);

// Where an operation stands. Every leg but kQueued is journaled before its
// effect, so that a coordinator that was killed knows what it had begun.
enum class Leg : std::uint8_t {
  kQueued,
  kPrepare,   // up: the control steps below bring-up
  kBringup,   // up: reset, alive, STARTING steps
  kOnline,    // up: the view with the CPU, acknowledged by all
  kAp,        // the steps above teardown, either way
  kTakedown,  // down: the stop_machine that takes the CPU out
  kStop,      // a stop_machine with a function
  kRun,       // RUN may have been published (stop_lease=held)
  kAbort,     // what RUN did is taken back (stop_lease=held)
  kCommit,    // what RUN did is decided (down: the view without the CPU)
  kDead,      // down: the CPU is dead, the steps below bring-up
  kDone,
};

// "prepare", "bringup", ...
absl::string_view LegName(Leg leg);
std::optional<Leg> ParseLeg(absl::string_view name);

// One operation, and the journal's record of it.
struct Operation {
  OpId id;
  OpKind kind{};
  CpuId cpu;
  // kStop: who runs the function, what it is.
  CpuMask active;
  std::string func;
  std::string payload;
  // The CPU that runs the control steps.
  CpuId control;
  bool control_given = false;
  Leg leg = Leg::kQueued;
  // The way it walks now, and whether that is the way back.
  bool up = false;
  bool rollback = false;
  bool cancel = false;
  // The first error; what the operation ends with.
  Errno error = Errno::kOk;
  CpuhpState failed_step = kCpuhpInvalid;
  // The CPU's cpuhp state when the leg began, and the walks asked for until
  // then: a leg that is repeated repeats the same walks by the same numbers.
  CpuhpState state = 0;
  std::uint32_t walks = 0;
  // Of the round that it began last, and how many it has begun.
  Generation generation;
  std::uint32_t rounds = 0;
  // Leg::kAbort: why the round is given up.
  Errno abort = Errno::kOk;
  std::string abort_message;
  // Answer of the stop function; calls that the dying CPU ran, and what it
  // hands over.
  std::string result;
  std::uint64_t flushed = 0;
  Handover handover;
  // There was nothing to do (online_twice=noop).
  bool unchanged = false;
  // One line: why it was refused or failed.
  std::string message;

  friend bool operator==(const Operation&, const Operation&) = default;
  // But for the messages, which are for people.
  template <typename H>
  friend H AbslHashValue(H h, const Operation& o) {
    h = H::combine(std::move(h), o.id, o.kind, o.cpu, o.active, o.func,
                   o.payload, o.control, o.control_given, o.leg, o.up);
    return H::combine(std::move(h), o.rollback, o.cancel, o.error,
                      o.failed_step, o.state, o.walks, o.generation, o.rounds,
                      o.abort, o.result, o.flushed, o.handover, o.unchanged);
  }
};

// ---- Events.

struct Request {
  OpId id;
  OpKind kind{};
  CpuId cpu;
  CpuMask active;
  std::string func;
  std::string payload;
  std::optional<CpuId> control;
};

struct CancelOp {
  OpId id;
};

// A CPU's control link is up: for the first time, or again.
struct Attached {
  CpuId cpu;
  CpuStatus status;
};

// The driver holds that process for dead: its link broke and did not come back.
struct ProcessLost {
  CpuId cpu;
  Incarnation incarnation;
};

struct FromCpuEvent {
  CpuId cpu;
  Incarnation incarnation;
  FromCpu message;
};

// Answers JournalLeg.
struct Journaled {
  OpId op;
  Leg leg{};
};

// Answers AdvanceStop.
struct PublishState {
  Generation generation;
  MultiStopState state{};
};

// Half a lease has passed since StartStopTick.
struct StopTick {
  Generation generation;
};

// Answers AwaitReaders.
struct SleepOnLock {
  OpId op;
};

// A CPU did not come alive, or did not die, in time (StartHandoff).
struct HandoffTimeout {
  OpId op;
  Leg leg{};
};

// A restarted coordinator has waited long enough for the CPUs it knew.
struct RecoveryTimeout {};

using CoordinatorEvent =
    std::variant<Request, CancelOp, Attached, ProcessLost, FromCpuEvent,
                 Journaled, PublishState, StopTick, SleepOnLock, HandoffTimeout,
                 RecoveryTimeout>;

// ---- Effects.

// Write the operation as it stands, with the view, durably against the death of
// the process; the driver owes one Journaled.
struct JournalLeg {
  Operation op;
  View view;
  Generation last_generation;
};

// Write the view: a fact that nobody waits for.
struct JournalView {
  View view;
};

struct TellCpu {
  CpuId cpu;
  ToCpu message;
};

// All have acknowledged: the driver owes one PublishState.
struct AdvanceStop {
  Generation generation;
  MultiStopState state{};
};

// stop_lease=held: the driver owes one StopTick, half a lease later.
struct StartStopTick {
  Generation generation;
};

// The operation has seen readers of the hotplug lock: the driver owes one
// SleepOnLock.
struct AwaitReaders {
  OpId op;
};

// Wait for the CPU's part of the handshake; 10 s, as CORE_SYNC has it.
struct StartHandoff {
  OpId op;
  Leg leg{};
};

struct OpEnded {
  Operation op;
  // It never began: the answer to the request itself.
  bool refused = false;
};

struct CoordinatorTrace {
  TraceEvent event;
};

using CoordinatorEffect =
    std::variant<JournalLeg, JournalView, TellCpu, AdvanceStop, StartStopTick,
                 AwaitReaders, StartHandoff, OpEnded, CoordinatorTrace>;
using CoordinatorEffects = std::vector<CoordinatorEffect>;

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_COORDINATOR_EVENT_H_
