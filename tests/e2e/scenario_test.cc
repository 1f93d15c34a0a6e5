// The scenarios on real processes, under every preset: the lost doorbell
// happens where it must, and nowhere else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lab/runner.h"
#include "tests/e2e/support/cluster.h"
#include "tests/support/scenario_cases.h"

namespace belfry::e2e {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr int kHangs = 11;

v1::ScenarioResult Play(const Belfry& belfry, const std::string& scenario,
                        const std::string& profile, int exit_code) {
  return belfry.Ask<v1::ScenarioResult>(
      {"scenario", "run", scenario, "--profile", profile}, exit_code);
}

v1::ScenarioResult::Cpu CpuOf(const v1::ScenarioResult& result,
                              std::uint32_t cpu) {
  for (const v1::ScenarioResult::Cpu& row : result.cpus()) {
    if (row.cpu() == cpu) return row;
  }
  ADD_FAILURE() << "the result has no cpu " << cpu;
  return {};
}

std::map<std::string, std::uint32_t> ByFunction(
    const google::protobuf::Map<std::string, std::uint32_t>& map) {
  return {map.begin(), map.end()};
}

std::uint32_t TotalDepth(const v1::ScenarioResult& result) {
  std::uint32_t total = 0;
  for (const v1::ScenarioResult::Cpu& cpu : result.cpus()) {
    total += cpu.depth();
  }
  return total;
}

// The end that the mail of May 2013 describes.
void ExpectTheHang(const v1::ScenarioResult& result) {
  SCOPED_TRACE(result.DebugString());
  EXPECT_EQ(result.verdict(), "hang");
  EXPECT_THAT(result.violated(),
              UnorderedElementsAre("no_stranded_queue", "nothing_left_behind",
                                   "every_wait_ends"));
  EXPECT_THAT(result.gates().prevented(), IsEmpty());

  const v1::ScenarioResult::Cpu cpu3 = CpuOf(result, 3);
  EXPECT_EQ(cpu3.depth(), 109u);
  const auto functions = ByFunction(cpu3.by_function());
  EXPECT_EQ(functions.size(), 2u);
  EXPECT_THAT(functions, Contains(Pair("trigger_softirq", 108u)));
  EXPECT_EQ(TotalDepth(result), 109u) << "only CPU 3 has a queue";

  EXPECT_FALSE(result.doorbell().latched());
  EXPECT_EQ(result.doorbell().in_flight(), 0u);
  EXPECT_EQ(result.doorbell().fate(), "cleared_by_reset");

  ASSERT_EQ(result.stuck_size(), 1);
  EXPECT_EQ(result.stuck(0).cpu(), 1u);
  EXPECT_THAT(result.stuck(0).chain(),
              IsSupersetOf({"cpu_up", "smp_call_function_single",
                            "generic_exec_single"}));
  EXPECT_GE(result.stuck(0).age_s(), 1.0);
  EXPECT_EQ(result.ledger().pending(), 109u);
  EXPECT_EQ(result.ledger().lost(), 0u);
}

void ExpectNothingLeft(const v1::ScenarioResult& result) {
  SCOPED_TRACE(result.DebugString());
  EXPECT_EQ(result.verdict(), "holds");
  EXPECT_THAT(result.violated(), IsEmpty());
  EXPECT_THAT(result.stuck(), IsEmpty());
  EXPECT_EQ(TotalDepth(result), 0u);
  EXPECT_FALSE(result.doorbell().latched());
  EXPECT_EQ(result.doorbell().in_flight(), 0u);
  EXPECT_EQ(result.ledger().pending(), 0u);
  EXPECT_EQ(result.ledger().lost(), 0u);
  EXPECT_EQ(result.ledger().issued(),
            result.ledger().completed() + result.ledger().refused());
  EXPECT_GE(result.ledger().completed(), 108u);
}

TEST(LostIpiTest, HangsUnderLinux30FiveTimesInARow) {
  const Belfry belfry;
  for (int run = 0; run < 5; ++run) {
    ExpectTheHang(Play(belfry, "lost-ipi", "linux-3.0", kHangs));
  }
}

TEST(LostIpiTest, IsPreventedBySplittingTheBarrier) {
  const Belfry belfry;
  const auto result = Play(belfry, "lost-ipi", "linux-3.0+split", 0);
  ExpectNothingLeft(result);
  ASSERT_GE(result.gates().prevented_size(), 1) << result.DebugString();
  EXPECT_EQ(result.gates().prevented(0).process(), "cpu/1");
  EXPECT_EQ(result.gates().prevented(0).name(), "ack:DISABLE_IRQ");
}

TEST(LostIpiTest, HoldsWithTheFlush) {
  ExpectNothingLeft(Play(Belfry(), "lost-ipi", "linux-3.0+flush", 0));
}

TEST(LostIpiTest, HoldsUnderLinux316) {
  ExpectNothingLeft(Play(Belfry(), "lost-ipi", "linux-3.16", 0));
}

TEST(LostIpiTest, HoldsUnderLinux612) {
  ExpectNothingLeft(Play(Belfry(), "lost-ipi", "linux-6.12", 0));
}

TEST(LostIpiTest, HoldsUnderBelfry) {
  ExpectNothingLeft(Play(Belfry(), "lost-ipi", "belfry", 0));
}

TEST(LostIpiLateTest, HangsUnderLinux30) {
  ExpectTheHang(Play(Belfry(), "lost-ipi-late", "linux-3.0", kHangs));
}

TEST(LostIpiLateTest, HangsThoughTheBarrierIsSplit) {
  ExpectTheHang(Play(Belfry(), "lost-ipi-late", "linux-3.0+split", kHangs));
}

TEST(LostIpiLateTest, HoldsWithTheFlush) {
  ExpectNothingLeft(Play(Belfry(), "lost-ipi-late", "linux-3.0+flush", 0));
}

TEST(LostIpiLateTest, HoldsUnderLinux316) {
  ExpectNothingLeft(Play(Belfry(), "lost-ipi-late", "linux-3.16", 0));
}

TEST(LostIpiLateTest, HoldsUnderLinux612) {
  ExpectNothingLeft(Play(Belfry(), "lost-ipi-late", "linux-6.12", 0));
}

TEST(LostIpiLateTest, HoldsUnderBelfry) {
  ExpectNothingLeft(Play(Belfry(), "lost-ipi-late", "belfry", 0));
}

// ---- All built-in scenarios.

class OnProcesses : public ::testing::TestWithParam<testing::ScenarioCase> {};

TEST_P(OnProcesses, EndsAsItsFileExpects) {
  const auto& [scenario, expected] = GetParam();
  std::vector<std::string> args = {"scenario", "run", scenario.name(),
                                   "--profile", expected.profile()};
  for (const std::string& set : expected.set()) {
    args.insert(args.end(), {"--set", set});
  }
  // Whatever the verdict is, it is the one to be expected: exit code 0.
  args.insert(args.end(), {"--expect", expected.verdict()});
  const auto result = Belfry().Ask<v1::ScenarioResult>(args);
  EXPECT_EQ(lab::DifferenceFromExpected(scenario, result), "")
      << result.DebugString();
}

// In memory all of them are run, in tests/lab.
INSTANTIATE_TEST_SUITE_P(Telling, OnProcesses,
                         ::testing::ValuesIn(testing::TellingScenarioCases()),
                         testing::CaseName);

// ---- What the hang looks like from every side.

std::string Causes(const v1::ExplainReport::Waiter& waiter) {
  std::string text;
  for (const auto& cause : waiter.causes()) {
    absl::StrAppend(&text, cause.text(), "\n");
  }
  return text;
}

void ExpectPendingShowsIt(const Cluster& cluster) {
  const auto pending = cluster.Ask<v1::PendingReport>({"pending"});
  SCOPED_TRACE(pending.DebugString());
  int waiting = 0;
  int queued = 0;
  for (const v1::PendingReport::Call& call : pending.calls()) {
    EXPECT_EQ(call.src_cpu(), 1u);
    EXPECT_EQ(call.cpu(), 3u);
    EXPECT_EQ(call.state(), "queued");
    ++queued;
    if (!call.wait()) continue;
    ++waiting;
    EXPECT_TRUE(call.stuck());
    EXPECT_EQ(call.position(), 109u);
    EXPECT_THAT(call.frames(), Contains("generic_exec_single"));
  }
  EXPECT_EQ(waiting, 1);
  EXPECT_EQ(queued + static_cast<int>(pending.not_listed()), 109);
  for (const v1::PendingReport::Cpu& cpu : pending.cpus()) {
    EXPECT_EQ(cpu.stranded(), cpu.cpu() == 3);
    EXPECT_EQ(cpu.depth(), cpu.cpu() == 3 ? 109u : 0u);
  }
}

void ExpectDumpShowsIt(const Cluster& cluster) {
  const auto dump = cluster.Ask<v1::DumpReport>({"dump"});
  SCOPED_TRACE(dump.DebugString());
  ASSERT_EQ(dump.cpus_size(), 4);
  const v1::DumpReport::Cpu& cpu1 = dump.cpus(1);
  const v1::DumpReport::Cpu& cpu3 = dump.cpus(3);
  EXPECT_TRUE(cpu3.stranded());
  EXPECT_EQ(cpu3.snapshot().depth(), 109u);
  EXPECT_FALSE(cpu3.snapshot().latched());
  EXPECT_EQ(cpu3.snapshot().life(), "ONLINE");
  EXPECT_FALSE(cpu3.snapshot().irqs_masked());
  std::map<std::string, std::uint32_t> functions;
  for (const v1::FunctionCount& count : cpu3.snapshot().by_function()) {
    functions[count.function()] = count.count();
  }
  EXPECT_THAT(functions, Contains(Pair("trigger_softirq", 108u)));
  EXPECT_EQ(cpu3.snapshot().last_doorbell().fate(),
            v1::Doorbell::FATE_CLEARED_BY_RESET);
  EXPECT_EQ(cpu3.snapshot().last_doorbell().src_cpu(), 1u);
  EXPECT_EQ(cpu1.snapshot().step(), "calls:online");
  EXPECT_EQ(cpu1.snapshot().step_cpu(), 3u);
  EXPECT_FALSE(cpu1.activity().empty());
}

void ExpectExplainShowsIt(const Cluster& cluster) {
  const auto explain = cluster.Ask<v1::ExplainReport>({"explain"});
  SCOPED_TRACE(explain.DebugString());
  EXPECT_THAT(explain.stranded_cpus(), ElementsAre(3u));
  ASSERT_EQ(explain.waiters_size(), 1);
  const v1::ExplainReport::Waiter& waiter = explain.waiters(0);
  EXPECT_EQ(waiter.cpu(), 1u);
  EXPECT_EQ(waiter.target_cpu(), 3u);
  EXPECT_EQ(waiter.doorbell().fate(), v1::Doorbell::FATE_CLEARED_BY_RESET);
  EXPECT_THAT(Causes(waiter), HasSubstr("reset"));
  EXPECT_THAT(waiter.remedy(), HasSubstr("belfry kick 3"));
  // The chain ends in the doorbell, proved by an event of the rings.
  bool reset_is_proved = false;
  for (const auto& cause : waiter.causes()) {
    reset_is_proved = reset_is_proved || cause.has_event();
  }
  EXPECT_TRUE(reset_is_proved);
}

void ExpectAuditShowsIt(const Cluster& cluster) {
  const auto audit = cluster.Ask<v1::AuditReport>({"audit"}, 12);
  SCOPED_TRACE(audit.DebugString());
  EXPECT_FALSE(audit.clean());
  EXPECT_EQ(audit.pending(), 109u);
  EXPECT_EQ(audit.issued(), audit.completed() + audit.refused() + audit.lost() +
                                audit.pending());
  bool stranded = false;
  for (const v1::AuditReport::Finding& finding : audit.findings()) {
    stranded =
        stranded || (finding.kind() == "stranded_queue" && finding.cpu() == 3 &&
                     finding.invariant() == "no_stranded_queue");
  }
  EXPECT_TRUE(stranded);
}

void ExpectMetricsShowIt(const Cluster& cluster) {
  const Labels cpu3 = {{"cpu", "3"}};
  const MetricsPage coordinator = cluster.Metrics("coordinator");
  EXPECT_EQ(coordinator.Value("belfry_queue_depth", cpu3), 109);
  EXPECT_GT(coordinator.Value("belfry_queue_head_timestamp_seconds", cpu3),
            1e9);
  EXPECT_EQ(coordinator.Value("belfry_cpu_online", cpu3), 1);
  const MetricsPage target = cluster.Metrics("cpu/3");
  EXPECT_EQ(target.Value("belfry_calls_pending", cpu3), 109);
  EXPECT_EQ(target.Value("belfry_calls_pending",
                         {{"cpu", "3"}, {"func", "trigger_softirq"}}),
            108);
  EXPECT_EQ(target.Value("belfry_doorbells_dropped_total",
                         {{"cpu", "3"}, {"reason", "reset"}}),
            1);
  EXPECT_EQ(target.Value("belfry_doorbell_latched", cpu3), 0);
  EXPECT_GE(target.Value("belfry_calls_carried_total", cpu3), 1);
  const MetricsPage waiter = cluster.Metrics("cpu/1");
  EXPECT_EQ(waiter.Value("belfry_waiters_stuck", {{"cpu", "1"}}), 1);
  EXPECT_GT(
      waiter.Value("belfry_waiter_oldest_timestamp_seconds", {{"cpu", "1"}}),
      1e9);
}

TEST(LostIpiTest, EveryVerbAndMetricShowsTheHangAndAKickEndsIt) {
  const Belfry belfry;
  const Outcome run = belfry.Run({"scenario", "run", "lost-ipi", "--profile",
                                  "linux-3.0", "--keep", "-o", "json"});
  ASSERT_EQ(run.exit_code, kHangs) << run;
  const Cluster cluster = Cluster::Adopt(KeptIn(run));
  ExpectPendingShowsIt(cluster);
  ExpectDumpShowsIt(cluster);
  ExpectExplainShowsIt(cluster);
  ExpectAuditShowsIt(cluster);
  ExpectMetricsShowIt(cluster);
  // The operation that hangs says so itself.
  const auto operations = cluster.Ask<v1::OperationList>({"ops", "list"});
  ASSERT_EQ(operations.operations_size(), 1);
  EXPECT_EQ(operations.operations(0).control_cpu(), 1u);
  EXPECT_FALSE(operations.operations(0).done());

  const auto kicked = cluster.Ask<v1::KickReport>({"kick", "3"});
  ASSERT_EQ(kicked.cpus_size(), 1);
  EXPECT_EQ(kicked.cpus(0).depth(), 109u);
  const auto audit = cluster.ExpectCleanAudit();
  EXPECT_EQ(audit.issued(), audit.completed());
  EXPECT_GE(audit.completed(), 109u);
  // The notifier has its answer, so the CPU is up.
  EXPECT_TRUE(cluster.AwaitState(3, v1::CPU_STATE_ONLINE));
  const auto explain = cluster.Ask<v1::ExplainReport>({"explain"});
  EXPECT_EQ(explain.waiters_size(), 0);
  const auto after = cluster.Ask<v1::PendingReport>({"pending"});
  EXPECT_EQ(after.calls_size(), 0);
}

// ---- The verb itself.

TEST(ScenarioTest, ListAndShowKnowAllOfThem) {
  const Belfry belfry;
  const auto list = belfry.Ask<v1::ScenarioList>({"scenario", "list"});
  const auto presets = belfry.Ask<v1::ProfileList>({"profile", "list"});
  std::vector<std::string> names;
  for (const v1::ScenarioInfo& info : list.scenarios()) {
    names.push_back(info.name());
    for (const v1::Profile& preset : presets.profiles()) {
      EXPECT_TRUE(info.expected().contains(preset.name()))
          << info.name() << " under " << preset.name();
    }
  }
  EXPECT_THAT(names, IsSupersetOf({"lost-ipi", "lost-ipi-late"}));
  const Outcome show = belfry.Run({"scenario", "show", "lost-ipi"});
  EXPECT_EQ(show.exit_code, 0);
  EXPECT_THAT(show.out, HasSubstr("Heiko Carstens"));
}

TEST(ScenarioTest, ExpectTurnsTheVerdictIntoAnAnswer) {
  const Belfry belfry;
  EXPECT_EQ(belfry
                .Run({"scenario", "run", "lost-ipi", "--profile", "linux-3.0",
                      "--expect", "hang"})
                .exit_code,
            0);
  EXPECT_EQ(belfry
                .Run({"scenario", "run", "lost-ipi", "--profile", "belfry",
                      "--expect", "hang"})
                .exit_code,
            1);
}

TEST(ScenarioTest, AttachPlaysOnARunningClusterWithGates) {
  const Cluster cluster({.flags = {"--gates"}});
  const auto result = cluster.Ask<v1::ScenarioResult>(
      {"scenario", "run", "lost-ipi", "--attach"});
  ExpectNothingLeft(result);
  cluster.ExpectCleanAudit();
  cluster.ExpectAllCallsWork();
}

TEST(ScenarioTest, RefusesWhatItCannotPlay) {
  const Belfry belfry;
  const Outcome unknown = belfry.Run({"scenario", "run", "lost-ippi"});
  EXPECT_EQ(unknown.exit_code, 2) << unknown;
  EXPECT_THAT(unknown.err, HasSubstr("lost-ippi"));
  const std::string file = belfry.state_dir() + "/broken.textproto";
  WriteFile(file, "version: 1 name: \"broken\" steps { dance {} }");
  const Outcome broken = belfry.Run({"scenario", "run", file});
  EXPECT_EQ(broken.exit_code, 2) << broken;
  EXPECT_THAT(broken.err, HasSubstr(file));
  const Outcome profile =
      belfry.Run({"scenario", "run", "lost-ipi", "--profile", "linux-9"});
  EXPECT_EQ(profile.exit_code, 2) << profile;
  EXPECT_THAT(profile.err, HasSubstr("linux-9"));
}

}  // namespace
}  // namespace belfry::e2e
