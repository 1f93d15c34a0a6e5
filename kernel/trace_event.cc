#include "kernel/trace_event.h"

#include <array>

namespace belfry::kernel {
namespace {

constexpr std::array<absl::string_view, kTraceKinds> kKindNames = {
    "csd_queue_cpu",
    "csd_refused",
    "csd_lost",
    "csd_done",
    "ipi_send_cpu",
    "ipi_suppressed",
    "csd_lock_stuck",
    "csd_lock_resend",
    "csd_lock_unstuck",
    "csd_enqueued",
    "csd_dropped",
    "csd_returned",
    "csd_duplicate",
    "csd_function_entry",
    "csd_function_exit",
    "ipi_latched",
    "ipi_coalesced",
    "ipi_cleared",
    "sched_wake_idle_without_ipi",
    "softirq_raise",
    "softirq_entry",
    "softirq_exit",
    "call_function_single_entry",
    "call_function_single_exit",
    "csd_flush_entry",
    "csd_flush_exit",
    "kick",
    "device_irq",
    "irq_retrigger",
    "irq_lost",
    "irq_refused",
    "apic_soft_disable",
    "hrtimer_start",
    "hrtimer_expire_entry",
    "migrate_hrtimers",
    "throttle_cfs_rq",
    "unthrottle_cfs_rq",
    "cpus_read_lock",
    "cpus_read_unlock",
    "rcu_report_dead",
    "power_off",
    "local_irq_disable",
    "local_irq_enable",
    "cpu_life",
    "set_view",
    "stop_state",
    "stop_ack",
    "stop_abort",
    "stop_publish",
    "cpu_stop_queue_work",
    "cpu_stop_signal_done",
    "cpu_stopper_thread",
    "stop_two_cpus",
    "stop_two_back_off",
    "stop_two_done",
    "multi_cpu_stop",
    "multi_cpu_stop_ack",
    "multi_cpu_stop_abort",
    "cpuhp_enter",
    "cpuhp_multi_enter",
    "cpuhp_exit",
    "op_begin",
    "op_end",
    "cpu_hotplug_begin",
    "puts_pending",
    "cpu_crashed",
};

}  // namespace

absl::string_view TraceName(TraceKind kind) {
  return kKindNames[static_cast<std::size_t>(kind)];
}

}  // namespace belfry::kernel
