// CPU hotplug as a table of steps: up walks it upwards calling startups, down
// walks it downwards calling teardowns, and a step that fails sends the walk
// back by the same table. kernel/cpu.c (cpuhp_invoke_callback_range(),
// cpuhp_reset_state(), fail_store()), Linux 6.12; the notifiers of Linux 3.0
// are a row each.
#ifndef BELFRY_KERNEL_CPUHP_H_
#define BELFRY_KERNEL_CPUHP_H_

#include <cstdint>
#include <optional>
#include <span>

#include "absl/strings/string_view.h"
#include "kernel/errno.h"
#include "kernel/profile.h"

namespace belfry::kernel {

// A cpuhp state: the number of the last step that was brought up. A walk passes
// every number, also those that no step has: teardown of 190 leads to 189.
using CpuhpState = std::int32_t;
inline constexpr CpuhpState kCpuhpOffline = 0;
inline constexpr CpuhpState kCpuhpInvalid = -1;

// Where the teardown of `step` leads.
constexpr CpuhpState Below(CpuhpState step) { return step - 1; }

// Who runs a step, and whether it may fail.
enum class Section : std::uint8_t {
  // On the control CPU, while the target is down. A startup may fail.
  kPrepare,
  // The machinery that boots the CPU, or waits for its death.
  kBringup,
  // On the CPU itself with interrupts masked: on the way up before it is
  // online, on the way down inside stop_machine's RUN. Must not fail.
  kStarting,
  // The stop_machine that takes the CPU out.
  kTeardown,
  // On the CPU itself, in task context. May fail, both ways.
  kOnlineAp,
  // On the control CPU, while the target is up. May fail, both ways.
  kOnlineControl,
};

enum class StepAction : std::uint8_t {
  // No callback: the walk passes over it without a trace.
  kNone,
  // Book-keeping that the emulator needs nothing of.
  kCallback,
  // smp_call_function_single(target, wait=1) from the control CPU.
  kCallTarget,
  // Runs what is left in the dying CPU's queue, where offline_drain says so.
  kFlushQueue,
};

struct CpuhpStep {
  CpuhpState state;
  absl::string_view name;
  Section section;
  StepAction startup;
  StepAction teardown;
  // A multi-instance step's callback is called for each instance by itself
  // (cpuhp_setup_state_multi()); with none there is nothing to call, and the
  // step can be made to fail all the same.
  int instances = kSingle;

  static constexpr int kSingle = -1;
};

// Ascending by state; the first is state 0, "offline", the last "online".
std::span<const CpuhpStep> CpuhpSteps(Steps table);

// A CPU's place in the table. Copyable, no more than a number and a table.
class CpuhpTable {
 public:
  explicit CpuhpTable(Steps table) : table_(table) {}

  std::span<const CpuhpStep> steps() const { return CpuhpSteps(table_); }
  const CpuhpStep* Find(CpuhpState state) const;
  const CpuhpStep* FindByName(absl::string_view name) const;

  CpuhpState online() const { return steps().back().state; }
  CpuhpState bringup() const { return OnlyStateOf(Section::kBringup); }
  CpuhpState teardown() const { return OnlyStateOf(Section::kTeardown); }
  // Where a CPU stands that is dead and not yet cleaned up, and one that is
  // online and has yet to run the steps above teardown: CPUHP_AP_IDLE_DEAD and
  // CPUHP_AP_ONLINE_IDLE.
  CpuhpState dead() const { return landmarks().dead; }
  CpuhpState idle() const { return landmarks().idle; }
  // A thread of the CPU's own ("cpuhp/3") walks all the steps above teardown,
  // and the control side waits for it inside of a step: on the way up of
  // bring-up (cpuhp_bringup_ap()), on the way down of the one where the CPU
  // stood (cpuhp_kick_ap_work()).
  bool has_ap_thread() const { return landmarks().has_ap_thread; }

  // The next step to run on the way from `from` to `to`, passing over those
  // without a callback in that direction: upwards the lowest above `from`,
  // downwards `from` itself or the highest below it (its teardown leads to the
  // state beneath). Nothing when there is none left.
  const CpuhpStep* Next(CpuhpState from, CpuhpState to) const;

  // Why `step` cannot be made to fail while the CPU is in `state`, in words;
  // empty when it can. A step that does not exist or has no callback cannot,
  // nor one that must not fail (STARTING; PREPARE teardowns, that is all up to
  // bring-up while the CPU is above it). So of steps that can fail at all,
  // STARTING and DYING never do.
  absl::string_view WhyCannotFail(CpuhpState step, CpuhpState state) const;

  // What writing `step` to a CPU's `fail` file answers: kOk or, where there is
  // a reason, kEinval.
  Errno CheckFail(CpuhpState step, CpuhpState state) const;

 private:
  // States that are no step's own.
  struct Landmarks {
    CpuhpState dead;
    CpuhpState idle;
    bool has_ap_thread;
  };

  Landmarks landmarks() const;
  CpuhpState OnlyStateOf(Section section) const;

  Steps table_;
};

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_CPUHP_H_
