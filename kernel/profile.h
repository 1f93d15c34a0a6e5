// A profile is data: the rules that one kernel, or Belfry itself, plays by. A
// preset is a row of knobs. Only the code that interprets a knob looks at it;
// nothing asks for a preset by name.
#ifndef BELFRY_KERNEL_PROFILE_H_
#define BELFRY_KERNEL_PROFILE_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace belfry::kernel {

// When a sender rings after it has queued a call.
enum class RingRule : std::uint8_t {
  // Only if the queue was empty: kernel/smp.c, generic_exec_single().
  kWasEmpty,
  kAlways,
  // As kWasEmpty, and an idle CPU that polls is flagged in place of the
  // interrupt: call_function_single_prep_ipi() of Linux 6.12.
  kWasEmptyOrPolling,
  // As kWasEmpty, and a call that is overdue is rung for again:
  // csd_lock_wait_toolong() of Linux 5.x, "Re-sending CSD lock IPI".
  kWatchdog,
};

// When a ring that travels apart from its call leaves.
enum class RingOrder : std::uint8_t {
  // Once the call is known to be queued: a barrier lies in between.
  kAfterData,
  // With the call, which it may overtake, if none of the sender's calls is in
  // that queue by its own knowledge: x2APIC before 561920a0d2bb, Linux 2.6.30.
  kWithData,
};

// Whom a many-call rings (smp_call_function_many()).
enum class ManyRing : std::uint8_t {
  // All, and the CPU's cfd_data is one element with one lock: Linux 3.0, which
  // kept it in a list of its own (docs/PROTOCOL.md says what of that is here).
  kOwnListAlways,
  // All; a csd for each target, in the queue of all calls: Linux 3.10.
  kSharedAlways,
  // Those whose queue was empty: Linux 4.13.
  kWasEmpty,
};

// Where a many-call keeps the mask of those it rings.
enum class ManyMask : std::uint8_t {
  kPrivate,
  // In the CPU's one cfd_data, as every kernel does: another many-call of this
  // CPU, before the ring, overwrites it.
  kShared,
};

// What an idle CPU does once it was flagged and has drained its queue.
enum class IdleFlush : std::uint8_t {
  // Runs the softirqs that were raised: f9d34595ae4f, Linux 5.12.
  kWithSoftirqs,
  // No interrupt ends there that would.
  kCallsOnly,
};

// Who says that a CPU's own csd for kicks (rq->nohz_csd) is free again.
enum class NohzRelease : std::uint8_t {
  // Its callback: 19a1f5ec6999, Linux 5.8.
  kInCallback,
  // The softirq that does the work, whatever has made it run.
  kInSoftirq,
};

// Whether the handler of an I/O completion waits for the call that it makes.
enum class IrqCall : std::uint8_t {
  kAsync,
  // Interrupts stay off meanwhile, and what was interrupted does not go on:
  // WARN_ON_ONCE(!in_task()) since 19dbdcb8039c, Linux 5.3.
  kWaits,
};

// What becomes of the queue of a CPU that goes offline.
enum class OfflineDrain : std::uint8_t {
  // Nothing looks at it: Linux 3.0.
  kNone,
  // Run in RUN before the online bit falls: s390's __cpu_disable().
  kBeforeClearOnline,
  // Run by the DYING step: 8d056c48e486, Linux 3.16.
  kDyingFlush,
  // Thrown away by the reset that brings the CPU up.
  kReinitAtUp,
};

enum class Barrier : std::uint8_t { kSingle, kSplit };

// What the hardware does with a doorbell that is pending when a CPU has gone.
enum class Hardware : std::uint8_t {
  // All external interrupts are masked in CR0: never taken.
  kS390,
  // Interrupts go on again after EXIT: taken late, on the offline CPU.
  kX86,
};

// What becomes of device interrupts that a CPU has not taken when it goes.
enum class IrqMigration : std::uint8_t {
  // They wait at the device until the CPU is back: s390's I/O interrupts are
  // pending in no CPU.
  kAtDevice,
  // fixup_irqs(): first their affinity moves, and what is pending in the CPU's
  // controller is retriggered elsewhere; then the controller is silenced.
  // 52d6b926aabc, Linux 5.9.
  kScanFirst,
  // The controller is silenced first: what comes before its affinity has moved
  // is not latched, and the scan does not find it. Linux 5.4 to 5.8.
  kSilenceFirst,
};

// When a dying CPU makes its last report ("count me no longer": a grace period
// waits for it), seen from the announcement that lets the control side go on.
enum class DeathReport : std::uint8_t {
  // Before it: the announcement carries it. 71f87b2fc64c, Linux 4.6.
  kReportFirst,
  // After it; the control side may have switched the CPU off by then.
  kAnnounceFirst,
};

// When the timers of a CPU that goes are moved to one that stays.
enum class TimerMigration : std::uint8_t {
  // Inside the barrier: 5c0930ccaad5, Linux 6.7.
  kDying,
  // By the control side, in its DEAD steps.
  kDead,
};

// What a reader of the hotplug lock does that lets go while the writer is about
// to sleep until the readers have gone.
enum class LockWakeup : std::uint8_t {
  // It is counted off, and wakes the writer.
  kAlways,
  // It is noted as pending, for the writer to count off when it looks again,
  // and
  // wakes nobody: b2c4623dcd07, Linux 3.18.
  kPutsPending,
};

// Which calls to an offline CPU the sender refuses (ENXIO).
enum class RefuseOffline : std::uint8_t {
  kAll,
  // smp_call_function_single() only; a caller that brings its own csd is not
  // asked: __smp_call_function_single() of Linux 3.0.
  kSingleOnly,
  kNone,
};

// Whether a sender keeps stop_machine out from its online check to its ring.
enum class EnqueueGuard : std::uint8_t { kHeld, kNotHeld };

// How long a waiting call keeps its guard.
enum class WaitGuard : std::uint8_t {
  // To its end: a spinning waiter has preemption off.
  kToEnd,
  // Until the ring is on the wire, as an asynchronous call does.
  kUntilRung,
};

// When an asynchronous call's csd is free again: after or before its function.
enum class AsyncUnlock : std::uint8_t { kAfterFunc, kBeforeFunc };

// Which table of hotplug steps: kernel/cpuhp.h.
enum class Steps : std::uint8_t { kNotifiers, kCpuhp612, kBelfry };

// Who runs the control steps of an offline. An online is always the asker's.
enum class ControlCpu : std::uint8_t {
  // The CPU that asked.
  kAsker,
  // A worker on the lowest online CPU but the victim, whoever asked, the victim
  // itself included: cpu_down_maps_locked() of Linux 6.6, work_on_cpu().
  kWorker,
};

// What online of an online CPU, or offline of an offline one, answers.
enum class OnlineTwice : std::uint8_t { kEinval, kNoop };

// When the stopper of a CPU that comes up is enabled.
enum class StopperEnable : std::uint8_t {
  // By who unparks its thread, before anybody can count on it: 46c498c2cdee,
  // Linux 3.9.
  kAtUnpark,
  // By the thread itself, when it first runs.
  kAtFirstRun,
};

// How stop_two_cpus() queues its two works.
enum class StopTwoQueue : std::uint8_t {
  // Both under both stoppers' locks: b17718d02f54, Linux 4.2.
  kBothLocked,
  // On the first, then on the second, each woken at once: Linux 3.13.
  kOneByOne,
};

// Whether who has queued both can be preempted before both are woken.
enum class StopTwoWake : std::uint8_t {
  kPreemptOff,
  // By the stopper of its own CPU, if it woke that first: Linux 4.17, before
  // 9fb8d5dc4b64.
  kPreemptible,
};

// Whether a participant of a stop_machine round bounds its trust in it by time.
// Belfry's own: in the kernels' protocols no clock decides anything.
enum class StopLease : std::uint8_t {
  kNone,
  // docs/PROTOCOL.md, "The stop lease".
  kHeld,
};

// A safeguard of the stop lease that is left out, to see what it is for.
enum class LeaseWithout : std::uint8_t {
  kNothing,
  // CPUs mask, and their leases begin, as soon as they prepare, not when all
  // have.
  kPrepareAcks,
  // An acknowledgement counts whichever round it is of.
  kAckGeneration,
  // Who has left a round may enter it again.
  kClosedGenerations,
  // RUN's last acknowledgement is the outcome.
  kConfirm,
  // What RUN did is not taken back.
  kTentative,
  // An abort goes to all at once.
  kAbortOrder,
  // What came to the CPU between its flush and the commit stays.
  kSecondDrain,
  // The journal takes what a coordinator of an older epoch writes.
  kEpochFence,
};

struct Profile {
  // The preset it started from.
  std::string name;
  RingRule ring_rule = RingRule::kWatchdog;
  RingOrder ring_order = RingOrder::kAfterData;
  ManyRing many_ring = ManyRing::kWasEmpty;
  ManyMask many_mask = ManyMask::kPrivate;
  IdleFlush idle_flush = IdleFlush::kWithSoftirqs;
  NohzRelease nohz_release = NohzRelease::kInCallback;
  IrqCall irq_call = IrqCall::kAsync;
  OfflineDrain offline_drain = OfflineDrain::kDyingFlush;
  Barrier barrier = Barrier::kSingle;
  Hardware hardware = Hardware::kS390;
  IrqMigration irq_migration = IrqMigration::kAtDevice;
  DeathReport death_report = DeathReport::kReportFirst;
  TimerMigration timer_migration = TimerMigration::kDying;
  LockWakeup lock_wakeup = LockWakeup::kAlways;
  RefuseOffline refuse_offline = RefuseOffline::kAll;
  EnqueueGuard enqueue_guard = EnqueueGuard::kHeld;
  WaitGuard wait_guard = WaitGuard::kUntilRung;
  AsyncUnlock async_unlock = AsyncUnlock::kBeforeFunc;
  Steps steps = Steps::kBelfry;
  ControlCpu control_cpu = ControlCpu::kAsker;
  OnlineTwice online_twice = OnlineTwice::kNoop;
  StopperEnable stopper_enable = StopperEnable::kAtUnpark;
  StopTwoQueue stop_two_queue = StopTwoQueue::kBothLocked;
  StopTwoWake stop_two_wake = StopTwoWake::kPreemptOff;
  StopLease stop_lease = StopLease::kHeld;
  LeaseWithout lease_without = LeaseWithout::kNothing;

  friend bool operator==(const Profile&, const Profile&) = default;
};

// One knob: its name, what it decides, and its values in order.
struct Knob {
  absl::string_view name;
  absl::string_view help;
  std::span<const absl::string_view> values;
};

std::span<const Knob> Knobs();

// "linux-3.0", "linux-3.0+split", "linux-3.0+flush", "linux-3.16",
// "linux-6.12", "belfry".
std::span<const absl::string_view> PresetNames();

// NotFound names the presets there are.
absl::StatusOr<Profile> PresetByName(absl::string_view name);

// Sets one knob. InvalidArgument names the knobs, or the values, there are.
absl::Status SetKnob(Profile* profile, absl::string_view knob,
                     absl::string_view value);

// The value of a knob of Knobs(), by its place there.
absl::string_view KnobValue(const Profile& profile, std::size_t knob);

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_PROFILE_H_
