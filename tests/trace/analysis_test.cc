#include "trace/analysis.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/trace/golden.h"
#include "tests/trace/recordings.h"
#include "tests/trace/seed_machine.h"
#include "trace/analysis_text.h"
#include "trace/latency.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::Enter;
using ::belfry::testing::ExpectGolden;
using ::belfry::testing::KernelTrace;
using ::belfry::testing::Leave;
using ::belfry::testing::QueueCpu;
using ::belfry::testing::Recording;
using ::belfry::testing::Ring;
using ::belfry::testing::RunFunction;
using ::belfry::testing::SeedTrace;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::TraceReport Seed() {
  v1::TraceReport trace;
  trace.mutable_machine()->set_kind(v1::TraceMachine::KIND_BELFRY);
  trace.mutable_machine()->set_cpus(4);
  const auto seed = SeedTrace({.backlog = 12});
  trace.mutable_events()->Assign(seed.events().begin(), seed.events().end());
  return trace;
}

class AnalysisGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(AnalysisGolden, IsWhatAPersonLookedAt) {
  ExpectGolden("analysis-" + GetParam() + ".txt",
               AnalysisText(Analyze(Recording(GetParam()))));
}

INSTANTIATE_TEST_SUITE_P(All, AnalysisGolden,
                         ::testing::Values("offline", "online",
                                           "offline-fails-at-190",
                                           "on-each-cpu-drop-caches"));

TEST(Analysis, Seed) {
  ExpectGolden("analysis-seed.txt",
               AnalysisText(Analyze(Seed()), {.ascii = true}));
}

TEST(Analysis, AStrandedQueueOfAKernel) {
  // Whoever comes after the lost doorbell does not ring.
  const auto report = Analyze(KernelTrace({QueueCpu(1, 0, 2, "g", "0f"),
                                           Ring(1, 1, 2),
                                           Enter(2, 5),
                                           RunFunction(2, 6, "g", "0f"),
                                           Leave(2, 7),
                                           QueueCpu(1, 100, 3, "f", "0a"),
                                           Ring(1, 101, 3),
                                           QueueCpu(2, 102, 3, "f", "0b"),
                                           QueueCpu(0, 103, 3, "w", "0c"),
                                           {3, 5000, "sched_switch: x"}}));
  ASSERT_EQ(report.pending_size(), 3);
  EXPECT_EQ(report.pending(0).csd(), "000000000000000a");
  EXPECT_THAT(report.pending(0).doorbell(), HasSubstr("not taken"));
  EXPECT_THAT(report.pending(1).doorbell(), HasSubstr("none: 1 call stood"));
  ASSERT_EQ(report.pending_by_function_size(), 2);
  EXPECT_EQ(report.pending_by_function(0).count(), 2u);
  ASSERT_EQ(report.not_taken_size(), 1);
  EXPECT_EQ(report.not_taken(0).cpu(), 3u);
  EXPECT_THAT(report.not_taken(0).message(), HasSubstr("shows 1 event after"));
  EXPECT_THAT(AnalysisText(report), HasSubstr("3 calls, 3 older than the"));
}

// Without the events that would show a run, no call is said to be stuck.
TEST(Analysis, SaysNothingThatTheRecordingCannotShow) {
  const auto report = Analyze(KernelTrace({QueueCpu(1, 0, 3, "f", "0a")}));
  EXPECT_THAT(report.pending(), IsEmpty());
  EXPECT_THAT(report.not_taken(), IsEmpty());
  EXPECT_THAT(report.unknown(), Contains(HasSubstr("no csd_function_entry")));
  EXPECT_THAT(report.unknown(), Contains(HasSubstr("no ipi_send_cpu")));
}

TEST(Latency, QuantilesAreValuesThatOccurred) {
  std::vector<std::int64_t> micros;
  for (int i = 100; i >= 1; --i) micros.push_back(i);
  micros.push_back(-5);
  const auto latency = MakeLatency(micros);
  EXPECT_EQ(latency.count(), 100u);
  EXPECT_EQ(latency.backwards(), 1u);
  EXPECT_DOUBLE_EQ(latency.min_s(), 1e-6);
  EXPECT_DOUBLE_EQ(latency.p50_s(), 50e-6);
  EXPECT_DOUBLE_EQ(latency.p99_s(), 99e-6);
  EXPECT_DOUBLE_EQ(latency.max_s(), 100e-6);
  ASSERT_EQ(latency.buckets_size(), 8);
  EXPECT_DOUBLE_EQ(latency.buckets(7).up_to_s(), 128e-6);
  EXPECT_EQ(latency.buckets(7).count(), 36u);
}

TEST(Latency, OfNothing) { EXPECT_EQ(MakeLatency({}).count(), 0u); }

}  // namespace
}  // namespace belfry::trace
