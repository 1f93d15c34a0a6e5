// Calls between processes, functions under stop_machine, and emulated I/O.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/e2e/support/cluster.h"
#include "tests/e2e/support/gates.h"

namespace belfry::e2e {
namespace {

using ::testing::HasSubstr;

v1::CallResult ResultOf(const v1::CallReport& report, std::uint32_t cpu) {
  for (const v1::CallResult& result : report.results()) {
    if (result.cpu() == cpu) return result;
  }
  ADD_FAILURE() << "no result of cpu " << cpu << "\n" << report.DebugString();
  return {};
}

std::int64_t Millis(const google::protobuf::Duration& duration) {
  return duration.seconds() * 1000 + duration.nanos() / 1'000'000;
}

bool IsRunning(const Cluster& cluster, std::uint32_t cpu,
               const std::string& function) {
  const auto dump = cluster.Ask<v1::DumpReport>({"dump"});
  const v1::CpuSnapshot& snapshot = dump.cpus(static_cast<int>(cpu)).snapshot();
  return snapshot.has_running() && snapshot.running().function() == function;
}

TEST(CallTest, FromAndToEveryCpuItselfIncluded) {
  const Cluster cluster;
  for (int from = 0; from < 4; ++from) {
    const auto report =
        cluster.Call({"0-3", "nop", "--from", absl::StrCat(from)});
    EXPECT_EQ(report.src_cpu(), static_cast<std::uint32_t>(from));
    ASSERT_EQ(report.results_size(), 4) << report.DebugString();
    for (std::uint32_t cpu = 0; cpu < 4; ++cpu) {
      EXPECT_EQ(ResultOf(report, cpu).result(), "0");
      EXPECT_EQ(ResultOf(report, cpu).completed(), 1u);
    }
  }
  EXPECT_GE(cluster.ExpectCleanAudit().completed(), 16u);
}

// Behind a function that takes its time they gather, and are more than one
// frame may carry.
TEST(CallTest, ManyLargeAnswersAtOnce) {
  const Cluster cluster({.cpus = 2});
  const auto spin =
      cluster.Start({"call", "1", "spin", "--payload", "2000000"});
  ASSERT_TRUE(WaitFor([&] { return IsRunning(cluster, 1, "spin"); }));
  const std::string file = cluster.state_dir() + "/payload";
  WriteFile(file, std::string(1 << 20, 'x'));
  std::vector<std::unique_ptr<Program>> callers;
  for (int i = 0; i < 20; ++i) {
    callers.push_back(cluster.Start(
        {"call", "1", "echo", "--payload-file", file, "-o", "json"}));
  }
  EXPECT_EQ(spin->Wait().exit_code, 0);
  for (const auto& caller : callers) {
    const auto report = FromJson<v1::CallReport>(caller->Wait());
    EXPECT_EQ(ResultOf(report, 1).payload().size(), 1u << 20);
  }
  EXPECT_EQ(cluster.Metrics("cpu/1").Value("belfry_calls_duplicate_total"), 0)
      << "the link broke";
}

TEST(CallTest, EchoReturnsItsPayload) {
  const Cluster cluster({.cpus = 2});
  const std::string text = "bells \xC3\xBC in \"a\" tower";
  const auto report = cluster.Call({"1", "echo", "--payload", text});
  EXPECT_EQ(ResultOf(report, 1).payload(), text);
  // The largest that is allowed, with every byte.
  std::string large(1 << 20, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) {
    large[i] = static_cast<char>(i * 7);
  }
  const Outcome outcome = cluster.Run(
      {"call", "1", "echo", "--payload-file", "-", "-o", "json"}, large);
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(ResultOf(FromJson<v1::CallReport>(outcome), 1).payload(), large);
}

TEST(CallTest, CountsWaitingAndAsynchronousCalls) {
  const Cluster cluster({.cpus = 3});
  const auto waited =
      cluster.Call({"1-2", "nop", "--count", "500", "--from", "0"});
  EXPECT_EQ(ResultOf(waited, 1).completed(), 500u);
  EXPECT_EQ(ResultOf(waited, 2).completed(), 500u);
  const auto queued = cluster.Call(
      {"1-2", "nop", "--count", "2000", "--nowait", "--from", "0"});
  EXPECT_EQ(ResultOf(queued, 1).queued(), 2000u);
  EXPECT_EQ(ResultOf(queued, 1).completed(), 0u);
  EXPECT_EQ(ResultOf(queued, 1).refused(), 0u);
  const auto audit = cluster.ExpectCleanAudit();
  for (const v1::LedgerRow& row : audit.rows()) {
    if (row.src_cpu() != 0 || row.cpu() == 0) continue;
    EXPECT_GE(row.completed(), 2500u) << row.DebugString();
  }
}

// A call that runs long on its CPU keeps a window's others behind it.
TEST(CallTest, AWindowOfCallsIsUnderWayAtOnce) {
  const Cluster cluster({.cpus = 2});
  const auto slow = cluster.Call({"1", "spin", "--payload", "20000", "--count",
                                  "8", "--window", "8", "--from", "0"});
  const v1::CallResult& waited = ResultOf(slow, 1);
  EXPECT_EQ(waited.completed(), 8u);
  // The last one waited for the seven before it, as it would not have alone.
  EXPECT_GE(Millis(waited.max()), 140);
  EXPECT_GE(Millis(waited.p99()), Millis(waited.p50()));
  EXPECT_GE(Millis(waited.p50()), 60);

  const auto alone =
      cluster.Call({"1", "spin", "--payload", "1000", "--from", "0"});
  EXPECT_FALSE(ResultOf(alone, 1).has_max());
  const auto queued = cluster.Call({"1", "nop", "--count", "500", "--nowait",
                                    "--window", "3", "--from", "0"});
  EXPECT_EQ(ResultOf(queued, 1).queued(), 500u);
  EXPECT_TRUE(ResultOf(queued, 1).has_p50());
  cluster.ExpectCleanAudit();

  const Outcome table = cluster.Run({"call", "1", "nop", "--count", "2"});
  EXPECT_THAT(table.out, HasSubstr("P99"));
  const Outcome refused =
      cluster.Run({"call", "1", "nop", "--window", "65537"});
  EXPECT_EQ(refused.exit_code, 2);
}

TEST(CallTest, WhileOneCpuSpinsTheOthersAnswer) {
  const Cluster cluster;
  // Long enough for all of this on a busy host.
  const auto started = cluster.Call(
      {"3", "spin", "--payload", "8000000", "--nowait", "--from", "0"});
  EXPECT_EQ(ResultOf(started, 3).queued(), 1u);
  ASSERT_TRUE(WaitFor([&] { return IsRunning(cluster, 3, "spin"); }));
  for (const char* from : {"0", "1", "2"}) {
    cluster.Call({"0-2", "nop", "--from", from});
  }
  EXPECT_TRUE(IsRunning(cluster, 3, "spin"))
      << "the spinning CPU kept the others waiting";
  // A caller that waits for it has a deadline of its own.
  const auto late = cluster.Call(
      {"3", "nop", "--from", "1", "--timeout", "300ms"}, /*exit_code=*/124);
  EXPECT_EQ(ResultOf(late, 3).result(), "ETIMEDOUT");
  EXPECT_EQ(ResultOf(late, 3).unanswered(), 1u);
  // And so has its turn when the spinning is over.
  const auto after =
      cluster.Call({"3", "nop", "--from", "2", "--timeout", "30s"});
  EXPECT_EQ(ResultOf(after, 3).result(), "0");
  cluster.ExpectCleanAudit();
}

TEST(CallTest, ReadStateDescribesTheCpu) {
  const Cluster cluster({.cpus = 2});
  const auto report = cluster.Call({"1", "read_state"});
  const std::string text = ResultOf(report, 1).payload();
  EXPECT_NE(text, "");
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  EXPECT_THAT(text, HasSubstr("ONLINE"));
}

TEST(CallTest, SeveralCpusAreCalledByOneManyCall) {
  const Cluster cluster;
  cluster.Ask<v1::OperationList>({"cpu", "offline", "3"});
  const auto some =
      cluster.Call({"1-3", "nop", "--from", "0"}, /*exit_code=*/1);
  EXPECT_EQ(ResultOf(some, 1).completed(), 1u);
  EXPECT_EQ(ResultOf(some, 2).completed(), 1u);
  EXPECT_EQ(ResultOf(some, 3).result(), "ENXIO");
  const auto all = cluster.Call({"all", "read_state", "--from", "1"});
  EXPECT_EQ(all.results_size(), 3) << all.DebugString();
  EXPECT_THAT(ResultOf(all, 1).payload(), HasSubstr("ONLINE"));
  const auto queued = cluster.Call({"0-2", "nop", "--nowait", "--from", "1"});
  // It may have ended when all others are queued.
  EXPECT_EQ(ResultOf(queued, 2).queued() + ResultOf(queued, 2).completed(), 1u);
  cluster.ExpectCleanAudit();
}

TEST(CallTest, TheSplitDoorbellRingsToo) {
  const Cluster cluster({.cpus = 3, .flags = {"--doorbell", "split"}});
  EXPECT_TRUE(cluster.State().split_doorbell());
  cluster.ExpectAllCallsWork();
  cluster.Call({"0-2", "nop", "--count", "1000", "--nowait", "--from", "1"});
  cluster.ExpectCleanAudit();
}

TEST(StopMachineTest, RunsTheFunctionWhileAllOthersStand) {
  const Cluster cluster({.flags = {"--gates"}});
  const auto done = cluster.Ask<v1::OperationList>({"stop-machine", "nop"});
  ASSERT_EQ(done.operations_size(), 1);
  EXPECT_EQ(done.operations(0).result(), "0") << done.DebugString();
  EXPECT_EQ(done.operations(0).kind(), v1::Operation::KIND_STOP_MACHINE);

  // Held in the middle: everybody has masked its interrupts.
  Gates coordinator(cluster.Address("coordinator"));
  coordinator.Hold("publish:RUN");
  cluster.Ask<v1::OperationList>(
      {"stop-machine", "nop", "--on", "1,2", "--detach"});
  coordinator.Await("publish:RUN");
  const auto dump = cluster.Ask<v1::DumpReport>({"dump"});
  for (const v1::DumpReport::Cpu& cpu : dump.cpus()) {
    EXPECT_TRUE(cpu.snapshot().irqs_masked()) << cpu.DebugString();
  }
  EXPECT_EQ(cluster.State().stop().state(), "DISABLE_IRQ");
  EXPECT_EQ(cluster.State().stop().active(), "1-2");
  // Who is stopped answers nobody, until it goes on.
  const auto call =
      cluster.Start({"call", "3", "nop", "--from", "0", "--timeout", "50s"});
  coordinator.Release("publish:RUN");
  EXPECT_EQ(call->Wait().exit_code, 0) << call->err();
  cluster.ExpectAllCallsWork();
  cluster.ExpectCleanAudit();
  const MetricsPage page = cluster.Metrics("coordinator");
  EXPECT_EQ(page.Value("belfry_stop_machine_duration_seconds_count"), 2);
  for (const char* phase :
       {"PREPARE", "DISABLE_IRQ", "RUN", "CONFIRM", "EXIT"}) {
    EXPECT_EQ(page.Value("belfry_stop_machine_phase_duration_seconds_count",
                         {{"phase", phase}}),
              2)
        << phase;
  }
}

TEST(StopMachineTest, SoManyRoundsOneAfterTheOther) {
  const Cluster cluster({.cpus = 2});
  const auto done =
      cluster.Ask<v1::OperationList>({"stop-machine", "nop", "--count", "3"});
  ASSERT_EQ(done.operations_size(), 3);
  for (const v1::Operation& operation : done.operations()) {
    EXPECT_EQ(operation.result(), "0") << operation.DebugString();
  }
  const Outcome outcome = cluster.Run({"stop-machine", "nop", "--count", "4"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.out, HasSubstr("machine stopped 4 times: p50 "));
  // One that fails is the last.
  const auto failed = FromJson<v1::OperationList>(
      cluster.Run({"stop-machine", "dance", "--count", "3", "-o", "json"}));
  EXPECT_EQ(failed.operations_size(), 1);
  const MetricsPage page = cluster.Metrics("coordinator");
  EXPECT_EQ(page.Value("belfry_stop_machine_duration_seconds_count"), 8);
}

TEST(StopMachineTest, AnUnknownFunctionIsRefusedAndEverybodyGoesOn) {
  const Cluster cluster({.cpus = 2});
  const Outcome outcome = cluster.Run({"stop-machine", "dance"});
  EXPECT_NE(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.err, HasSubstr("ENOSYS"));
  cluster.ExpectAllCallsWork();
}

TEST(KickTest, RingsAnIdleCpuWithoutHarm) {
  const Cluster cluster({.cpus = 3});
  const auto kicked = cluster.Ask<v1::KickReport>({"kick", "0-2"});
  ASSERT_EQ(kicked.cpus_size(), 3);
  for (const auto& cpu : kicked.cpus()) EXPECT_EQ(cpu.depth(), 0u);
  cluster.ExpectAllCallsWork();
  cluster.ExpectCleanAudit();
}

v1::LoadStatus LoadOf(const Cluster& cluster, std::uint32_t cpu) {
  const auto report = cluster.Ask<v1::LoadReport>({"load", "show"});
  for (const v1::LoadStatus& load : report.loads()) {
    if (load.cpu() == cpu) return load;
  }
  ADD_FAILURE() << "no load of cpu " << cpu;
  return {};
}

TEST(LoadTest, AnExactCountIsSteeredToItsSubmitter) {
  const Cluster cluster({.cpus = 3});
  const auto started = cluster.Ask<v1::LoadReport>(
      {"load", "start", "--on", "1", "--submitters", "2", "--count", "108"});
  ASSERT_EQ(started.loads_size(), 1);
  EXPECT_TRUE(WaitFor([&] {
    return LoadOf(cluster, 1).completions() == 108 &&
           !LoadOf(cluster, 1).running();
  })) << LoadOf(cluster, 1).DebugString();
  cluster.ExpectCleanAudit();
  const Labels pair = {{"src_cpu", "1"}, {"cpu", "2"}};
  const MetricsPage source = cluster.Metrics("cpu/1");
  EXPECT_EQ(source.Value("belfry_io_completions_total"), 108);
  EXPECT_EQ(source.Value("belfry_calls_issued_total",
                         {{"src_cpu", "1"}, {"cpu", "2"}, {"kind", "nowait"}}),
            108);
  EXPECT_EQ(source.Value("belfry_calls_completed_total", pair), 108);
  const double sent = source.Value("belfry_doorbells_sent_total", pair);
  const double suppressed =
      source.Value("belfry_doorbells_suppressed_total", pair);
  EXPECT_GE(sent, 1);
  EXPECT_EQ(sent + suppressed, 108);
  EXPECT_GE(cluster.Metrics("cpu/2").Value("belfry_doorbells_taken_total"), 1);
}

TEST(LoadTest, ARateRunsUntilItIsChangedAndStopped) {
  const Cluster cluster({.cpus = 3});
  cluster.Ask<v1::LoadReport>({"load", "start", "--rate", "500"});
  const auto moved = [&](std::uint32_t cpu, std::uint64_t beyond) {
    return WaitFor([&] { return LoadOf(cluster, cpu).completions() > beyond; });
  };
  for (std::uint32_t cpu = 0; cpu < 3; ++cpu) EXPECT_TRUE(moved(cpu, 50));
  cluster.Ask<v1::LoadReport>(
      {"load", "start", "--on", "1", "--rate", "2000", "--seed", "7"});
  EXPECT_EQ(LoadOf(cluster, 1).load().rate(), 2000);
  EXPECT_EQ(LoadOf(cluster, 1).load().seed(), 7u);
  EXPECT_EQ(LoadOf(cluster, 2).load().rate(), 500);
  EXPECT_TRUE(moved(1, 50));
  cluster.Ask<v1::LoadReport>({"load", "stop"});
  for (std::uint32_t cpu = 0; cpu < 3; ++cpu) {
    EXPECT_FALSE(LoadOf(cluster, cpu).running());
  }
  const auto audit = cluster.ExpectCleanAudit();
  EXPECT_EQ(audit.lost(), 0u);
  EXPECT_GT(audit.completed(), 150u);
}

}  // namespace
}  // namespace belfry::e2e
