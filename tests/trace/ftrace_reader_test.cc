#include "trace/ftrace_reader.h"

#include <sstream>
#include <vector>

#include "gtest/gtest.h"
#include "tests/trace/seed_machine.h"
#include "trace/ftrace_text.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::SeedTrace;

struct LineCase {
  const char* line;
  FtraceRecord record;
};

class FtraceEventLine : public ::testing::TestWithParam<LineCase> {};

TEST_P(FtraceEventLine, IsRead) {
  const auto record = ParseFtraceLine(GetParam().line);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->comm, GetParam().record.comm);
  EXPECT_EQ(record->pid, GetParam().record.pid);
  EXPECT_EQ(record->cpu, GetParam().record.cpu);
  EXPECT_EQ(record->flags, GetParam().record.flags);
  EXPECT_EQ(record->time_ns, GetParam().record.time_ns);
  EXPECT_EQ(record->event, GetParam().record.event);
  EXPECT_EQ(record->fields, GetParam().record.fields);
}

INSTANTIATE_TEST_SUITE_P(
    All, FtraceEventLine,
    ::testing::Values(
        // `cat trace` of Linux 6.12.
        LineCase{"          <idle>-0       [000] dNh1.     2.341101: "
                 "csd_function_exit: func=sched_ttwu_pending, "
                 "csd=00000000ac3949b1",
                 {"<idle>",
                  0,
                  {0},
                  "dNh1.",
                  2'341'101'000,
                  "csd_function_exit",
                  "func=sched_ttwu_pending, csd=00000000ac3949b1"}},
        LineCase{"     kworker/0:1-10      [000] .....     2.377994: "
                 "cpuhp_exit:  cpu: 0003  state: 145 step: 236 ret: 0",
                 {"kworker/0:1",
                  10,
                  {0},
                  ".....",
                  2'377'994'000,
                  "cpuhp_exit",
                  "cpu: 0003  state: 145 step: 236 ret: 0"}},
        // With option record-tgid.
        LineCase{
            "   bash-1977  (   1970) [8191] d..1. 17284.993652: kick:",
            {"bash", 1977, {8191}, "d..1.", 17'284'993'652'000, "kick", ""}},
        LineCase{"   <...>-12    (-------) [001] ..... 0.000001: e: a=1",
                 {"<...>", 12, {1}, ".....", 1'000, "e", "a=1"}},
        // trace-cmd report: without flags, with them, with nanoseconds.
        LineCase{"          init-1     [001]     2.568542: cpuhp_enter:        "
                 "  cpu: 0003 target: 236 step:   1 (smpboot_create_threads)",
                 {"init",
                  1,
                  {1},
                  "",
                  2'568'542'000,
                  "cpuhp_enter",
                  "cpu: 0003 target: 236 step:   1 "
                  "(smpboot_create_threads)"}},
        LineCase{"          init-1     [001] d..2.     2.568542123: kick:   ",
                 {"init", 1, {1}, "d..2.", 2'568'542'123, "kick", ""}},
        // A task may call itself what it likes.
        LineCase{"  a-1 [002] b-7 [003] ....  1.5: e: x [004] 2.0: f:",
                 {"a-1 [002] b",
                  7,
                  {3},
                  "....",
                  1'500'000'000,
                  "e",
                  "x [004] 2.0: f:"}}));

class NoFtraceEventLine : public ::testing::TestWithParam<const char*> {};

TEST_P(NoFtraceEventLine, IsPassedOver) {
  EXPECT_FALSE(ParseFtraceLine(GetParam()).has_value());
}

INSTANTIATE_TEST_SUITE_P(
    All, NoFtraceEventLine,
    ::testing::Values(
        "", " ", "# tracer: nop", "not a trace", "{\"traceEvents\": [1]}",
        // The function tracer, and its graph.
        "   bash-1977  [000] .... 17284.993652: sys_close <-system_call",
        " 0)   1.234 us    |  schedule();",
        // Another clock, which counts and tells no seconds.
        "   bash-1977  [000] ....   4711: kick:",
        // Cut off or damaged anywhere.
        "   bash-1977  [000] .... 17284.99", "   bash-1977  [000] ....",
        "   bash-1977  [0", "   bash  [000] .... 1.0: kick:",
        "   bash-1x  [000] .... 1.0: kick:", "   -1  [000] .... 1.0: kick:",
        "   bash-1  [00x] .... 1.0: kick:", "   bash-1  [000] .... 1.x: kick:",
        "   bash-1  [000] .... 1.0123456789: kick:",
        "   bash-1  [000] .... 99999999999999.0: kick:",
        "   bash-99999999999  [000] .... 1.0: kick:",
        "   bash-1  [99999999999] .... 1.0: kick:",
        "   bash-1 1) [000] .... 1.0: kick:"));

struct FileCase {
  const char* text;
  std::vector<std::string> events;
  FtraceSummary summary;
};

class FtraceFile : public ::testing::TestWithParam<FileCase> {};

TEST_P(FtraceFile, IsReadToItsEnd) {
  std::istringstream in(GetParam().text);
  FtraceReader reader(&in);
  std::vector<std::string> events;
  while (auto record = reader.Next()) events.push_back(record->event);
  EXPECT_EQ(events, GetParam().events);
  const FtraceSummary& got = reader.summary();
  const FtraceSummary& want = GetParam().summary;
  EXPECT_EQ(got.lines, want.lines);
  EXPECT_EQ(got.events, events.size());
  EXPECT_EQ(got.foreign, want.foreign);
  EXPECT_EQ(got.first_foreign_line, want.first_foreign_line);
  EXPECT_EQ(got.entries_in_buffer, want.entries_in_buffer);
  EXPECT_EQ(got.entries_written, want.entries_written);
  EXPECT_EQ(got.cpus, want.cpus);
  EXPECT_EQ(got.lost_marks, want.lost_marks);
  EXPECT_EQ(got.lost_events, want.lost_events);
  EXPECT_EQ(got.cut_off, want.cut_off);
}

INSTANTIATE_TEST_SUITE_P(
    All, FtraceFile,
    ::testing::Values(
        FileCase{"", {}, {}},
        FileCase{"# tracer: nop\n#\n"
                 "# entries-in-buffer/entries-written: 2/9   #P:4\n#\n"
                 " a-1 [000] ..... 1.0: one: x\n"
                 "CPU:0 [LOST 12 EVENTS]\r\n"
                 "CPU:1 [LOST EVENTS]\n"
                 "##### CPU 1 buffer started ####\n"
                 " a-1 [000] ..... 1.0: f <-g\n"
                 " a-1 [000] ..... 1.0: two: x\r\n",
                 {"one", "two"},
                 {.lines = 10,
                  .foreign = 1,
                  .first_foreign_line = 9,
                  .entries_in_buffer = 2,
                  .entries_written = 9,
                  .cpus = 4,
                  .lost_marks = 2,
                  .lost_events = 12}},
        FileCase{"version = 7\nCPU 2 is empty\ncpus=3\n"
                 "CPU:0 [7 EVENTS DROPPED]\n a-1 [000] 1.0: one: x\n",
                 {"one"},
                 {.lines = 5, .cpus = 3, .lost_marks = 1, .lost_events = 7}},
        // The last line might go on, so it is no event.
        FileCase{" a-1 [000] ..... 1.0: one: x=1\n a-1 [000] ..... 1.0: two: x",
                 {"one"},
                 {.lines = 2, .cut_off = true}},
        FileCase{"PK\x03\x04\nhello\n",
                 {},
                 {.lines = 2, .foreign = 2, .first_foreign_line = 1}}));

TEST(FtraceReader, ReadsOurOwnText) {
  const auto events = SeedTrace({.backlog = 2}).events();
  std::istringstream in(FtraceText(events, {.cpus = 4}));
  FtraceReader reader(&in);
  for (const v1::TraceEvent& event : events) {
    const auto record = reader.Next();
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->event, event.name());
    EXPECT_EQ(record->cpu.value, event.has_cpu() ? event.cpu() : 4);
  }
  EXPECT_FALSE(reader.Next().has_value());
  EXPECT_EQ(reader.summary().foreign, 0);
  EXPECT_EQ(reader.summary().entries_written, events.size());
}

struct CpuhpCase {
  const char* event;
  const char* fields;
  std::optional<CpuhpEvent> parsed;
};

class CpuhpFields : public ::testing::TestWithParam<CpuhpCase> {};

TEST_P(CpuhpFields, AreRead) {
  FtraceRecord record;
  record.event = GetParam().event;
  record.fields = GetParam().fields;
  EXPECT_EQ(ParseCpuhpEvent(record), GetParam().parsed);
}

INSTANTIATE_TEST_SUITE_P(
    All, CpuhpFields,
    ::testing::Values(
        CpuhpCase{"cpuhp_enter",
                  "cpu: 0003 target: 145 step: 235 (sched_cpu_deactivate)",
                  CpuhpEvent{.kind = CpuhpEvent::Kind::kEnter,
                             .cpu = {3},
                             .step = 235,
                             .target = 145}},
        CpuhpCase{"cpuhp_multi_enter",
                  "cpu: 8191 target:   0 step:  22 (bio_cpu_dead)",
                  CpuhpEvent{.kind = CpuhpEvent::Kind::kMultiEnter,
                             .cpu = {8191},
                             .step = 22}},
        CpuhpCase{"cpuhp_exit", "cpu: 0003  state: 236 step: 236 ret: -11",
                  CpuhpEvent{.kind = CpuhpEvent::Kind::kExit,
                             .cpu = {3},
                             .step = 236,
                             .state = 236,
                             .ret = -11}},
        CpuhpCase{"cpuhp_exit", "cpu: 0003  state: 236 step: 236", {}},
        CpuhpCase{"cpuhp_exit", "cpu: 0003 target: 0 step: 1 (x)", {}},
        CpuhpCase{"cpuhp_enter", "cpu: 3x target: 0 step: 1 (x)", {}},
        CpuhpCase{"cpuhp_enter", "cpu: -3 target: 0 step: 1 (x)", {}},
        CpuhpCase{"csd_queue_cpu", "cpu: 0003 target: 0 step: 1 (x)", {}}));

TEST(CpuhpEvent, IsWrittenAsTheKernelDoes) {
  EXPECT_EQ(CpuhpEventText({.kind = CpuhpEvent::Kind::kMultiEnter,
                            .cpu = {3},
                            .step = 22,
                            .target = 0}),
            "cpuhp_multi_enter: cpu: 0003 target: 0 step: 22");
  EXPECT_EQ(CpuhpEventText({.kind = CpuhpEvent::Kind::kExit,
                            .cpu = {3},
                            .step = 145,
                            .state = 87,
                            .ret = -11}),
            "cpuhp_exit: cpu: 0003 state: 87 step: 145 ret: -11");
}

}  // namespace
}  // namespace belfry::trace
