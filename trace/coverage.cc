#include "trace/coverage.h"

#include <algorithm>
#include <initializer_list>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "trace/report_text.h"

namespace belfry::trace {
namespace {

using Names = std::set<std::string>;

// Events of which one is enough, and what their absence leaves open.
struct Gap {
  std::initializer_list<absl::string_view> events;
  absl::string_view unsaid;
};

const Gap kGaps[] = {
    {{"csd_queue_cpu"},
     "what was queued, how deep the queues were and how long calls waited"},
    {{"csd_function_entry"}, "which calls ran, only that a drain took them"},
    {{"ipi_send_cpu", "ipi_send_cpumask", "ipi_raise"},
     "which doorbells were rung"},
    {{"call_function_single_entry", "call_function_entry", "ipi_entry"},
     "whether a doorbell was taken"},
    {{"cpuhp_enter", "cpuhp_multi_enter"},
     "which CPUs came and went; a call may wait on a CPU that is offline"},
};

// Only a kernel's machine has these.
const Gap kKernelGaps[] = {
    {{"sched_wake_idle_without_ipi"},
     "whether a call without a doorbell met a queue that was not empty, or a "
     "CPU that polled in the idle loop"},
    {{"irq_disable", "local_irq_disable"},
     "for how long a CPU kept its interrupts masked"},
    {{"sched_switch", "irq_handler_entry", "local_timer_entry"},
     "what a CPU did while it did not answer"},
};

void AddGap(const Names& names, const Gap& gap,
            std::vector<std::string>* unknown) {
  if (std::any_of(gap.events.begin(), gap.events.end(),
                  [&](absl::string_view event) {
                    return names.contains(std::string(event));
                  })) {
    return;
  }
  unknown->push_back(absl::StrCat("no ", absl::StrJoin(gap.events, ", no "),
                                  ": it cannot be said ", gap.unsaid));
}

void AddKernelGaps(const Names& names, Coverage* coverage) {
  for (const Gap& gap : kKernelGaps) AddGap(names, gap, &coverage->unknown);
  if (names.contains("cpuhp_enter")) {
    coverage->unknown.push_back(
        "tracepoints are silent on a CPU that is not online: what it queues or "
        "runs from takedown_cpu to its first ONLINE step does not show, its "
        "dying flush included");
  }
  coverage->unknown.push_back(
      "what was queued before the recording began shows only when it runs");
}

}  // namespace

Coverage CoverageOf(const v1::TraceReport& trace) {
  Names names;
  for (const v1::TraceEvent& event : trace.events()) names.insert(event.name());
  const auto any = [&](std::initializer_list<const char*> events) {
    return std::any_of(events.begin(), events.end(),
                       [&](const char* name) { return names.contains(name); });
  };
  const bool taken =
      any({"call_function_single_entry", "call_function_entry", "ipi_entry"});
  // A machine of ours records all of them: what is absent did not happen.
  const bool ours = trace.machine().kind() == v1::TraceMachine::KIND_BELFRY;
  Coverage coverage;
  coverage.calls = ours || (any({"csd_queue_cpu"}) &&
                            (any({"csd_function_entry"}) || taken));
  coverage.doorbells =
      ours || (any({"ipi_send_cpu", "ipi_send_cpumask", "ipi_raise"}) && taken);
  if (!ours) {
    for (const Gap& gap : kGaps) AddGap(names, gap, &coverage.unknown);
    AddKernelGaps(names, &coverage);
  }
  if (trace.overwritten() > 0) {
    coverage.unknown.push_back(absl::StrCat(
        CountText(trace.overwritten(), "event"),
        " overwritten: a call or doorbell may have ended among them"));
  }
  return coverage;
}

}  // namespace belfry::trace
