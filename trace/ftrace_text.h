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
  // Possible CPUs. The column of the coordinator, which is no CPU, shows this
  // number: the first that no CPU has.
  std::uint32_t cpus = 0;
  // Events that were lost before these: the header counts them as written.
  std::uint64_t overwritten = 0;
  // The text counts seconds from here, as the kernel's counts from boot; 0:
  // from the earliest event.
  std::int64_t start_us = 0;
};

// What follows the event's name: "cpu=3 csd=0001000000000004".
std::string FtraceFieldText(const v1::TraceEvent& event);

// One line for the event, with its newline.
std::string FtraceLine(const v1::TraceEvent& event,
                       const FtraceOptions& options);

// The header and a line for each event.
std::string FtraceText(const std::vector<v1::TraceEvent>& events,
                       const FtraceOptions& options);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_FTRACE_TEXT_H_
