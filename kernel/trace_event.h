// The events by which a run of the protocol is seen, merged, checked and
// explained. The machines of kernel/ emit them as effects; nothing in kernel/
// reads them back. Names and fields are the kernel's own where it has them
// (include/trace/events/{csd,ipi,cpuhp}.h of Linux 6.12).
#ifndef BELFRY_KERNEL_TRACE_EVENT_H_
#define BELFRY_KERNEL_TRACE_EVENT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "kernel/ids.h"

namespace belfry::kernel {

enum class TraceKind : std::uint8_t {
  // A call, at its source. `about` is the target.
  // issued and sent; detail "wait" or "async"; value: its number before, if it
  // was issued already and found the queue full
  kCsdQueueCpu,
  kCsdRefused,  // value: errno; value2: 1 if it was issued; detail as above
  kCsdLost,     // detail: why
  kCsdDone,     // value: the function's errno; detail as above
  kIpiSendCpu,  // the ring is on the wire
  // no ring: the queue was not empty, or a many-call's mask is without the CPU
  kIpiSuppressed,
  kCsdLockStuck,    // the watchdog found the waiter overdue
  kCsdLockResend,   // ... and rang again
  kCsdLockUnstuck,  // a stuck waiter got its answer
  // A call, at its target. `csd` names it.
  kCsdEnqueued,  // value: depth now; value2: 1 if the queue was empty
  kCsdDropped,   // a reset threw it away
  // Not run: its CPU has left meanwhile, and its source is told. value: errno
  kCsdReturned,
  kCsdDuplicate,      // a retransmission, recognised
  kCsdFunctionEntry,  // detail: "doorbell", "late", "idle", "flush", "self"
  kCsdFunctionExit,   // value: the function's errno; detail as above
  kIpiLatched,        // the pending bit is set, for the ring of `csd`
  kIpiCoalesced,      // it was set already
  kIpiCleared,        // a reset cleared it; `csd`: whose ring it was
  // The ring of `csd` has flagged the CPU, which polls: no interrupt comes.
  kSchedWakeIdleWithoutIpi,
  // detail: the softirq's name; value of entry and exit: requests completed.
  kSoftirqRaise,
  kSoftirqEntry,
  kSoftirqExit,
  kCallFunctionSingleEntry,  // value: calls taken; detail "doorbell", "late"
  kCallFunctionSingleExit,
  kCsdFlushEntry,  // value: calls taken; detail "flush" (on the way down),
                   // "idle"
  kCsdFlushExit,
  kKick,       // the operator's doorbell
  kDeviceIrq,  // an I/O completion; `about`: the CPU that submitted it
  // A device's interrupt at a CPU that goes; `about` as above.
  kIrqRetrigger,  // it was pending in the controller, and is taken elsewhere
  kIrqLost,       // it came to a controller that was silent, and is not latched
  // A device's interrupt that finds no room to wait. value: errno
  kIrqRefused,
  kApicSoftDisable,  // the controller is silenced
  // Timers, and tasks that wait for one. `about`: the CPU that it wakes.
  kHrtimerStart,
  kHrtimerExpireEntry,
  kMigrateHrtimers,  // value: timers that this CPU has now of another
  kThrottleCfsRq,
  kUnthrottleCfsRq,
  // Readers of the hotplug lock. value: those of this CPU that hold it now.
  kCpusReadLock,
  kCpusReadUnlock,
  // A CPU that has announced its death before its last report.
  kRcuReportDead,  // it has made it
  kPowerOff,       // it was switched off first
  // The CPU.
  kLocalIrqDisable,  // detail: why
  kLocalIrqEnable,
  kCpuLife,  // value: calls in the queue; detail: the new state of its life
  kSetView,  // value: the view's number; detail: the online mask
  // stop_machine. value: generation; detail: state
  kStopState,    // the CPU acts on a state; value2: 1 where it is active
  kStopAck,      // ... and has acknowledged it
  kStopAbort,    // the round was given up; the coordinator's: value2: errno
  kStopPublish,  // the coordinator publishes a state; NONE when the round ended
  kStopQueue,  // its work waits in the stopper's queue; value2: behind so many
  kStopDiscard,  // the stopper was not enabled: completed without running
  kStopperRuns,  // the stopper's thread runs for the first time; no value
  // stop_two_cpus(), `csd`: which. At the initiator, `about` and value: the
  // two.
  kStopTwoBegin,
  kStopTwoBackOff,  // a round is on its way to one of the two
  kStopTwoEnd,      // value2: errno
  // ... at one of the two: `about` is the other; detail: state; value: 1 where
  // the function runs. So also of kStopQueue and kStopDiscard.
  kStopTwoState,
  kStopTwoAck,
  kStopTwoAbort,
  // Hotplug. `about`: the CPU; value: step; detail: step's name. An injected
  // failure is no callback that ran, and leaves neither enter nor exit.
  kCpuhpEnter,       // value2: the walk's target
  kCpuhpMultiEnter,  // the same, for one instance of a multi-instance step
  kCpuhpExit,        // value2: 0 or the errno, negative; state: where it stands
  kOpBegin,          // value: operation; detail: kind
  kOpEnd,            // value: operation; value2: errno
  // The operation waits for the readers. value: how many; detail: "looks",
  // "sleeps", "has it"
  kCpuHotplugBegin,
  kPutsPending,  // a reader (`about`: its CPU) let go and woke nobody
  kCpuCrashed,   // value: incarnation; detail: "parked" when it was offline
};

inline constexpr int kTraceKinds = static_cast<int>(TraceKind::kCpuCrashed) + 1;

struct TraceEvent {
  TraceKind kind{};
  std::optional<CpuId> about;
  std::optional<CsdKey> csd;
  FuncId func{};
  std::int64_t value = 0;
  std::int64_t value2 = 0;
  // kCpuhpExit: the CPU's cpuhp state after the callback.
  std::int32_t state = 0;
  std::string detail;
  bool irqs_masked = false;

  friend bool operator==(const TraceEvent&, const TraceEvent&) = default;
};

// "csd_queue_cpu", "ipi_send_cpu", ...
absl::string_view TraceName(TraceKind kind);

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_TRACE_EVENT_H_
