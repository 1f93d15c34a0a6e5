#include "trace/ftrace_import.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/trace/recordings.h"
#include "tests/trace/seed_machine.h"
#include "trace/ftrace_text.h"
#include "trace/trace_file.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::KernelTrace;
using ::belfry::testing::Recording;
using ::belfry::testing::RecordingText;
using ::belfry::testing::SeedTrace;
using ::testing::HasSubstr;

std::string Written(const v1::TraceReport& trace) {
  return FtraceText(
      {trace.events().begin(), trace.events().end()},
      {.cpus = trace.machine().cpus(), .overwritten = trace.overwritten()});
}

std::string WithoutHeader(const std::string& text) {
  std::string rest;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(line, "#")) absl::StrAppend(&rest, line, "\n");
  }
  return rest;
}

class Recordings : public ::testing::TestWithParam<std::string> {};

// So nothing of a kernel's line is lost on the way in, or on the way out.
TEST_P(Recordings, AreWrittenAsTheyWereRead) {
  EXPECT_EQ(WithoutHeader(Written(Recording(GetParam()))),
            WithoutHeader(RecordingText(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(All, Recordings,
                         ::testing::Values("offline", "online",
                                           "offline-fails-at-190",
                                           "on-each-cpu-drop-caches"));

TEST(FtraceImport, OursIsWrittenAsItWasRead) {
  const std::string text = FtraceText(SeedTrace({.backlog = 2}).events(),
                                      {.cpus = 4, .overwritten = 7});
  const auto trace = ReadFtraceText(text);
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(trace->machine().kind(), v1::TraceMachine::KIND_BELFRY);
  EXPECT_EQ(trace->overwritten(), 7);
  EXPECT_EQ(Written(*trace), text);
}

TEST(FtraceImport, Fields) {
  const v1::TraceReport trace = KernelTrace({
      {2, 7,
       "csd_queue_cpu: cpu=5 callsite=f+0x1/0x2 [mod] func=g csd=00000000ff"},
      {2, 8,
       "ipi_send_cpumask: cpumask=00000001,0000002c callsite=f callback=h"},
      {3, 9, "sched_switch: prev_comm=a ==> next_comm=b"},
  });
  ASSERT_EQ(trace.events_size(), 3);
  EXPECT_EQ(trace.events(0).about_cpu(), 5);
  EXPECT_EQ(trace.events(0).callsite(), "f+0x1/0x2 [mod]");
  EXPECT_EQ(trace.events(0).function(), "g");
  EXPECT_EQ(trace.events(0).seq(), 0xff);
  EXPECT_FALSE(trace.events(0).has_src_cpu());
  EXPECT_TRUE(trace.events(0).irqs_masked());
  EXPECT_EQ(trace.events(1).targets(), "2-3,5,32");
  EXPECT_EQ(trace.events(2).detail(), "prev_comm=a ==> next_comm=b");
}

TEST(FtraceImport, CutOffIsNoTrace) {
  const std::string text = RecordingText("online");
  const auto trace = ReadTrace(absl::string_view(text).substr(0, 4010));
  ASSERT_FALSE(trace.ok());
  EXPECT_THAT(std::string(trace.status().message()),
              HasSubstr("ftrace text, cut off at byte 4010, within line "));
}

TEST(FtraceImport, LessThanItsHeaderCountsIsSaid) {
  std::string text = RecordingText("online");
  const std::size_t end = text.rfind('\n', text.size() - 2);
  const auto trace = ReadTrace(absl::string_view(text).substr(0, end + 1));
  ASSERT_TRUE(trace.ok());
  ASSERT_EQ(trace->problems_size(), 1);
  EXPECT_THAT(trace->problems(0), HasSubstr("counts 118 events, and 117"));
}

TEST(FtraceImport, WhatIsNoEventIsCounted) {
  std::string text = RecordingText("online");
  text += "some words\n";
  const auto trace = ReadTrace(text);
  ASSERT_TRUE(trace.ok());
  ASSERT_EQ(trace->problems_size(), 1);
  EXPECT_THAT(trace->problems(0), HasSubstr("1 line no events"));
}

TEST(FtraceImport, NoEventAtAll) {
  const auto trace = ReadTrace("# tracer: nop\n#\n");
  ASSERT_FALSE(trace.ok());
  EXPECT_THAT(std::string(trace.status().message()),
              HasSubstr("without an event"));
}

TEST(FtraceImport, CpuNumbersHaveAnEnd) {
  const auto trace = ReadTrace(
      "  init-1 [9999] d.h1.     0.000007: call_function_single_exit: "
      "vector=251\n");
  ASSERT_FALSE(trace.ok());
  EXPECT_THAT(std::string(trace.status().message()),
              HasSubstr("event 1 (call_function_single_exit) names CPU 9999"));
}

}  // namespace
}  // namespace belfry::trace
