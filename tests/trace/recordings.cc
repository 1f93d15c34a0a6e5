#include "tests/trace/recordings.h"

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gtest/gtest.h"
#include "trace/trace_file.h"

namespace belfry::testing {

std::string RecordingText(const std::string& name) {
  const std::string path = absl::StrCat(
      BELFRY_SOURCE_DIR, "/tests/testdata/linux-6.12/", name, ".ftrace");
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

v1::TraceReport Recording(const std::string& name) {
  auto trace = trace::ReadTrace(RecordingText(name));
  EXPECT_TRUE(trace.ok()) << trace.status();
  return trace.ok() ? *trace : v1::TraceReport();
}

v1::TraceReport KernelTrace(const std::vector<KernelLine>& lines) {
  std::string text;
  for (const KernelLine& line : lines) {
    absl::StrAppendFormat(
        &text, "            init-1       [%03u] d.h1. %5d.%06d: %s\n", line.cpu,
        line.us / 1'000'000, line.us % 1'000'000, line.event);
  }
  auto trace = trace::ReadTrace(text);
  EXPECT_TRUE(trace.ok()) << trace.status();
  return trace.ok() ? *trace : v1::TraceReport();
}

KernelLine QueueCpu(unsigned cpu, int us, unsigned target,
                    const std::string& function, const std::string& csd,
                    const std::string& callsite) {
  return {cpu, us,
          absl::StrCat("csd_queue_cpu: cpu=", target, " callsite=", callsite,
                       " func=", function, " csd=", csd)};
}

KernelLine Ring(unsigned cpu, int us, unsigned target) {
  return {cpu, us,
          absl::StrCat("ipi_send_cpu: cpu=", target,
                       " callsite=generic_exec_single+0x1/0x2 callback="
                       "generic_smp_call_function_single_interrupt+0x0/0x20")};
}

KernelLine Enter(unsigned cpu, int us) {
  return {cpu, us, "call_function_single_entry: vector=251"};
}

KernelLine Leave(unsigned cpu, int us) {
  return {cpu, us, "call_function_single_exit: vector=251"};
}

KernelLine RunFunction(unsigned cpu, int us, const std::string& function,
                       const std::string& csd) {
  return {cpu, us,
          absl::StrCat("csd_function_entry: func=", function, ", csd=", csd)};
}

}  // namespace belfry::testing
