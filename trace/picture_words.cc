#include "trace/picture_words.h"

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "trace/report_text.h"

namespace belfry::trace {
namespace {

using Event = v1::TraceEvent;
using Table = absl::flat_hash_map<absl::string_view, Words (*)(const Event&)>;

std::string CallOfActor(const Event& event) {
  return absl::StrCat(Actor(event), "'s ", event.function(), " on ",
                      Target(event));
}

std::string CallOfSource(const Event& event) {
  return absl::StrCat(event.function(), " of CPU ", event.src_cpu());
}

std::string StopTwo(const Event& event) {
  return absl::StrCat(Actor(event), "'s stop_two_cpus() ", event.seq());
}

// Whose the stopper's work is.
std::string Stop(const Event& event) {
  return event.has_src_cpu() ? absl::StrCat("CPU ", event.src_cpu(),
                                            "'s stop_two_cpus() ", event.seq())
                             : absl::StrCat("stop_machine ", event.value());
}

std::string ErrnoOf(const Event& event) {
  return event.value2() == 0 ? std::string()
                             : absl::StrCat(": errno ", event.value2());
}

std::vector<Mark> LostAt(std::uint32_t cpu) { return {{cpu, Sign::kLost}}; }

// ---- Operations and rounds.

Words OpBegin(const Event& event) {
  return {absl::StrCat("operation ", event.value(), " begins: ", event.detail(),
                       " ", Target(event))};
}

Words OpEnd(const Event& event) {
  return {absl::StrCat("operation ", event.value(), " ends", ErrnoOf(event))};
}

Words StopPublish(const Event& event) {
  return {absl::StrCat("stop_machine ", event.value(), ": ", event.detail())};
}

// Of a CPU, or of the whole round.
Words StopAbort(const Event& event) {
  if (event.has_cpu()) {
    return {.text = "leaves the round", .many = "leave the round"};
  }
  return {.text = absl::StrCat("stop_machine ", event.value(), " is given up"),
          .alarm = true};
}

Words CpuCrashed(const Event& event) {
  return {.text = absl::StrCat(Target(event), " has crashed"),
          .alarm = true,
          .marks = LostAt(event.about_cpu())};
}

Words IrqDisable(const Event&) {
  return {.text = "masks its interrupts", .many = "mask their interrupts"};
}

Words IrqEnable(const Event&) { return {.text = "unmasks", .many = "unmask"}; }

// ---- Calls and doorbells.

Words CsdRefused(const Event& event) {
  return {
      absl::StrCat(CallOfActor(event), " is refused: errno ", event.value())};
}

Words CsdLost(const Event& event) {
  return {
      .text = absl::StrCat(CallOfActor(event), " is lost: ", event.detail()),
      .alarm = true};
}

Words CsdLockStuck(const Event& event) {
  return {.text = absl::StrCat(Actor(event), " still waits for ", Target(event),
                               ": STUCK, says the watchdog"),
          .alarm = true};
}

Words CsdLockResend(const Event& event) {
  return {.text = absl::StrCat("the watchdog of ", Actor(event), " rings ",
                               Target(event)),
          .rings = true};
}

Words CsdLockUnstuck(const Event& event) {
  return {absl::StrCat(Actor(event), " has its answer from ", Target(event),
                       ": no longer stuck")};
}

Words CsdDropped(const Event& event) {
  return {.text = absl::StrCat("the reset throws away ", CallOfSource(event)),
          .alarm = true,
          .marks = LostAt(event.cpu())};
}

Words CsdReturned(const Event& event) {
  return {absl::StrCat(Actor(event), " has left, and refuses ",
                       CallOfSource(event))};
}

Words CsdFlushEntry(const Event& event) {
  const bool idle = event.detail() == "idle";
  return {.text = absl::StrCat(Actor(event),
                               idle ? "'s idle loop drains its queue: "
                                    : " drains its queue before it goes: ",
                               CountText(event.value(), "call")),
          .takes_queue = true};
}

Words HandlerEntry(const Event& event) {
  const bool late = event.detail() == "late";
  return {.text = absl::StrCat(Actor(event), " takes the interrupt",
                               late ? ", late, offline" : "", ": ",
                               CountText(event.value(), "call")),
          .alarm = late,
          .takes_queue = true};
}

Words IpiCleared(const Event& event) {
  return {.text = absl::StrCat("the reset clears the doorbell of CPU ",
                               event.src_cpu(), ": LOST"),
          .alarm = true,
          .marks = LostAt(event.cpu())};
}

Words Kick(const Event& event) {
  return {absl::StrCat("the operator rings ", Actor(event))};
}

// ---- Stoppers.

Words QueueWork(const Event& event) {
  return {absl::StrCat(
      Actor(event), "'s stopper is given a work of ", Stop(event),
      event.value2() == 0
          ? ""
          : absl::StrCat(", behind ", CountText(event.value2(), "other")))};
}

Words MultiCpuStop(const Event& event) {
  return {absl::StrCat(Actor(event), "'s stopper, for ", Stop(event), ": ",
                       event.detail())};
}

Words MultiCpuStopAbort(const Event& event) {
  return {
      .text = absl::StrCat(Actor(event), "'s stopper gives up ", Stop(event)),
      .alarm = true};
}

Words SignalDone(const Event& event) {
  return {.text = absl::StrCat(
              Actor(event), "'s stopper is not enabled: a work of ",
              Stop(event), " is completed without running: LOST"),
          .alarm = true,
          .marks = LostAt(event.cpu())};
}

Words StopperThread(const Event& event) {
  return {absl::StrCat(Actor(event), "'s stopper runs, and is enabled")};
}

Words StopTwoBegin(const Event& event) {
  return {absl::StrCat(StopTwo(event), " begins: CPUs ", event.about_cpu(),
                       " and ", event.value())};
}

Words StopTwoBackOff(const Event& event) {
  return {
      absl::StrCat(StopTwo(event), " backs off: stop_machine is on its way")};
}

Words StopTwoDone(const Event& event) {
  return {absl::StrCat(StopTwo(event), " ends", ErrnoOf(event))};
}

// ---- Interrupts of devices.

Words ApicSoftDisable(const Event& event) {
  return {absl::StrCat(Actor(event), " silences its interrupt controller")};
}

Words IrqRetrigger(const Event& event) {
  return {absl::StrCat("an I/O completion is pending at ", Actor(event),
                       ": retriggered, to be taken by a CPU that stays")};
}

Words IrqLost(const Event& event) {
  return {.text = absl::StrCat("an I/O completion for ", Target(event),
                               " comes to ", Actor(event),
                               ", whose controller is silent: LOST"),
          .alarm = true,
          .marks = LostAt(event.cpu())};
}

Words IrqRefused(const Event& event) {
  return {absl::StrCat("an I/O completion for ", Target(event),
                       " finds no room to wait at ", Actor(event),
                       ": refused")};
}

// ---- What tasks hold and owe.

Words TimerStart(const Event& event) {
  return {absl::StrCat("a timer is armed on ", Actor(event),
                       ": it lets the tasks of ", Target(event), " run again")};
}

Words TimerExpires(const Event& event) {
  return {absl::StrCat("the timer on ", Actor(event),
                       " expires: ", Target(event), "'s tasks may run again")};
}

Words TimersMove(const Event& event) {
  return {absl::StrCat(CountText(event.value(), "timer"),
                       " of the CPU that goes: moved to ", Actor(event))};
}

Words Throttle(const Event& event) {
  return {.text = absl::StrCat("the tasks of ", Actor(event),
                               " have used up their bandwidth: throttled"),
          .alarm = true};
}

Words Unthrottle(const Event& event) {
  return {absl::StrCat("the tasks of ", Actor(event), " run again")};
}

Words ReadLock(const Event& event) {
  return {absl::StrCat("a task of ", Actor(event),
                       " holds the hotplug lock for reading")};
}

Words ReadUnlock(const Event& event) {
  return {absl::StrCat("a task of ", Actor(event),
                       " has let go of the hotplug lock")};
}

Words WriteLock(const Event& event) {
  if (event.detail() == "looks") {
    return {absl::StrCat("the operation finds ",
                         CountText(event.value(), "reader"),
                         " of the hotplug lock")};
  }
  return {event.detail() == "sleeps"
              ? "the operation sleeps until a reader wakes it"
              : "the operation has the hotplug lock"};
}

Words PutsPending(const Event& event) {
  return {.text = absl::StrCat("the reader on ", Target(event),
                               " lets go of the hotplug lock, is noted as "
                               "pending, and wakes nobody"),
          .alarm = true,
          .marks = {{}, {event.about_cpu(), Sign::kLost}}};
}

Words LastReport(const Event& event) {
  return {absl::StrCat(Actor(event), " makes its last report")};
}

Words PowerOff(const Event& event) {
  return {.text = absl::StrCat(Actor(event),
                               " is switched off and owes its last report: "
                               "no grace period ends any more"),
          .alarm = true,
          .marks = LostAt(event.cpu())};
}

const Table& All() {
  static const auto* const kAll = new Table{
      {"apic_soft_disable", ApicSoftDisable},
      {"call_function_single_entry", HandlerEntry},
      {"cpu_crashed", CpuCrashed},
      {"cpu_hotplug_begin", WriteLock},
      {"cpu_stop_queue_work", QueueWork},
      {"cpu_stop_signal_done", SignalDone},
      {"cpu_stopper_thread", StopperThread},
      {"cpus_read_lock", ReadLock},
      {"cpus_read_unlock", ReadUnlock},
      {"csd_dropped", CsdDropped},
      {"csd_flush_entry", CsdFlushEntry},
      {"csd_lock_resend", CsdLockResend},
      {"csd_lock_stuck", CsdLockStuck},
      {"csd_lock_unstuck", CsdLockUnstuck},
      {"csd_lost", CsdLost},
      {"csd_refused", CsdRefused},
      {"csd_returned", CsdReturned},
      {"hrtimer_expire_entry", TimerExpires},
      {"hrtimer_start", TimerStart},
      {"ipi_cleared", IpiCleared},
      {"irq_lost", IrqLost},
      {"irq_refused", IrqRefused},
      {"irq_retrigger", IrqRetrigger},
      {"kick", Kick},
      {"local_irq_disable", IrqDisable},
      {"local_irq_enable", IrqEnable},
      {"migrate_hrtimers", TimersMove},
      {"multi_cpu_stop", MultiCpuStop},
      {"multi_cpu_stop_abort", MultiCpuStopAbort},
      {"op_begin", OpBegin},
      {"op_end", OpEnd},
      {"power_off", PowerOff},
      {"puts_pending", PutsPending},
      {"rcu_report_dead", LastReport},
      {"stop_abort", StopAbort},
      {"stop_publish", StopPublish},
      {"stop_two_back_off", StopTwoBackOff},
      {"stop_two_cpus", StopTwoBegin},
      {"stop_two_done", StopTwoDone},
      {"throttle_cfs_rq", Throttle},
      {"unthrottle_cfs_rq", Unthrottle},
  };
  return *kAll;
}

}  // namespace

bool HasWords(const v1::TraceEvent& event) {
  return All().contains(event.name());
}

Words WordsOf(const v1::TraceEvent& event) {
  return All().at(event.name())(event);
}

std::string Actor(const v1::TraceEvent& event) {
  return absl::StrCat("CPU ", event.cpu());
}

std::string Target(const v1::TraceEvent& event) {
  return absl::StrCat("CPU ", event.about_cpu());
}

}  // namespace belfry::trace
