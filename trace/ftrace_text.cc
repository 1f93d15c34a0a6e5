#include "trace/ftrace_text.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "trace/ftrace_fields.h"
#include "trace/time_text.h"

namespace belfry::trace {
namespace {

// Only a kernel's recording names tasks.
bool IsOfKernel(const v1::TraceEvent& event) { return !event.task().empty(); }

// The kernel prints an address. Ours names the call and reads back: the source
// CPU in the upper 16 bits, its number below.
std::string CsdText(const v1::TraceEvent& event) {
  if (IsOfKernel(event)) return absl::StrFormat("%016x", event.seq());
  return absl::StrFormat("%04x%012x", event.src_cpu(), event.seq());
}

std::string OwnFields(const v1::TraceEvent& event) {
  const FtraceFields& fields = FieldsOf(event.name());
  std::string text;
  const auto add = [&text](absl::string_view key, const auto& value) {
    absl::StrAppend(&text, text.empty() ? "" : " ", key, "=", value);
  };
  if (fields.about && event.has_about_cpu()) add("cpu", event.about_cpu());
  if (fields.function && !event.function().empty()) {
    add("func", event.function());
  }
  if (fields.csd && event.has_src_cpu()) add("csd", CsdText(event));
  if (!fields.value.empty()) add(fields.value, event.value());
  if (!fields.value2.empty()) add(fields.value2, event.value2());
  if (!fields.detail.empty() && !event.detail().empty()) {
    add(fields.detail, event.detail());
  }
  return text;
}

std::string CallsiteText(const v1::TraceEvent& event) {
  return event.callsite().empty() ? "generic_exec_single" : event.callsite();
}

std::string CallbackText(const v1::TraceEvent& event) {
  return event.callback().empty() ? "generic_smp_call_function_single_interrupt"
                                  : event.callback();
}

// The task that a kernel would have run the event in. No pids: they are not in
// our events.
std::string TaskText(const v1::TraceEvent& event) {
  if (!event.has_cpu()) return "coordinator-0";
  if (absl::StartsWith(event.name(), "stop_")) {
    return absl::StrCat("migration/", event.cpu(), "-0");
  }
  if (absl::StartsWith(event.name(), "cpuhp_")) {
    return absl::StrCat("cpuhp/", event.cpu(), "-0");
  }
  return "<idle>-0";
}

// "            init-1       ": the name to the right, the pid to the left.
std::string TaskColumn(const v1::TraceEvent& event) {
  if (!IsOfKernel(event)) return absl::StrFormat("%16s      ", TaskText(event));
  const std::size_t dash = event.task().rfind('-');
  return absl::StrFormat("%16s-%-7s", event.task().substr(0, dash),
                         event.task().substr(dash + 1));
}

std::string FlagText(const v1::TraceEvent& event) {
  if (IsOfKernel(event)) return event.flags();
  const bool hardirq = event.name() == "device_irq" ||
                       absl::StartsWith(event.name(), "call_function_") ||
                       event.detail() == "doorbell" || event.detail() == "late";
  return absl::StrCat(event.irqs_masked() ? "d" : ".", ".", hardirq ? "h" : ".",
                      "..");
}

constexpr absl::string_view kColumns =
    "#                                _-----=> irqs-off/BH-disabled\n"
    "#                               / _----=> need-resched\n"
    "#                              | / _---=> hardirq/softirq\n"
    "#                              || / _--=> preempt-depth\n"
    "#                              ||| / _-=> migrate-disable\n"
    "#                              |||| /     delay\n"
    "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
    "#              | |         |   |||||     |         |\n";

// enum of include/linux/interrupt.h.
constexpr int kBlockSoftirq = 4;

bool IsSoftirq(const std::string& name) {
  return name == "softirq_raise" || name == "softirq_entry" ||
         name == "softirq_exit";
}

}  // namespace

// The kernel's own formats, from the `print` lines of its event files.
std::string FtraceFieldText(const v1::TraceEvent& event) {
  const std::string& name = event.name();
  if (name == "csd_queue_cpu") {
    return absl::StrFormat("cpu=%u callsite=%s func=%s csd=%s",
                           event.about_cpu(), CallsiteText(event),
                           event.function(), CsdText(event));
  }
  if (name == "ipi_send_cpu") {
    return absl::StrFormat("cpu=%u callsite=%s callback=%s", event.about_cpu(),
                           CallsiteText(event), CallbackText(event));
  }
  if (name == "csd_function_entry" || name == "csd_function_exit") {
    return absl::StrFormat("func=%s, csd=%s", event.function(), CsdText(event));
  }
  if (name == "call_function_single_entry" ||
      name == "call_function_single_exit") {
    return absl::StrCat("vector=", IsOfKernel(event) ? event.value() : 251);
  }
  if (IsSoftirq(name) && !IsOfKernel(event)) {
    return absl::StrFormat("vec=%d [action=%s]", kBlockSoftirq, event.detail());
  }
  if (name == "cpuhp_enter" || name == "cpuhp_multi_enter") {
    return absl::StrFormat("cpu: %04u target: %3d step: %3d (%s)",
                           event.about_cpu(), event.value2(), event.value(),
                           event.detail());
  }
  if (name == "cpuhp_exit") {
    return absl::StrFormat(" cpu: %04u  state: %3d step: %3d ret: %d",
                           event.about_cpu(), event.state(), event.value(),
                           event.value2());
  }
  return IsOfKernel(event) ? event.detail() : OwnFields(event);
}

std::string FtraceLine(const v1::TraceEvent& event,
                       const FtraceOptions& options) {
  const std::int64_t us = Micros(event.time()) - options.start_us;
  const std::string fields = FtraceFieldText(event);
  return absl::StrFormat("%s [%03u] %s %5d.%06d: %s:%s%s\n", TaskColumn(event),
                         event.has_cpu() ? event.cpu() : options.cpus,
                         FlagText(event), us / 1'000'000, us % 1'000'000,
                         event.name(), fields.empty() ? "" : " ", fields);
}

std::string FtraceText(const std::vector<v1::TraceEvent>& events,
                       const FtraceOptions& options) {
  FtraceOptions counted = options;
  // A kernel's times are those of its own clock.
  if (!events.empty() && !IsOfKernel(events.front()) && counted.start_us == 0) {
    // The first in causal order need not be the first by the clock.
    counted.start_us = Micros(events.front().time());
    for (const v1::TraceEvent& event : events) {
      counted.start_us = std::min(counted.start_us, Micros(event.time()));
    }
  }
  std::string text = absl::StrFormat(
      "# tracer: nop\n#\n# entries-in-buffer/entries-written: %d/%d   #P:%u\n",
      events.size(), events.size() + options.overwritten, options.cpus);
  if (events.empty() || !IsOfKernel(events.front())) {
    absl::StrAppendFormat(&text, "# CPU %03u is the coordinator\n",
                          options.cpus);
  }
  absl::StrAppend(&text, "#\n", kColumns);
  for (const v1::TraceEvent& event : events) {
    absl::StrAppend(&text, FtraceLine(event, counted));
  }
  return text;
}

}  // namespace belfry::trace
