#include "kernel/profile.h"

#include <array>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace belfry::kernel {
namespace {

using Names = std::span<const absl::string_view>;

constexpr std::array<absl::string_view, 4> kRingRules = {
    "was_empty", "always", "was_empty_or_polling", "watchdog"};
constexpr std::array<absl::string_view, 2> kRingOrders = {"after_data",
                                                          "with_data"};
constexpr std::array<absl::string_view, 3> kManyRings = {
    "own_list_always", "shared_always", "was_empty"};
constexpr std::array<absl::string_view, 2> kManyMasks = {"private", "shared"};
constexpr std::array<absl::string_view, 2> kIdleFlushes = {"with_softirqs",
                                                           "calls_only"};
constexpr std::array<absl::string_view, 2> kNohzReleases = {"in_callback",
                                                            "in_softirq"};
constexpr std::array<absl::string_view, 2> kIrqCalls = {"async", "waits"};
constexpr std::array<absl::string_view, 4> kOfflineDrains = {
    "none", "before_clear_online", "dying_flush", "reinit_at_up"};
constexpr std::array<absl::string_view, 2> kBarriers = {"single", "split"};
constexpr std::array<absl::string_view, 2> kHardwares = {"s390", "x86"};
constexpr std::array<absl::string_view, 3> kIrqMigrations = {
    "at_device", "scan_first", "silence_first"};
constexpr std::array<absl::string_view, 2> kDeathReports = {"report_first",
                                                            "announce_first"};
constexpr std::array<absl::string_view, 2> kTimerMigrations = {"dying", "dead"};
constexpr std::array<absl::string_view, 2> kLockWakeups = {"always",
                                                           "puts_pending"};
constexpr std::array<absl::string_view, 3> kRefuseOfflines = {
    "all", "single_only", "none"};
constexpr std::array<absl::string_view, 2> kEnqueueGuards = {"held",
                                                             "not_held"};
constexpr std::array<absl::string_view, 2> kWaitGuards = {"to_end",
                                                          "until_rung"};
constexpr std::array<absl::string_view, 2> kAsyncUnlocks = {"after_func",
                                                            "before_func"};
constexpr std::array<absl::string_view, 3> kStepTables = {
    "notifiers", "cpuhp-6.12", "belfry"};
constexpr std::array<absl::string_view, 2> kControlCpus = {"asker", "worker"};
constexpr std::array<absl::string_view, 2> kOnlineTwices = {"einval", "noop"};
constexpr std::array<absl::string_view, 2> kStopperEnables = {"at_unpark",
                                                              "at_first_run"};
constexpr std::array<absl::string_view, 2> kStopTwoQueues = {"both_locked",
                                                             "one_by_one"};
constexpr std::array<absl::string_view, 2> kStopTwoWakes = {"preempt_off",
                                                            "preemptible"};
constexpr std::array<absl::string_view, 2> kStopLeases = {"none", "held"};
constexpr std::array<absl::string_view, 9> kLeaseWithouts = {
    "nothing",    "prepare_acks", "ack_generation", "closed_generations",
    "confirm",    "tentative",    "abort_order",    "second_drain",
    "epoch_fence"};

// How a knob is read and written, whatever its type.
struct Access {
  std::size_t (*get)(const Profile&);
  void (*set)(Profile*, std::size_t);
};

template <auto Member>
constexpr Access AccessTo() {
  return {[](const Profile& p) { return static_cast<std::size_t>(p.*Member); },
          [](Profile* p, std::size_t value) {
            using Value = std::remove_reference_t<decltype(p->*Member)>;
            p->*Member = static_cast<Value>(value);
          }};
}

constexpr std::array kKnobs = {
    Knob{"ring_rule", "when a sender rings after queueing a call", kRingRules},
    Knob{"ring_order",
         "whether a ring that travels alone waits until its call is queued",
         kRingOrders},
    Knob{"many_ring", "whom a call of many CPUs rings", kManyRings},
    Knob{"many_mask",
         "whether a call of many CPUs keeps the mask it rings to itself",
         kManyMasks},
    Knob{"idle_flush",
         "whether softirqs run when the idle loop has drained the queue",
         kIdleFlushes},
    Knob{"nohz_release",
         "who frees the csd by which a CPU is kicked (nohz_csd_func)",
         kNohzReleases},
    Knob{"irq_call",
         "whether an I/O interrupt's handler waits for the call it makes",
         kIrqCalls},
    Knob{"offline_drain",
         "what becomes of the queue of a CPU that goes offline",
         kOfflineDrains},
    Knob{"barrier", "whether DISABLE_IRQ is one state, or inactive CPUs first",
         kBarriers},
    Knob{"hardware",
         "what becomes of a doorbell pending on a CPU that has gone",
         kHardwares},
    Knob{"irq_migration",
         "what becomes of device interrupts that a CPU leaves behind",
         kIrqMigrations},
    Knob{"death_report",
         "whether a dying CPU makes its last report before or after it says so",
         kDeathReports},
    Knob{"timer_migration",
         "whether a CPU's timers are moved inside the barrier or in DEAD steps",
         kTimerMigrations},
    Knob{"lock_wakeup",
         "whether a reader of the hotplug lock wakes a writer that is about to "
         "sleep",
         kLockWakeups},
    Knob{"refuse_offline", "which calls to an offline CPU the sender refuses",
         kRefuseOfflines},
    Knob{"enqueue_guard",
         "whether a sender keeps stop_machine out until it rang",
         kEnqueueGuards},
    Knob{"wait_guard", "how long a waiting call keeps its guard", kWaitGuards},
    Knob{"async_unlock",
         "whether an asynchronous csd is free after or before "
         "its function",
         kAsyncUnlocks},
    Knob{"steps", "the table of hotplug steps", kStepTables},
    Knob{"control_cpu", "which CPU runs the control steps of an offline",
         kControlCpus},
    Knob{"online_twice", "what online of an online CPU answers", kOnlineTwices},
    Knob{
        "stopper_enable",
        "whether a fresh CPU's stopper is enabled before its thread first runs",
        kStopperEnables},
    Knob{"stop_two_queue",
         "whether stop_two_cpus() queues both works at once or one by one",
         kStopTwoQueues},
    Knob{"stop_two_wake",
         "whether stop_two_cpus() can be preempted between its two wake-ups",
         kStopTwoWakes},
    Knob{"stop_lease",
         "whether a CPU that hears nothing of its stop_machine leaves it",
         kStopLeases},
    Knob{"lease_without",
         "which safeguard of the stop lease is left out, to see what it is for",
         kLeaseWithouts},
};

constexpr std::array<Access, kKnobs.size()> kAccess = {
    AccessTo<&Profile::ring_rule>(),       AccessTo<&Profile::ring_order>(),
    AccessTo<&Profile::many_ring>(),       AccessTo<&Profile::many_mask>(),
    AccessTo<&Profile::idle_flush>(),      AccessTo<&Profile::nohz_release>(),
    AccessTo<&Profile::irq_call>(),        AccessTo<&Profile::offline_drain>(),
    AccessTo<&Profile::barrier>(),         AccessTo<&Profile::hardware>(),
    AccessTo<&Profile::irq_migration>(),   AccessTo<&Profile::death_report>(),
    AccessTo<&Profile::timer_migration>(), AccessTo<&Profile::lock_wakeup>(),
    AccessTo<&Profile::refuse_offline>(),  AccessTo<&Profile::enqueue_guard>(),
    AccessTo<&Profile::wait_guard>(),      AccessTo<&Profile::async_unlock>(),
    AccessTo<&Profile::steps>(),           AccessTo<&Profile::control_cpu>(),
    AccessTo<&Profile::online_twice>(),    AccessTo<&Profile::stopper_enable>(),
    AccessTo<&Profile::stop_two_queue>(),  AccessTo<&Profile::stop_two_wake>(),
    AccessTo<&Profile::stop_lease>(),      AccessTo<&Profile::lease_without>(),
};

constexpr std::array<absl::string_view, 6> kPresetNames = {
    "linux-3.0",  "linux-3.0+split", "linux-3.0+flush",
    "linux-3.16", "linux-6.12",      "belfry"};

Profile Linux30() {
  return {.name = "linux-3.0",
          .ring_rule = RingRule::kWasEmpty,
          .ring_order = RingOrder::kAfterData,
          .many_ring = ManyRing::kOwnListAlways,
          .many_mask = ManyMask::kShared,
          .idle_flush = IdleFlush::kWithSoftirqs,
          .nohz_release = NohzRelease::kInCallback,
          .irq_call = IrqCall::kAsync,
          .offline_drain = OfflineDrain::kNone,
          .barrier = Barrier::kSingle,
          .hardware = Hardware::kS390,
          .irq_migration = IrqMigration::kAtDevice,
          .death_report = DeathReport::kReportFirst,
          .timer_migration = TimerMigration::kDead,
          .lock_wakeup = LockWakeup::kAlways,
          .refuse_offline = RefuseOffline::kSingleOnly,
          .enqueue_guard = EnqueueGuard::kHeld,
          .wait_guard = WaitGuard::kToEnd,
          .async_unlock = AsyncUnlock::kAfterFunc,
          .steps = Steps::kNotifiers,
          .control_cpu = ControlCpu::kAsker,
          .online_twice = OnlineTwice::kEinval,
          .stopper_enable = StopperEnable::kAtUnpark,
          .stop_two_queue = StopTwoQueue::kBothLocked,
          .stop_two_wake = StopTwoWake::kPreemptOff,
          .stop_lease = StopLease::kNone,
          .lease_without = LeaseWithout::kNothing};
}

// Rows of DESIGN.md's table that differ from linux-3.0 in a few knobs only.
Profile Variant(absl::string_view name) {
  Profile p = Linux30();
  p.name = std::string(name);
  if (name == "linux-3.0") return p;
  if (name == "linux-3.0+split") {
    p.barrier = Barrier::kSplit;
    return p;
  }
  p.offline_drain = OfflineDrain::kDyingFlush;
  if (name == "linux-3.0+flush") return p;
  p.many_ring = ManyRing::kSharedAlways;
  p.refuse_offline = RefuseOffline::kAll;
  p.online_twice = OnlineTwice::kNoop;
  p.stop_two_queue = StopTwoQueue::kOneByOne;
  if (name == "linux-3.16") return p;
  p.stop_two_queue = StopTwoQueue::kBothLocked;
  p.ring_rule = RingRule::kWasEmptyOrPolling;
  p.many_ring = ManyRing::kWasEmpty;
  p.hardware = Hardware::kX86;
  p.irq_migration = IrqMigration::kScanFirst;
  p.timer_migration = TimerMigration::kDying;
  p.async_unlock = AsyncUnlock::kBeforeFunc;
  p.steps = Steps::kCpuhp612;
  p.control_cpu = ControlCpu::kWorker;
  return p;
}

}  // namespace

std::span<const Knob> Knobs() { return kKnobs; }

std::span<const absl::string_view> PresetNames() { return kPresetNames; }

absl::StatusOr<Profile> PresetByName(absl::string_view name) {
  for (absl::string_view preset : kPresetNames) {
    if (preset != name) continue;
    if (preset == "belfry") return Profile{.name = "belfry"};
    return Variant(preset);
  }
  return absl::NotFoundError(
      absl::StrCat("unknown profile '", name,
                   "'; there are: ", absl::StrJoin(kPresetNames, ", ")));
}

absl::Status SetKnob(Profile* profile, absl::string_view knob,
                     absl::string_view value) {
  std::vector<absl::string_view> names;
  for (std::size_t i = 0; i < kKnobs.size(); ++i) {
    names.push_back(kKnobs[i].name);
    if (kKnobs[i].name != knob) continue;
    const Names values = kKnobs[i].values;
    for (std::size_t v = 0; v < values.size(); ++v) {
      if (values[v] != value) continue;
      kAccess[i].set(profile, v);
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        absl::StrCat("knob ", knob, " has no value '", value,
                     "'; it takes: ", absl::StrJoin(values, ", ")));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown knob '", knob, "'; there are: ", absl::StrJoin(names, ", ")));
}

absl::string_view KnobValue(const Profile& profile, std::size_t knob) {
  return kKnobs[knob].values[kAccess[knob].get(profile)];
}

}  // namespace belfry::kernel
