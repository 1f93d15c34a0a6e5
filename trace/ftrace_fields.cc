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
    FtraceFields{"csd_returned", false, true, true, "errno", "", ""},
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
    FtraceFields{"irq_retrigger", true, false, false, "", "", ""},
    FtraceFields{"irq_lost", true, false, false, "", "", ""},
    FtraceFields{"irq_refused", true, false, false, "errno", "", ""},
    FtraceFields{"apic_soft_disable", false, false, false, "", "", ""},
    FtraceFields{"hrtimer_start", true, false, false, "", "", ""},
    FtraceFields{"hrtimer_expire_entry", true, false, false, "", "", ""},
    FtraceFields{"migrate_hrtimers", false, false, false, "timers", "", ""},
    FtraceFields{"throttle_cfs_rq", false, false, false, "", "", ""},
    FtraceFields{"unthrottle_cfs_rq", false, false, false, "", "", ""},
    FtraceFields{"cpus_read_lock", false, false, false, "readers", "", ""},
    FtraceFields{"cpus_read_unlock", false, false, false, "readers", "", ""},
    FtraceFields{"cpu_hotplug_begin", true, false, false, "readers", "",
                 "writer"},
    FtraceFields{"puts_pending", true, false, false, "", "", ""},
    FtraceFields{"rcu_report_dead", false, false, false, "", "", ""},
    FtraceFields{"power_off", false, false, false, "", "", ""},
    FtraceFields{"local_irq_disable", false, false, false, "", "", "reason"},
    FtraceFields{"local_irq_enable", false, false, false, "", "", "reason"},
    FtraceFields{"cpu_life", false, false, false, "", "", "state"},
    FtraceFields{"set_view", false, false, false, "number", "", "online"},
    FtraceFields{"stop_state", false, false, false, "generation", "active",
                 "state"},
    FtraceFields{"stop_ack", false, false, false, "generation", "", "state"},
    FtraceFields{"stop_abort", false, false, false, "generation", "", "state"},
    FtraceFields{"stop_publish", false, false, false, "generation", "",
                 "state"},
    FtraceFields{"cpu_stop_queue_work", true, false, true, "value", "behind",
                 "state"},
    FtraceFields{"stop_two_cpus", true, false, true, "with", "", ""},
    FtraceFields{"stop_two_back_off", true, false, true, "with", "", ""},
    FtraceFields{"stop_two_done", true, false, true, "with", "ret", ""},
    FtraceFields{"multi_cpu_stop", true, false, true, "active", "", "state"},
    FtraceFields{"multi_cpu_stop_ack", true, false, true, "active", "",
                 "state"},
    FtraceFields{"multi_cpu_stop_abort", true, false, true, "active", "",
                 "state"},
    FtraceFields{"cpu_stop_signal_done", false, false, false, "generation", "",
                 "state"},
    FtraceFields{"cpu_stopper_thread", false, false, false, "", "", ""},
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
