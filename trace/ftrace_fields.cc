#include "trace/ftrace_fields.h"

#include <array>

namespace belfry::trace {
namespace {

constexpr std::array kOwnEvents = {
    FtraceFields{"csd_refused", true, true, true, "ret", "", ""},
    FtraceFields{"csd_lost", true, true, true, "", "", "reason"},
    FtraceFields{"csd_done", true, true, true, "ret", "", ""},
    FtraceFields{"ipi_suppressed", true, false, true, "", "", ""},
    FtraceFields{"csd_lock_stuck", true, true, true, "", "", ""},
    FtraceFields{"csd_lock_resend", true, true, true, "", "", ""},
    FtraceFields{"csd_lock_unstuck", true, true, true, "", "", ""},
    FtraceFields{"csd_enqueued", false, true, true, "depth", "was_empty", ""},
    FtraceFields{"csd_dropped", false, true, true, "", "", ""},
    FtraceFields{"csd_duplicate", false, true, true, "", "", ""},
    FtraceFields{"ipi_latched", false, false, true, "", "", ""},
    FtraceFields{"ipi_coalesced", false, false, true, "", "", ""},
    FtraceFields{"ipi_cleared", false, false, true, "", "", ""},
    FtraceFields{"sched_wake_idle_without_ipi", false, false, true, "", "", ""},
    FtraceFields{"softirq_raise", false, false, false, "", "", "action"},
    FtraceFields{"softirq_entry", false, false, false, "", "", "action"},
    FtraceFields{"softirq_exit", false, false, false, "", "", "action"},
    FtraceFields{"csd_flush_entry", false, false, false, "calls", "", "phase"},
    FtraceFields{"csd_flush_exit", false, false, false, "", "", "phase"},
    FtraceFields{"kick", false, false, false, "", "", ""},
    FtraceFields{"device_irq", true, false, false, "", "", ""},
    FtraceFields{"local_irq_disable", false, false, false, "", "", "reason"},
    FtraceFields{"local_irq_enable", false, false, false, "", "", "reason"},
    FtraceFields{"cpu_life", false, false, false, "", "", "state"},
    FtraceFields{"set_view", false, false, false, "number", "", "online"},
    FtraceFields{"stop_state", false, false, false, "generation", "", "state"},
    FtraceFields{"stop_ack", false, false, false, "generation", "", "state"},
    FtraceFields{"stop_abort", false, false, false, "generation", "", "state"},
    FtraceFields{"stop_publish", false, false, false, "generation", "",
                 "state"},
    FtraceFields{"op_begin", true, false, false, "op", "", "kind"},
    FtraceFields{"op_end", true, false, false, "op", "ret", ""},
    FtraceFields{"cpu_crashed", true, false, false, "incarnation", "", ""},
};

constexpr FtraceFields kUnknown{"",      true,     true,    true,
                                "value", "value2", "detail"};

}  // namespace

const FtraceFields& FieldsOf(absl::string_view event) {
  for (const FtraceFields& fields : kOwnEvents) {
    if (fields.event == event) return fields;
  }
  return kUnknown;
}

}  // namespace belfry::trace
