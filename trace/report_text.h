// What the reports share: where a call stands, and lists of functions.
#ifndef BELFRY_TRACE_REPORT_TEXT_H_
#define BELFRY_TRACE_REPORT_TEXT_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "belfry/v1/node.pb.h"
#include "trace/machine_view.h"

namespace belfry::trace {

using FunctionCounts = std::map<std::string, std::uint32_t>;

// The queue by function: from the snapshot, else as last reported.
FunctionCounts QueueByFunction(const CpuView& cpu);

// As the snapshot says, else as last reported.
std::uint32_t QueueDepth(const CpuView& cpu);

// "108 trigger_softirq, 1 nop", the most frequent first.
std::string FunctionsText(const FunctionCounts& counts);

// Place in the target's listed queue, from 1; 0 when it is not there.
std::uint32_t PlaceInQueue(const v1::CpuSnapshot& target, std::uint32_t src_cpu,
                           std::uint64_t seq);

bool IsRunning(const v1::CpuSnapshot& target, std::uint32_t src_cpu,
               std::uint64_t seq);

// What the CPU's stopper runs: "stop_machine 4", "CPU 3's stop_two_cpus() 1".
std::string StoppedByText(const v1::CpuSnapshot& snapshot);

// "1 call", "2 calls".
std::string CountText(std::uint64_t count, absl::string_view noun);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_REPORT_TEXT_H_
