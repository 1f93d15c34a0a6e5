// Recordings of a real kernel, and lines written by hand in its format.
#ifndef BELFRY_TESTS_TRACE_RECORDINGS_H_
#define BELFRY_TESTS_TRACE_RECORDINGS_H_

#include <string>
#include <vector>

#include "belfry/v1/report.pb.h"

namespace belfry::testing {

// tests/testdata/linux-6.12/NAME.ftrace
std::string RecordingText(const std::string& name);
v1::TraceReport Recording(const std::string& name);

// One line: CPU, microseconds, event and fields.
struct KernelLine {
  unsigned cpu = 0;
  int us = 0;
  std::string event;
};
v1::TraceReport KernelTrace(const std::vector<KernelLine>& lines);

// The events by which a call is queued, rung for, and taken.
KernelLine QueueCpu(
    unsigned cpu, int us, unsigned target, const std::string& function,
    const std::string& csd,
    const std::string& callsite = "generic_exec_single+0x1/0x2");
KernelLine Ring(unsigned cpu, int us, unsigned target);
KernelLine Enter(unsigned cpu, int us);
KernelLine Leave(unsigned cpu, int us);
KernelLine RunFunction(unsigned cpu, int us, const std::string& function,
                       const std::string& csd);

}  // namespace belfry::testing

#endif  // BELFRY_TESTS_TRACE_RECORDINGS_H_
