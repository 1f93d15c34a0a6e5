#include "trace/trace_stat.h"

#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "tests/trace/golden.h"
#include "tests/trace/recordings.h"
#include "tests/trace/seed_machine.h"
#include "trace/perfetto.h"
#include "trace/recording.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::At;
using ::belfry::testing::Enter;
using ::belfry::testing::ExpectGolden;
using ::belfry::testing::KernelTrace;
using ::belfry::testing::Leave;
using ::belfry::testing::QueueCpu;
using ::belfry::testing::Ring;
using ::belfry::testing::RunFunction;
using ::belfry::testing::SeedTrace;

TEST(TraceStat, KindsCpusAndGaps) {
  v1::TraceReport trace =
      KernelTrace({Enter(0, 10), Leave(0, 30), Ring(1, 20, 0), Enter(0, 530)});
  trace.set_overwritten(4);
  const v1::TraceStatReport stat = MakeTraceStat(trace);
  EXPECT_EQ(stat.events(), 4u);
  EXPECT_EQ(stat.overwritten(), 4u);
  EXPECT_EQ(stat.backwards(), 1u);
  ASSERT_EQ(stat.kinds_size(), 3);
  EXPECT_EQ(stat.kinds(0).name(), "call_function_single_entry");
  EXPECT_EQ(stat.kinds(0).count(), 2u);
  ASSERT_EQ(stat.cpus_size(), 2);
  EXPECT_EQ(stat.cpus(0).events(), 3u);
  EXPECT_DOUBLE_EQ(stat.cpus(0).longest_gap_s(), 500e-6);
  EXPECT_DOUBLE_EQ(stat.cpus(0).longest_gap_at_s(), 30e-6);
}

TEST(TraceStat, OfNothing) {
  EXPECT_EQ(MakeTraceStat(v1::TraceReport()).events(), 0u);
}

// Every viewer reads it with a JSON reader of its own: here is one more.
google::protobuf::Struct Parsed(const std::string& json) {
  google::protobuf::Struct parsed;
  const auto status =
      google::protobuf::util::JsonStringToMessage(json, &parsed);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return parsed;
}

TEST(Perfetto, ACallOfAKernel) {
  const std::string json = PerfettoJson(KernelTrace(
      {QueueCpu(1, 0, 3, "f", "0a"),
       Ring(1, 1, 3),
       Enter(3, 5),
       RunFunction(3, 6, "f", "0a"),
       {3, 7, "csd_function_exit: func=f, csd=0a"},
       Leave(3, 8),
       {0, 9, "sched_switch: comm=\"\x01\xff\\"},
       {0, 10, "cpuhp_enter: cpu: 0003 target: 145 step: 236 (g)"},
       {0, 12, "cpuhp_exit:  cpu: 0003  state: 235 step: 236 ret: 0"}}));
  Parsed(json);
  ExpectGolden("perfetto-call.json", json);
}

TEST(Perfetto, TheSeed) {
  v1::TraceReport trace;
  trace.mutable_machine()->set_kind(v1::TraceMachine::KIND_BELFRY);
  const auto seed = SeedTrace({.backlog = 2});
  trace.mutable_events()->Assign(seed.events().begin(), seed.events().end());
  EXPECT_GT(Parsed(PerfettoJson(trace))
                .fields()
                .at("traceEvents")
                .list_value()
                .values_size(),
            trace.events_size() / 2);
}

// ---- Rings that are read again and again.

v1::ReadTraceResponse Read(std::vector<std::uint64_t> lamports,
                           std::uint64_t overwritten) {
  v1::ReadTraceResponse read;
  for (const std::uint64_t lamport : lamports) {
    v1::TraceEvent* event = read.add_events();
    event->set_lamport(lamport);
    *event->mutable_time() = At(static_cast<std::int64_t>(lamport));
  }
  read.set_overwritten(overwritten);
  return read;
}

TEST(Recording, EachEventOnceAndWhatIsLostIsCounted) {
  const trace::Recording::Ring coordinator;
  const trace::Recording::Ring cpu = {1, 7};
  trace::Recording recording;
  EXPECT_EQ(recording.After(cpu), 0u);
  // Two were gone before.
  recording.Add(cpu, Read({3, 5}, 2));
  EXPECT_EQ(recording.After(cpu), 5u);
  recording.Add(coordinator, Read({4}, 0));
  // The ring has turned over what was read, and no more.
  recording.Add(cpu, Read({9}, 4));
  EXPECT_EQ(recording.Merge().overwritten(), 2u);
  // Three events came and went unread.
  recording.Add(cpu, Read({20}, 8));
  const v1::TraceReport trace = recording.Merge();
  EXPECT_EQ(trace.overwritten(), 5u);
  std::vector<std::uint64_t> order;
  std::vector<std::uint64_t> lost;
  for (const auto& event : trace.events()) {
    order.push_back(event.lamport());
    lost.push_back(event.lost());
  }
  EXPECT_EQ(order, (std::vector<std::uint64_t>{3, 4, 5, 9, 20}));
  EXPECT_EQ(lost, (std::vector<std::uint64_t>{2, 0, 0, 0, 3}));
  EXPECT_EQ(recording.events(), 5u);
}

TEST(Recording, TheNextLifeOfAProcessIsAnotherRing) {
  trace::Recording recording;
  recording.Add({1, 7}, Read({30}, 0));
  EXPECT_EQ(recording.After({1, 8}), 0u);
  recording.Add({1, 8}, Read({2}, 0));
  EXPECT_EQ(recording.Merge().overwritten(), 0u);
  // With the end of the first between them, which nobody has told.
  EXPECT_EQ(recording.Merge().events_size(), 3);
}

}  // namespace
}  // namespace belfry::trace
