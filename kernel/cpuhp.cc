#include "kernel/cpuhp.h"

#include <array>
#include <cstddef>

namespace belfry::kernel {
namespace {

using enum StepAction;

// The notifier chain of Linux 3.0: UP_PREPARE and DEAD are the startup and the
// teardown of a PREPARE step, ONLINE and DOWN_PREPARE those of an ONLINE step
// (all on the CPU that asked), STARTING and DYING those of a STARTING step.
constexpr std::array kNotifiers = {
    CpuhpStep{0, "offline", Section::kPrepare, kNone, kNone},
    CpuhpStep{1, "hotplug_cfd:prepare", Section::kPrepare, kCallback,
              kCallback},
    CpuhpStep{2, "workqueue:prepare", Section::kPrepare, kCallback, kCallback},
    CpuhpStep{3, "block:dead", Section::kPrepare, kNone, kCallback},
    CpuhpStep{4, "cpu:bringup", Section::kBringup, kCallback, kCallback},
    CpuhpStep{5, "sched:starting", Section::kStarting, kCallback, kCallback},
    CpuhpStep{6, "smpcfd:dying", Section::kStarting, kNone, kFlushQueue},
    CpuhpStep{7, "cpu:teardown", Section::kTeardown, kNone, kCallback},
    CpuhpStep{8, "sched:active", Section::kOnlineControl, kCallback, kCallback},
    CpuhpStep{9, "calls:online", Section::kOnlineControl, kCallTarget,
              kCallback},
    CpuhpStep{10, "online", Section::kOnlineControl, kNone, kNone},
};

// Belfry's own, as short as it can be and still have every section.
constexpr std::array kBelfry = {
    CpuhpStep{0, "offline", Section::kPrepare, kNone, kNone},
    CpuhpStep{1, "calls:prepare", Section::kPrepare, kCallback, kCallback},
    CpuhpStep{2, "cpu:bringup", Section::kBringup, kCallback, kCallback},
    CpuhpStep{3, "smpcfd:dying", Section::kStarting, kNone, kFlushQueue},
    CpuhpStep{4, "cpu:teardown", Section::kTeardown, kNone, kCallback},
    CpuhpStep{5, "tasks:online", Section::kOnlineAp, kCallback, kCallback},
    CpuhpStep{6, "calls:online", Section::kOnlineControl, kCallTarget,
              kCallback},
    CpuhpStep{7, "online", Section::kOnlineControl, kNone, kNone},
};

// hotplug/states of Linux 6.12 on x86, as Debian's cloud kernel has it with
// four CPUs: the steps and instances that its modules registered are part of
// the table. What a recording cannot show (STARTING and DYING run on a CPU that
// is not online, where tracepoints are silent; 25 and 34 had no instance) is
// from the kernel's source. Step 85 only kicks the CPU in the kernel; here the
// kick goes with the wait for it, in 86.
constexpr std::array kCpuhp612 = {
    CpuhpStep{0, "offline", Section::kPrepare, kNone, kNone},
    CpuhpStep{1, "threads:prepare", Section::kPrepare, kCallback, kNone},
    CpuhpStep{2, "perf:prepare", Section::kPrepare, kCallback, kCallback},
    CpuhpStep{8, "x86/mce:dead", Section::kPrepare, kNone, kCallback},
    CpuhpStep{11, "slub:dead", Section::kPrepare, kNone, kCallback},
    CpuhpStep{13, "mm/writeback:dead", Section::kPrepare, kNone, kCallback},
    CpuhpStep{14, "mm/vmstat:dead", Section::kPrepare, kNone, kCallback},
    CpuhpStep{15, "softirq:dead", Section::kPrepare, kNone, kCallback},
    CpuhpStep{20, "irq_poll:dead", Section::kPrepare, kNone, kCallback},
    CpuhpStep{21, "block/softirq:dead", Section::kPrepare, kNone, kCallback},
    CpuhpStep{22, "block/bio:dead", Section::kPrepare, kNone, kCallback, 2},
    CpuhpStep{23, "acpi/cpu-drv:dead", Section::kPrepare, kNone, kCallback},
    CpuhpStep{25, "block/mq:dead", Section::kPrepare, kNone, kCallback, 0},
    CpuhpStep{26, "fs/buffer:dead", Section::kPrepare, kNone, kCallback},
    CpuhpStep{27, "printk:dead", Section::kPrepare, kNone, kCallback},
    CpuhpStep{28, "mm/memctrl:dead", Section::kPrepare, kNone, kCallback},
    CpuhpStep{29, "lib/percpu_cnt:dead", Section::kPrepare, kNone, kCallback},
    CpuhpStep{30, "lib/radix:dead", Section::kPrepare, kNone, kCallback},
    CpuhpStep{31, "mm/page_alloc:pcp", Section::kPrepare, kCallback, kCallback},
    CpuhpStep{32, "net/dev:dead", Section::kPrepare, kNone, kCallback},
    CpuhpStep{34, "iommu/iova:dead", Section::kPrepare, kNone, kCallback, 0},
    CpuhpStep{37, "random:prepare", Section::kPrepare, kCallback, kNone},
    CpuhpStep{38, "workqueue:prepare", Section::kPrepare, kCallback, kNone},
    CpuhpStep{40, "hrtimers:prepare", Section::kPrepare, kCallback, kNone},
    CpuhpStep{42, "smpcfd:prepare", Section::kPrepare, kCallback, kCallback},
    CpuhpStep{43, "relay:prepare", Section::kPrepare, kCallback, kNone},
    CpuhpStep{45, "RCU/tree:prepare", Section::kPrepare, kCallback, kCallback},
    CpuhpStep{53, "base/topology:prepare", Section::kPrepare, kCallback,
              kCallback},
    CpuhpStep{56, "trace/RB:prepare", Section::kPrepare, kCallback, kNone, 3},
    CpuhpStep{61, "timers:prepare", Section::kPrepare, kCallback, kCallback},
    CpuhpStep{62, "tmigr:prepare", Section::kPrepare, kCallback, kNone},
    CpuhpStep{64, "fork:vm_stack_cache", Section::kPrepare, kNone, kCallback},
    CpuhpStep{65, "crash/cpuhp", Section::kPrepare, kCallback, kCallback},
    CpuhpStep{85, "cpu:kick_ap", Section::kPrepare, kCallback, kNone},
    CpuhpStep{86, "cpu:bringup", Section::kBringup, kCallback, kCallback},
    CpuhpStep{87, "idle:dead", Section::kStarting, kNone, kNone},
    CpuhpStep{88, "ap:offline", Section::kStarting, kNone, kNone},
    CpuhpStep{89, "x86/cachectrl:starting", Section::kStarting, kCallback,
              kCallback},
    CpuhpStep{90, "sched:starting", Section::kStarting, kCallback, kCallback},
    CpuhpStep{91, "RCU/tree:dying", Section::kStarting, kNone, kCallback},
    CpuhpStep{139, "smpcfd:dying", Section::kStarting, kNone, kFlushQueue},
    CpuhpStep{140, "hrtimers:dying", Section::kStarting, kCallback, kCallback},
    CpuhpStep{141, "tick:dying", Section::kStarting, kNone, kCallback},
    CpuhpStep{144, "ap:online", Section::kStarting, kNone, kNone},
    CpuhpStep{145, "cpu:teardown", Section::kTeardown, kNone, kCallback},
    CpuhpStep{149, "sched:waitempty", Section::kOnlineAp, kNone, kCallback},
    CpuhpStep{150, "smpboot/threads:online", Section::kOnlineAp, kCallback,
              kCallback},
    CpuhpStep{151, "irq/affinity:online", Section::kOnlineAp, kCallback, kNone},
    CpuhpStep{152, "block/mq:online", Section::kOnlineAp, kCallback, kCallback,
              0},
    CpuhpStep{155, "perf:online", Section::kOnlineAp, kCallback, kCallback},
    CpuhpStep{186, "tmigr:online", Section::kOnlineAp, kCallback, kCallback},
    CpuhpStep{187, "lockup_detector:online", Section::kOnlineAp, kCallback,
              kCallback},
    CpuhpStep{188, "workqueue:online", Section::kOnlineAp, kCallback,
              kCallback},
    CpuhpStep{189, "random:online", Section::kOnlineAp, kCallback, kNone},
    CpuhpStep{190, "RCU/tree:online", Section::kOnlineAp, kCallback, kCallback},
    CpuhpStep{191, "base/cacheinfo:online", Section::kOnlineAp, kCallback,
              kCallback},
    CpuhpStep{192, "mm/writeback:online", Section::kOnlineAp, kCallback, kNone},
    CpuhpStep{193, "mm/vmstat:online", Section::kOnlineAp, kCallback,
              kCallback},
    CpuhpStep{194, "padata:online", Section::kOnlineAp, kCallback, kCallback,
              0},
    CpuhpStep{195, "mm/compaction:online", Section::kOnlineAp, kCallback,
              kNone},
    CpuhpStep{196, "io-wq/online", Section::kOnlineAp, kCallback, kCallback, 0},
    CpuhpStep{197, "lib/percpu_cnt:online", Section::kOnlineAp, kCallback,
              kNone},
    CpuhpStep{198, "leds/trigger:starting", Section::kOnlineAp, kCallback,
              kCallback},
    CpuhpStep{199, "acpi/cpu-drv:online", Section::kOnlineAp, kCallback, kNone},
    CpuhpStep{200, "x86/mce:online", Section::kOnlineAp, kCallback, kCallback},
    CpuhpStep{201, "printk:online", Section::kOnlineAp, kCallback, kNone},
    CpuhpStep{235, "sched:active", Section::kOnlineAp, kCallback, kCallback},
    CpuhpStep{236, "online", Section::kOnlineAp, kNone, kNone},
};

template <std::size_t N>
constexpr bool Ascending(const std::array<CpuhpStep, N>& steps) {
  for (std::size_t i = 1; i < N; ++i) {
    if (steps[i].state <= steps[i - 1].state) return false;
  }
  return true;
}

// PREPARE, one bring-up, STARTING, one teardown, ONLINE: in this order.
template <std::size_t N>
constexpr bool SectionsInOrder(const std::array<CpuhpStep, N>& steps) {
  int bringups = 0;
  int teardowns = 0;
  int rank = 0;
  for (const CpuhpStep& step : steps) {
    int now = static_cast<int>(step.section);
    if (step.section == Section::kOnlineControl) now = 4;
    if (step.section == Section::kBringup) ++bringups;
    if (step.section == Section::kTeardown) ++teardowns;
    if (now < rank) return false;
    rank = now;
  }
  return bringups == 1 && teardowns == 1;
}

static_assert(Ascending(kNotifiers) && SectionsInOrder(kNotifiers));
static_assert(Ascending(kBelfry) && SectionsInOrder(kBelfry));
static_assert(Ascending(kCpuhp612) && SectionsInOrder(kCpuhp612));

bool HasCallback(const CpuhpStep& step) {
  return step.startup != kNone || step.teardown != kNone;
}

}  // namespace

std::span<const CpuhpStep> CpuhpSteps(Steps table) {
  switch (table) {
    case Steps::kNotifiers:
      return kNotifiers;
    case Steps::kCpuhp612:
      return kCpuhp612;
    case Steps::kBelfry:
      return kBelfry;
  }
  return {};
}

// The short tables have no number to spare for them: a dead CPU stands at
// bring-up, one that is up and idle at teardown.
CpuhpTable::Landmarks CpuhpTable::landmarks() const {
  if (table_ == Steps::kCpuhp612) return {87, 146, true};
  return {bringup(), teardown(), false};
}

const CpuhpStep* CpuhpTable::Find(CpuhpState state) const {
  for (const CpuhpStep& step : steps()) {
    if (step.state == state) return &step;
  }
  return nullptr;
}

const CpuhpStep* CpuhpTable::FindByName(absl::string_view name) const {
  for (const CpuhpStep& step : steps()) {
    if (step.name == name) return &step;
  }
  return nullptr;
}

const CpuhpStep* CpuhpTable::Next(CpuhpState from, CpuhpState to) const {
  if (from < to) {
    for (const CpuhpStep& step : steps()) {
      if (step.state <= from || step.startup == kNone) continue;
      return step.state <= to ? &step : nullptr;
    }
    return nullptr;
  }
  const CpuhpStep* found = nullptr;
  for (const CpuhpStep& step : steps()) {
    if (step.state > from) break;
    if (step.state > to && step.teardown != kNone) found = &step;
  }
  return found;
}

absl::string_view CpuhpTable::WhyCannotFail(CpuhpState step,
                                            CpuhpState state) const {
  const CpuhpStep* row = Find(step);
  if (row == nullptr) return "there is no such step";
  if (!HasCallback(*row)) return "it has no callback";
  if (row->section == Section::kStarting) {
    return "it runs with interrupts masked and must not fail";
  }
  if (step <= bringup() && state > bringup()) {
    return "its teardown must not fail, and the CPU is up";
  }
  return "";
}

Errno CpuhpTable::CheckFail(CpuhpState step, CpuhpState state) const {
  if (step == kCpuhpInvalid) return Errno::kOk;
  return WhyCannotFail(step, state).empty() ? Errno::kOk : Errno::kEinval;
}

CpuhpState CpuhpTable::OnlyStateOf(Section section) const {
  for (const CpuhpStep& step : steps()) {
    if (step.section == section) return step.state;
  }
  return kCpuhpInvalid;
}

}  // namespace belfry::kernel
