#include "trace/ftrace_text.h"

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "kernel/trace_event.h"
#include "tests/trace/golden.h"
#include "tests/trace/seed_machine.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::EventSpec;
using ::belfry::testing::ExpectGolden;
using ::belfry::testing::SeedTrace;
using ::belfry::testing::TraceWriter;

TEST(FtraceText, Seed) {
  ExpectGolden("seed.ftrace", FtraceText(SeedTrace({.backlog = 2}).events(),
                                         {.cpus = 4, .overwritten = 7}));
}

struct FieldsCase {
  EventSpec event;
  std::string end;
};

class FtraceFields : public ::testing::TestWithParam<FieldsCase> {};

TEST_P(FtraceFields, AreWritten) {
  const std::string line =
      FtraceLine(TraceWriter().Add(GetParam().event).events()[0], {.cpus = 4});
  EXPECT_TRUE(absl::EndsWith(line, GetParam().end + "\n")) << line;
}

// The first six are lines of a real kernel, but for addresses.
INSTANTIATE_TEST_SUITE_P(
    All, FtraceFields,
    ::testing::Values(
        FieldsCase{{.cpu = 2,
                    .name = "csd_queue_cpu",
                    .about = 0,
                    .function = "nohz_csd_func",
                    .src = 2,
                    .seq = 10},
                   ": csd_queue_cpu: cpu=0 callsite=generic_exec_single "
                   "func=nohz_csd_func csd=000200000000000a"},
        FieldsCase{{.cpu = 2, .name = "ipi_send_cpu", .about = 0},
                   ": ipi_send_cpu: cpu=0 callsite=generic_exec_single "
                   "callback=generic_smp_call_function_single_interrupt"},
        FieldsCase{{.cpu = 0,
                    .name = "csd_function_entry",
                    .function = "nop",
                    .src = 1,
                    .seq = 1},
                   ": csd_function_entry: func=nop, csd=0001000000000001"},
        FieldsCase{{.cpu = 0,
                    .name = "cpuhp_enter",
                    .about = 3,
                    .value = 235,
                    .value2 = 145,
                    .detail = "sched_cpu_deactivate"},
                   ": cpuhp_enter: cpu: 0003 target: 145 step: 235 "
                   "(sched_cpu_deactivate)"},
        FieldsCase{{.cpu = 0,
                    .name = "cpuhp_multi_enter",
                    .about = 3,
                    .value = 22,
                    .detail = "bio_cpu_dead"},
                   ": cpuhp_multi_enter: cpu: 0003 target:   0 step:  22 "
                   "(bio_cpu_dead)"},
        FieldsCase{{.cpu = 0,
                    .name = "cpuhp_exit",
                    .about = 3,
                    .value = 236,
                    .value2 = -11,
                    .state = 236},
                   ": cpuhp_exit:  cpu: 0003  state: 236 step: 236 ret: -11"},
        FieldsCase{{.cpu = 3,
                    .name = "csd_enqueued",
                    .function = "nop",
                    .src = 1,
                    .seq = 4,
                    .value = 2},
                   ": csd_enqueued: func=nop csd=0001000000000004 depth=2 "
                   "was_empty=0"},
        FieldsCase{{.cpu = 3, .name = "kick"}, ": kick:"},
        FieldsCase{{.name = "op_end", .about = 3, .value = 1, .value2 = 16},
                   "[004] .....  1000.000020: op_end: cpu=3 op=1 ret=16"},
        FieldsCase{{.cpu = 1, .name = "unheard_of", .value = 5, .detail = "x"},
                   ": unheard_of: value=5 value2=0 detail=x"}));

TEST(FtraceText, EveryEventOfTheKernelIsKnown) {
  for (int i = 0; i < kernel::kTraceKinds; ++i) {
    const std::string name(
        kernel::TraceName(static_cast<kernel::TraceKind>(i)));
    const std::string line =
        FtraceLine(TraceWriter().Add({.cpu = 0, .name = name}).events()[0], {});
    EXPECT_FALSE(absl::StrContains(line, "value2=")) << line;
  }
}

}  // namespace
}  // namespace belfry::trace
