// Writes events as `cat /sys/kernel/tracing/trace` prints them, so that tools
// and eyes that know the kernel's text read ours.
#ifndef BELFRY_TRACE_FTRACE_TEXT_H_
#define BELFRY_TRACE_FTRACE_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "belfry/v1/debug.pb.h"

namespace belfry::trace {

struct FtraceOptions {
  std::uint32_t cpus = 0;
  // Events that were lost before these: the header counts them as written.
  std::uint64_t overwritten = 0;
};

// One line for the event, with its newline. `start_us` is the time that the
// text counts from.
std::string FtraceLine(const v1::TraceEvent& event, std::int64_t start_us);

// The header and a line for each event. Seconds count from the first event, as
// the kernel's count from boot.
std::string FtraceText(const std::vector<v1::TraceEvent>& events,
                       const FtraceOptions& options);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_FTRACE_TEXT_H_
