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

bool HasCallback(const CpuhpStep& step) {
  return step.startup != kNone || step.teardown != kNone;
}

}  // namespace

std::span<const CpuhpStep> CpuhpSteps(Steps table) {
  return table == Steps::kNotifiers ? std::span<const CpuhpStep>(kNotifiers)
                                    : std::span<const CpuhpStep>(kBelfry);
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

CpuhpState CpuhpTable::Below(CpuhpState state) const {
  CpuhpState below = kCpuhpOffline;
  for (const CpuhpStep& step : steps()) {
    if (step.state < state) below = step.state;
  }
  return below;
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
