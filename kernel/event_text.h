// Events by name: the same in a schedule, at a gate and in a message for
// people.
#ifndef BELFRY_KERNEL_EVENT_TEXT_H_
#define BELFRY_KERNEL_EVENT_TEXT_H_

#include <string>

#include "kernel/coordinator_event.h"
#include "kernel/cpu_event.h"

namespace belfry::kernel {

// The event in a few words: "call 1->3 #1", "doorbell 1->3 #1", "irq_entry 3",
// "io 1 for 3", "state 0 PREPARE", "ack 1 PREPARE", "reset 3". Two that can
// come next in one state have different names, unless they are equal. `at` is
// the CPU that it comes to.
std::string EventText(const CpuEvent& event, CpuId at);
std::string EventText(const CoordinatorEvent& event);

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_EVENT_TEXT_H_
