#include "trace/ftrace_text.h"

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "trace/time_text.h"

namespace belfry::trace {
namespace {

// What an event of ours prints, in this order; an empty name prints nothing.
struct Fields {
  absl::string_view event;
  bool about = false;
  bool function = false;
  bool csd = false;
  absl::string_view value;
  absl::string_view value2;
  absl::string_view detail;
};

constexpr std::array kOwnEvents = {
    Fields{"csd_refused", true, true, true, "ret", "", ""},
    Fields{"csd_lost", true, true, true, "", "", "reason"},
    Fields{"csd_done", true, true, true, "ret", "", ""},
    Fields{"ipi_suppressed", true, false, true, "", "", ""},
    Fields{"csd_lock_stuck", true, true, true, "", "", ""},
    Fields{"csd_lock_resend", true, true, true, "", "", ""},
    Fields{"csd_lock_unstuck", true, true, true, "", "", ""},
    Fields{"csd_enqueued", false, true, true, "depth", "was_empty", ""},
    Fields{"csd_dropped", false, true, true, "", "", ""},
    Fields{"csd_duplicate", false, true, true, "", "", ""},
    Fields{"ipi_latched", false, false, true, "", "", ""},
    Fields{"ipi_coalesced", false, false, true, "", "", ""},
    Fields{"ipi_cleared", false, false, true, "", "", ""},
    Fields{"csd_flush_entry", false, false, false, "calls", "", "phase"},
    Fields{"csd_flush_exit", false, false, false, "", "", "phase"},
    Fields{"kick", false, false, false, "", "", ""},
    Fields{"device_irq", true, false, false, "", "", ""},
    Fields{"local_irq_disable", false, false, false, "", "", "reason"},
    Fields{"local_irq_enable", false, false, false, "", "", "reason"},
    Fields{"cpu_life", false, false, false, "", "", "state"},
    Fields{"set_view", false, false, false, "number", "", "online"},
    Fields{"stop_state", false, false, false, "generation", "", "state"},
    Fields{"stop_ack", false, false, false, "generation", "", "state"},
    Fields{"stop_abort", false, false, false, "generation", "", "state"},
    Fields{"stop_publish", false, false, false, "generation", "", "state"},
    Fields{"op_begin", true, false, false, "op", "", "kind"},
    Fields{"op_end", true, false, false, "op", "ret", ""},
    Fields{"cpu_crashed", true, false, false, "incarnation", "", ""},
};

// The kernel prints an address. Ours names the call and reads back: the source
// CPU in the upper 16 bits, its number below.
std::string CsdText(const v1::TraceEvent& event) {
  return absl::StrFormat("%04x%012x", event.src_cpu(), event.seq());
}

std::string OwnFields(const v1::TraceEvent& event) {
  // An event that the table does not know shows everything it has.
  Fields fields{"", true, true, true, "value", "value2", "detail"};
  for (const Fields& candidate : kOwnEvents) {
    if (candidate.event == event.name()) fields = candidate;
  }
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

// The kernel's own formats, from the `print` lines of its event files.
std::string FieldText(const v1::TraceEvent& event) {
  const std::string& name = event.name();
  if (name == "csd_queue_cpu") {
    return absl::StrFormat("cpu=%u callsite=generic_exec_single func=%s csd=%s",
                           event.about_cpu(), event.function(), CsdText(event));
  }
  if (name == "ipi_send_cpu") {
    return absl::StrFormat(
        "cpu=%u callsite=generic_exec_single "
        "callback=generic_smp_call_function_single_interrupt",
        event.about_cpu());
  }
  if (name == "csd_function_entry" || name == "csd_function_exit") {
    return absl::StrFormat("func=%s, csd=%s", event.function(), CsdText(event));
  }
  if (name == "call_function_single_entry" ||
      name == "call_function_single_exit") {
    return "vector=251";
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
  return OwnFields(event);
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

std::string FlagText(const v1::TraceEvent& event) {
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

}  // namespace

std::string FtraceLine(const v1::TraceEvent& event,
                       const FtraceOptions& options) {
  const std::int64_t us = Micros(event.time()) - options.start_us;
  const std::string fields = FieldText(event);
  return absl::StrFormat("%16s       [%03u] %s %5d.%06d: %s:%s%s\n",
                         TaskText(event),
                         event.has_cpu() ? event.cpu() : options.cpus,
                         FlagText(event), us / 1'000'000, us % 1'000'000,
                         event.name(), fields.empty() ? "" : " ", fields);
}

std::string FtraceText(const std::vector<v1::TraceEvent>& events,
                       const FtraceOptions& options) {
  FtraceOptions counted = options;
  if (!events.empty() && counted.start_us == 0) {
    // The first in causal order need not be the first by the clock.
    counted.start_us = Micros(events.front().time());
    for (const v1::TraceEvent& event : events) {
      counted.start_us = std::min(counted.start_us, Micros(event.time()));
    }
  }
  std::string text = absl::StrFormat(
      "# tracer: nop\n#\n# entries-in-buffer/entries-written: %d/%d   #P:%u\n"
      "# CPU %03u is the coordinator\n#\n%s",
      events.size(), events.size() + options.overwritten, options.cpus,
      options.cpus, kColumns);
  for (const v1::TraceEvent& event : events) {
    absl::StrAppend(&text, FtraceLine(event, counted));
  }
  return text;
}

}  // namespace belfry::trace
