// What a CPU's machine is told (events) and what it wants done (effects).
// Effects are to be carried out in order, and before the next event.
#ifndef BELFRY_KERNEL_CPU_EVENT_H_
#define BELFRY_KERNEL_CPU_EVENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kernel/control.h"
#include "kernel/cpumask.h"
#include "kernel/csd.h"
#include "kernel/stop_two.h"
#include "kernel/trace_event.h"

namespace belfry::kernel {

// The driver's name for a call that it asked for; the protocol only returns it.
using Token = std::uint64_t;

// ---- Events: from the CPU's own tasks and devices.

// A task of this CPU calls another CPU (or its own). Ends in CallEnded.
struct Call {
  Token token = 0;
  CpuId dst;
  FuncId func{};
  std::string payload;
  bool wait = false;
};

// A task of this CPU calls many (on_each_cpu_mask(), kernel/smp.c): each CPU of
// the mask that is online, its own included, which runs the function itself
// (SCF_RUN_LOCAL; smp_call_function_many() is a mask without it). One that is
// offline is not called (ENXIO). Ends in a CallEnded for each CPU of the mask.
struct CallMany {
  Token token = 0;
  CpuMask cpus;
  FuncId func{};
  std::string payload;
  bool wait = false;

  friend bool operator==(const CallMany&, const CallMany&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const CallMany& e) {
    return H::combine(std::move(h), e.token, e.cpus, e.func, e.payload, e.wait);
  }
};

// The deadline of that call's caller has passed. A call that its target has not
// accepted yet ends as refused (ETIMEDOUT); one that it has goes on.
struct Expire {
  Token token = 0;
};

// Time to try calls again that found their target's queue full.
struct Retry {};

// A device interrupt: block I/O that `submitter` had submitted is complete.
// Taken when the CPU takes interrupts; until then it waits at the device, which
// refuses (ENOBUFS) what finds CpuConfig::queue_capacity waiting.
struct DeviceIrq {
  CpuId submitter;
  // Not empty: no I/O; the handler makes a many-call to these, as none may
  // (smp_call_function_many(): "not from a hardware interrupt handler").
  CpuMask calls;

  friend bool operator==(const DeviceIrq&, const DeviceIrq&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const DeviceIrq& e) {
    return H::combine(std::move(h), e.submitter, e.calls);
  }
};

// Arms a bandwidth timer on this CPU, which lets the tasks of `wakes` run again
// when it expires (CFS bandwidth control: the period timer of a group).
struct ArmTimer {
  CpuId wakes;
};

// The tasks of this CPU that people run have used up their bandwidth.
struct Throttle {};

// Time has passed: timers that are armed here expire, if the CPU takes
// interrupts.
struct ExpireTimers {};

// A task of this CPU takes the hotplug lock for reading, or lets go of it:
// cpus_read_lock(), cpus_read_unlock().
struct ReadLock {};
struct ReadUnlock {};

// ---- Events: from other CPUs.

struct Enqueue {
  Csd csd;
  // The doorbell travels with the call: ring by the rule.
  bool fused = true;
  // Why the driver cannot take it (the function is not linked here).
  Errno refuse = Errno::kOk;
};

// The source has seen the end of every call up to this one: the answers kept
// for it may go.
struct Confirmed {
  CpuId from;
  Incarnation incarnation;
  Seq through = 0;
};

struct Enqueued {
  CpuId from;
  Seq seq = 0;
  bool was_empty = false;
  // The frame was fused, and its doorbell was rung.
  bool rung = false;
  Errno error = Errno::kOk;

  friend bool operator==(const Enqueued&, const Enqueued&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Enqueued& e) {
    return H::combine(std::move(h), e.from, e.seq, e.was_empty, e.rung,
                      e.error);
  }
};

struct Done {
  CpuId from;
  Seq seq = 0;
  Errno error = Errno::kOk;
  std::string result;
  // It was queued, and has not run: its target has gone (stop_lease=held).
  bool refused = false;

  friend bool operator==(const Done&, const Done&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Done& d) {
    return H::combine(std::move(h), d.from, d.seq, d.error, d.result,
                      d.refused);
  }
};

// A doorbell arrives.
struct Doorbell {
  CsdKey key;
  // It travelled alone: its sender wants to know that it arrived.
  bool acknowledge = false;
};

// The target's pending bit is set for our ring.
struct Latched {
  CpuId from;
  Seq seq = 0;
};

// The operator's doorbell.
struct OperatorKick {};

// A data link is up (again): the one we opened, for our calls, or the one the
// peer opened for its own. What was not acknowledged must be sent again on it,
// and in its order: until the machine has been told, the driver sends no call
// on a new link (those that it is asked to send meanwhile come again with
// this).
struct LinkUp {
  CpuId peer;
  bool inbound = false;
  // It was up before, and broke.
  bool again = false;
};

// ---- Events: from the CPU itself, answering an effect.

// Answers RaiseIrq.
struct IrqEntry {};

// Answers WakeIdle: the idle loop sees need_resched.
struct IdleExit {};

// Answers RunFunction.
struct FunctionReturned {
  Errno error = Errno::kOk;
  std::string result;
};

// Answers NextStep.
struct RunStep {
  WalkId walk;
  CpuhpState step = 0;
};

// Answers WakeStopper.
struct StopperRuns {};

// A lease's length has passed since the last HoldLease, which was for that
// round.
struct LeaseOver {
  Generation generation;
};

// A CPU may begin its effect within so many tenths of a lease: the rest is for
// clocks that drift.
inline constexpr int kWindowTenths = 9;

// Answers LookAtWindow.
struct WindowIs {
  Generation generation;
  // Less than that has passed since OpenWindow.
  bool open = false;
};

// Where a CPU on its way out can be delayed, beside its hotplug steps.
enum class OfflineStage : std::uint8_t {
  // In RUN, its online bit cleared: fixup_irqs() is about to run.
  kFixupIrqs,
  // It has announced its death: rcu_report_dead() is about to run.
  kReportDead,
};

// "fixup_irqs", ...
absl::string_view OfflineStageName(OfflineStage stage);
std::optional<OfflineStage> ParseOfflineStage(absl::string_view name);

// Answers NextStage.
struct RunStage {
  OfflineStage stage{};
};

// ---- Events: time and the control link.

// The csd-lock watchdog: this call is older than the csd_lock_timeout.
struct Overdue {
  CpuId dst;
  Seq seq = 0;
};

struct CoordinatorLost {};

using CpuEvent =
    std::variant<Call, CallMany, StopTwoTask, Expire, Retry, DeviceIrq, Enqueue,
                 Confirmed, Enqueued, Done, Doorbell, Latched, StopTwoOrder,
                 StopTwoReport, OperatorKick, LinkUp, IrqEntry, IdleExit,
                 FunctionReturned, RunStep, RunStage, StopperRuns, LeaseOver,
                 WindowIs, Overdue, CoordinatorLost, StopPublish, StopAbort,
                 WalkSteps, Kick, BringOnline, SetView, PeerIs, PeerGone,
                 PowerOff, ArmTimer, Throttle, ExpireTimers, ReadLock,
                 ReadUnlock, ReadersGranted>;

// ---- Effects.

struct SendEnqueue {
  CpuId dst;
  Csd csd;
  bool fused = true;
};

struct SendEnqueued {
  CpuId dst;
  Seq seq = 0;
  bool was_empty = false;
  bool rung = false;
  Errno error = Errno::kOk;
};

struct SendDone {
  CpuId dst;
  Seq seq = 0;
  Errno error = Errno::kOk;
  std::string result;
  bool refused = false;
};

// Puts a doorbell on the wire to another CPU.
struct SendRing {
  CpuId dst;
  Seq seq = 0;
};

// A fused frame rings its target from inside: the driver owes one Doorbell.
struct RingSelf {
  CsdKey key;
};

struct SendLatched {
  CpuId dst;
  Seq seq = 0;
};

// Interrupts are enabled and the pending bit is set: the driver owes one
// IrqEntry.
struct RaiseIrq {};

// The idle CPU was flagged: the driver owes one IdleExit.
struct WakeIdle {};

// Where a function runs, and so what its end means.
enum class Context : std::uint8_t {
  kDoorbell,  // the call-function interrupt
  kLate,      // that interrupt, on a CPU that is offline already
  kIdle,      // the idle loop, from task context
  kFlush,     // a drain of the queue on the way down
  kSelf,      // a call to one's own CPU
  kStop,      // the function of a stop_machine
};

// "doorbell", "late", ...
absl::string_view ContextName(Context context);

// The driver owes one FunctionReturned, and runs nothing else until then.
struct RunFunction {
  Context context{};
  CpuId src;
  FuncId func{};
  // For Context::kStop: the function by name, as it came over the wire.
  std::string func_name;
  std::string payload;
};

// The driver owes one RunStep.
struct NextStep {
  WalkId walk;
  CpuhpState step = 0;
};

// On the way of a call to that CPU, and in its order.
struct SendStopTwo {
  CpuId dst;
  StopTwoOrder order;
};

// On the way of an answer to that CPU.
struct SendStopTwoReport {
  CpuId dst;
  StopTwoReport report;
};

// The stopper's thread is unparked: the driver owes one StopperRuns.
struct WakeStopper {};

// stop_lease=held. The clock is read when these are carried out, in their order
// among the others.
//
// The driver owes one LeaseOver, a lease later, in place of any that it owes.
struct HoldLease {
  Generation generation;
};
// From now on the CPU may begin its effect in that round.
struct OpenWindow {
  Generation generation;
};
// The driver owes one WindowIs.
struct LookAtWindow {
  Generation generation;
};

// The driver owes one RunStage.
struct NextStage {
  OfflineStage stage{};
};

enum class Outcome : std::uint8_t { kCompleted, kRefused, kLost };

// The call has entered its target's queue (an asynchronous caller is content).
struct CallQueued {
  Token token = 0;
  CpuId dst;
};

struct CallEnded {
  Token token = 0;
  CpuId dst;
  Outcome outcome{};
  Errno error = Errno::kOk;
  std::string result;
};

struct Tell {
  FromCpu message;
};

struct Trace {
  TraceEvent event;
};

using CpuEffect =
    std::variant<SendEnqueue, SendEnqueued, SendDone, SendRing, RingSelf,
                 SendLatched, RaiseIrq, WakeIdle, RunFunction, NextStep,
                 NextStage, HoldLease, OpenWindow, LookAtWindow, WakeStopper,
                 SendStopTwo, SendStopTwoReport, CallQueued, CallEnded, Tell,
                 Trace>;
using CpuEffects = std::vector<CpuEffect>;

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_CPU_EVENT_H_
