#include "trace/endless.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "kernel/functions.h"

namespace belfry::trace {
namespace {

// The CPU that the operation is about, where it is about one.
const CpuView* Victim(const MachineView& view) {
  std::uint32_t cpu = 0;
  if (!absl::SimpleAtoi(view.cluster.current().cpus(), &cpu)) return nullptr;
  const CpuView* victim = FindCpu(view, cpu);
  return victim != nullptr && victim->snapshot ? victim : nullptr;
}

std::optional<EndlessWait> GracePeriod(const MachineView& view) {
  const CpuView* victim = Victim(view);
  const bool switched_off = victim != nullptr &&
                            victim->snapshot->life() == "DEAD" &&
                            victim->snapshot->report_owed();
  if (!switched_off || view.cluster.awaits() != "grace_period") {
    return std::nullopt;
  }
  const std::uint32_t cpu = victim->info.cpu();
  return EndlessWait{
      .frames = {"takedown_cpu", "synchronize_rcu"},
      .causes = {absl::StrCat("It waits for a grace period, which counts CPU ",
                              cpu, " until that has made its last report."),
                 absl::StrCat("CPU ", cpu,
                              " had announced its death before, and was "
                              "switched off when the announcement came: it "
                              "will never report.")},
      .remedy = absl::StrCat("start the process of CPU ", cpu, " again")};
}

bool IsArmedFor(const CpuView& cpu, std::uint32_t wakes) {
  const auto& timers = cpu.snapshot->timers();
  return std::find(timers.begin(), timers.end(), wakes) != timers.end();
}

bool CallsToUnthrottle(const CpuView& cpu, std::uint32_t target) {
  const auto& calls = cpu.snapshot->outgoing();
  return std::any_of(
      calls.begin(), calls.end(), [&](const v1::OutgoingCall& call) {
        return call.cpu() == target &&
               call.function() ==
                   kernel::kBuiltinFunctions[kernel::kUnthrottle.value];
      });
}

std::optional<EndlessWait> ThrottledTask(const MachineView& view) {
  const std::uint32_t control = view.cluster.current().control_cpu();
  const CpuView* walker = FindCpu(view, control);
  if (walker == nullptr || !walker->snapshot ||
      !walker->snapshot->throttled() || view.cluster.awaits() != "walk") {
    return std::nullopt;
  }
  std::string timer = "No timer is armed that would let it run again.";
  for (const CpuView& cpu : view.cpus) {
    if (!cpu.snapshot) continue;
    const bool armed = IsArmedFor(cpu, control);
    const bool dead = cpu.snapshot->life() == "DEAD";
    if ((armed && !dead) || CallsToUnthrottle(cpu, control)) {
      return std::nullopt;
    }
    if (armed) {
      timer = absl::StrCat("The timer that would let it run again is on CPU ",
                           cpu.info.cpu(),
                           ", which is dead and takes no interrupt; it is "
                           "moved by one of the steps that the task has yet to "
                           "run.");
    }
  }
  return EndlessWait{
      .frames = {"cpuhp_invoke_callback", "throttle_cfs_rq"},
      .causes = {absl::StrCat("The task on CPU ", control,
                              " that runs its control steps has used up its "
                              "bandwidth, and is throttled."),
                 timer},
      .remedy = "another profile: control_cpu=worker or timer_migration=dying"};
}

std::optional<EndlessWait> LostWakeup(const MachineView& view) {
  const v1::HotplugLock& lock = view.cluster.hotplug_lock();
  const bool gone =
      lock.puts_pending() > 0 && lock.readers() == lock.puts_pending();
  if (!gone || !lock.writer_sleeps()) return std::nullopt;
  return EndlessWait{
      .frames = {"cpu_hotplug_begin", "schedule"},
      .causes =
          {"It sleeps until the last reader of the hotplug lock wakes it.",
           "The last reader let go when it was about to sleep, was noted "
           "as pending, and woke nobody. No reader is left that could."},
      .remedy =
          absl::StrCat("belfry ops cancel ", view.cluster.current().id())};
}

std::string CallOf(const v1::Operation& operation) {
  switch (operation.kind()) {
    case v1::Operation::KIND_ONLINE:
      return "cpu_up";
    case v1::Operation::KIND_OFFLINE:
      return "cpu_down";
    default:
      return "stop_machine";
  }
}

}  // namespace

std::optional<EndlessWait> FindEndlessWait(const MachineView& view) {
  if (!view.cluster.has_current() || view.cluster.current().done()) {
    return std::nullopt;
  }
  std::optional<EndlessWait> wait = GracePeriod(view);
  if (!wait) wait = ThrottledTask(view);
  if (!wait) wait = LostWakeup(view);
  if (!wait) return std::nullopt;
  wait->cpu = view.cluster.current().control_cpu();
  wait->frames.insert(wait->frames.begin(), CallOf(view.cluster.current()));
  return wait;
}

}  // namespace belfry::trace
