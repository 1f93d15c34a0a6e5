// The functions that every CPU knows. A process may register more (node/).
#ifndef BELFRY_KERNEL_FUNCTIONS_H_
#define BELFRY_KERNEL_FUNCTIONS_H_

#include <array>

#include "absl/strings/string_view.h"
#include "kernel/ids.h"

namespace belfry::kernel {

inline constexpr FuncId kNop{0};
// Returns its payload.
inline constexpr FuncId kEcho{1};
// Keeps the CPU busy for so many microseconds (payload, decimal; at most 10 s).
inline constexpr FuncId kSpin{2};
// What blk_complete_request() sends to the submitting CPU: raises BLOCK_SOFTIRQ
// there (block/blk-softirq.c, Linux 3.0).
inline constexpr FuncId kTriggerSoftirq{3};
// Returns one line that describes the CPU.
inline constexpr FuncId kReadState{4};

// __cfsb_csd_unthrottle() of kernel/sched/fair.c: lets the CPU's throttled
// tasks run again.
inline constexpr FuncId kUnthrottle{5};
// What kick_ilb() sends to an idle CPU that is to balance for all: by the one
// csd that this CPU has for it, whoever kicks (kernel/sched/fair.c, Linux 5.7).
inline constexpr FuncId kNohzCsdFunc{6};

inline constexpr std::array<absl::string_view, 7> kBuiltinFunctions = {
    "nop",          "echo",
    "spin",         "trigger_softirq",
    "read_state",   "cfsb_csd_unthrottle",
    "nohz_csd_func"};

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_FUNCTIONS_H_
