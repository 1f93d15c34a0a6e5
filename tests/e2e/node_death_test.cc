// A node dies, or is asked to go: callers get an answer, the rest goes on, and
// nothing is lost without being counted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/e2e/support/cluster.h"
#include "tests/e2e/support/gates.h"

namespace belfry::e2e {
namespace {

using ::testing::HasSubstr;

// What those that are left say after a death: whole books, whatever is lost.
v1::AuditReport AuditAfterDeath(const Cluster& cluster) {
  v1::AuditReport audit;
  EXPECT_TRUE(WaitFor([&] {
    audit = FromJson<v1::AuditReport>(cluster.Run({"audit", "-o", "json"}));
    return audit.pending() == 0;
  })) << audit.DebugString();
  EXPECT_EQ(audit.issued(), audit.completed() + audit.refused() + audit.lost());
  for (const v1::AuditReport::Finding& finding : audit.findings()) {
    EXPECT_EQ(finding.kind(), "lost") << finding.DebugString();
  }
  return audit;
}

// The next life of a CPU that died: a new incarnation, and all works again.
void ExpectItComesBack(const Cluster& cluster, std::uint32_t cpu,
                       std::uint64_t old_incarnation) {
  cluster.Repair();
  ASSERT_TRUE(cluster.AwaitState(cpu, v1::CPU_STATE_OFFLINE));
  EXPECT_GT(cluster.Cpu(cpu).incarnation(), old_incarnation);
  cluster.Online(cpu);
  EXPECT_TRUE(cluster.AwaitEqualViews());
  cluster.ExpectAllCallsWork();
}

TEST(NodeDeathTest, AWaitingCallerHearsOfItBeforeItsDeadline) {
  const Cluster cluster({.flags = {"--gates"}});
  const v1::CpuInfo victim = cluster.Cpu(2);
  Gates(victim.address()).Hold("run");
  const auto caller = cluster.Start(
      {"call", "2", "nop", "--from", "0", "--timeout", "50s", "-o", "json"});
  Gates(victim.address()).Await("run");
  const auto start = std::chrono::steady_clock::now();
  cluster.Kill("cpu/2");
  const Outcome outcome = caller->Wait();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  EXPECT_EQ(outcome.exit_code, 1) << outcome;
  const auto report = FromJson<v1::CallReport>(outcome);
  ASSERT_EQ(report.results_size(), 1);
  EXPECT_EQ(report.results(0).lost(), 1u) << report.DebugString();
  EXPECT_EQ(report.results(0).result(), "EOWNERDEAD");

  ASSERT_TRUE(cluster.AwaitState(2, v1::CPU_STATE_CRASHED));
  EXPECT_FALSE(cluster.Cpu(2).online());
  EXPECT_EQ(cluster.State().view().online(), "0-1,3");
  EXPECT_TRUE(cluster.AwaitEqualViews());
  cluster.ExpectAllCallsWork();
  const auto refused = cluster.Call({"2", "nop", "--from", "0"}, 1);
  EXPECT_EQ(refused.results(0).result(), "ENXIO");
  EXPECT_EQ(cluster.Metrics("cpu/0").Value("belfry_calls_lost_total",
                                           {{"src_cpu", "0"}, {"cpu", "2"}}),
            1);
  const MetricsPage page = cluster.Metrics("coordinator");
  EXPECT_EQ(
      page.Value("belfry_cpu_state", {{"cpu", "2"}, {"state", "crashed"}}), 1);
  EXPECT_EQ(page.Value("belfry_cpu_online", {{"cpu", "2"}}), 0);
  EXPECT_EQ(page.Value("belfry_cpu_crashes_total", {{"cpu", "2"}}), 1);
  const auto audit = AuditAfterDeath(cluster);
  EXPECT_EQ(audit.lost(), 1u);
  EXPECT_FALSE(audit.clean());
  EXPECT_EQ(cluster.Run({"audit"}).exit_code, 12);
  ExpectItComesBack(cluster, 2, victim.incarnation());
}

TEST(NodeDeathTest, WhatItHadInItsQueueIsCountedAsLost) {
  const Cluster cluster({.flags = {"--gates"}});
  const v1::CpuInfo victim = cluster.Cpu(3);
  Gates(victim.address()).Hold("irq_entry");
  cluster.Call({"3", "nop", "--nowait", "--count", "25", "--from", "1"});
  EXPECT_EQ(cluster.Ask<v1::DumpReport>({"dump"}).cpus(3).snapshot().depth(),
            25u);
  // The coordinator knows the queue before its process is gone, and after.
  const auto depth = [&] {
    return cluster.Metrics("coordinator")
        .Value("belfry_queue_depth", {{"cpu", "3"}});
  };
  ASSERT_TRUE(WaitFor([&] { return depth() == 25; }));
  cluster.Kill("cpu/3");
  ASSERT_TRUE(cluster.AwaitState(3, v1::CPU_STATE_CRASHED));
  EXPECT_EQ(depth(), 25) << "a leak must not vanish with who holds it";
  EXPECT_EQ(AuditAfterDeath(cluster).lost(), 25u);
  cluster.ExpectAllCallsWork();
  ExpectItComesBack(cluster, 3, victim.incarnation());
  EXPECT_TRUE(WaitFor([&] { return depth() == 0; }, std::chrono::seconds(10)))
      << "the new process has an empty queue";
}

TEST(NodeDeathTest, ACallerThatDiesLeavesNothingOpen) {
  const Cluster cluster({.flags = {"--gates"}});
  const v1::CpuInfo victim = cluster.Cpu(1);
  Gates target(cluster.Address("cpu/2"));
  target.Hold("irq_entry");
  cluster.Call({"2", "nop", "--nowait", "--count", "10", "--from", "1"});
  cluster.Kill("cpu/1");
  ASSERT_TRUE(cluster.AwaitState(1, v1::CPU_STATE_CRASHED));
  target.Release("irq_entry");
  AuditAfterDeath(cluster);
  cluster.ExpectAllCallsWork();
  ExpectItComesBack(cluster, 1, victim.incarnation());
}

TEST(NodeDeathTest, TheBootCpuMayDieToo) {
  const Cluster cluster({.cpus = 3});
  const v1::CpuInfo victim = cluster.Cpu(0);
  cluster.Kill("cpu/0");
  ASSERT_TRUE(cluster.AwaitState(0, v1::CPU_STATE_CRASHED));
  cluster.ExpectAllCallsWork();
  cluster.Offline(2);
  cluster.Online(2);
  ExpectItComesBack(cluster, 0, victim.incarnation());
}

// ---- In the middle of an operation.

v1::Operation StartHeld(const Cluster& cluster, const Arguments& operation,
                        Gates& gates, const std::string& gate) {
  gates.Hold(gate);
  Arguments arguments = operation;
  arguments.emplace_back("--detach");
  const auto list = cluster.Ask<v1::OperationList>(arguments);
  gates.Await(gate);
  return list.operations(0);
}

v1::Operation Await(const Cluster& cluster, const v1::Operation& operation) {
  const auto list = FromJson<v1::OperationList>(
      cluster.Run({"ops", "wait", absl::StrCat(operation.id()), "--timeout",
                   "40s", "-o", "json"}));
  if (list.operations_size() != 1) {
    ADD_FAILURE() << "operation " << operation.id() << " does not end";
    return {};
  }
  return list.operations(0);
}

void ExpectAllUnmasked(const Cluster& cluster) {
  EXPECT_TRUE(WaitFor([&] {
    const auto dump = cluster.Ask<v1::DumpReport>({"dump"});
    for (const v1::DumpReport::Cpu& cpu : dump.cpus()) {
      if (cpu.info().online() && cpu.snapshot().irqs_masked()) return false;
    }
    return true;
  }));
}

class ParticipantDeathTest : public testing::TestWithParam<std::string> {};

// Before RUN nothing has happened yet: the round is given up, and the operation
// with it.
TEST_P(ParticipantDeathTest, BeforeRunAbortsTheRoundAndRollsBack) {
  const Cluster cluster({.flags = {"--gates"}});
  const v1::CpuInfo victim = cluster.Cpu(1);
  Gates gates(victim.address());
  const v1::Operation operation =
      StartHeld(cluster, {"cpu", "offline", "3"}, gates, GetParam());
  cluster.Kill("cpu/1");
  const v1::Operation ended = Await(cluster, operation);
  EXPECT_EQ(ended.result(), "EOWNERDEAD") << ended.DebugString();
  EXPECT_EQ(cluster.Cpu(3).state(), v1::CPU_STATE_ONLINE);
  EXPECT_EQ(cluster.Cpu(1).state(), v1::CPU_STATE_CRASHED);
  EXPECT_EQ(cluster.State().view().online(), "0,2-3");
  ExpectAllUnmasked(cluster);
  EXPECT_TRUE(cluster.AwaitEqualViews());
  cluster.ExpectAllCallsWork();
  EXPECT_EQ(cluster.Metrics("coordinator")
                .Value("belfry_stop_machine_aborted_total",
                       {{"reason", "participant_died"}}),
            1);
  EXPECT_EQ(cluster.ExpectCleanAudit().lost(), 0u);
  cluster.Offline(3);
  cluster.Online(3);
  ExpectItComesBack(cluster, 1, victim.incarnation());
}

INSTANTIATE_TEST_SUITE_P(Gates, ParticipantDeathTest,
                         testing::Values("ack:PREPARE", "ack:DISABLE_IRQ"),
                         [](const auto& param) {
                           return param.param == "ack:PREPARE" ? "prepare"
                                                               : "disable_irq";
                         });

// From COMMIT on the round is finished without it.
TEST(NodeDeathTest, AParticipantThatDiesAtTheExitHoldsNobodyUp) {
  const Cluster cluster({.flags = {"--gates"}});
  Gates gates(cluster.Address("cpu/1"));
  const v1::Operation operation =
      StartHeld(cluster, {"cpu", "offline", "3"}, gates, "ack:EXIT");
  cluster.Kill("cpu/1");
  EXPECT_EQ(Await(cluster, operation).result(), "0");
  EXPECT_EQ(cluster.State().view().online(), "0,2");
  ExpectAllUnmasked(cluster);
  EXPECT_TRUE(cluster.AwaitEqualViews());
  cluster.ExpectAllCallsWork();
  cluster.Online(3);
}

TEST(NodeDeathTest, TheVictimMayDieInItsOwnTakedown) {
  for (const char* gate : {"ack:PREPARE", "ack:RUN", "ack:EXIT"}) {
    SCOPED_TRACE(gate);
    const Cluster cluster({.cpus = 3, .flags = {"--gates"}});
    const v1::CpuInfo victim = cluster.Cpu(2);
    Gates gates(victim.address());
    const v1::Operation operation =
        StartHeld(cluster, {"cpu", "offline", "2"}, gates, gate);
    cluster.Kill("cpu/2");
    EXPECT_TRUE(Await(cluster, operation).done());
    ASSERT_TRUE(WaitFor([&] { return !cluster.Cpu(2).online(); }));
    ExpectAllUnmasked(cluster);
    EXPECT_TRUE(cluster.AwaitEqualViews());
    cluster.ExpectAllCallsWork();
    cluster.Offline(1);
    cluster.Online(1);
    ExpectItComesBack(cluster, 2, victim.incarnation());
  }
}

TEST(NodeDeathTest, ACpuThatDiesOnItsWayUpIsRolledBack) {
  for (const char* gate : {"reset", "step:tasks:online"}) {
    SCOPED_TRACE(gate);
    const Cluster cluster({.cpus = 3, .flags = {"--gates"}});
    cluster.Offline(2);
    const v1::CpuInfo victim = cluster.Cpu(2);
    Gates gates(victim.address());
    const v1::Operation operation =
        StartHeld(cluster, {"cpu", "online", "2"}, gates, gate);
    cluster.Kill("cpu/2");
    const v1::Operation ended = Await(cluster, operation);
    EXPECT_TRUE(ended.done());
    EXPECT_NE(ended.result(), "0") << ended.DebugString();
    EXPECT_EQ(cluster.State().view().online(), "0-1");
    EXPECT_TRUE(cluster.AwaitEqualViews());
    cluster.ExpectAllCallsWork();
    ExpectItComesBack(cluster, 2, victim.incarnation());
  }
}

TEST(NodeDeathTest, AnotherCpuTakesTheControlStepsOver) {
  const Cluster cluster({.flags = {"--gates"}});
  cluster.Offline(3);
  const v1::CpuInfo victim = cluster.Cpu(1);
  Gates gates(victim.address());
  const v1::Operation operation = StartHeld(
      cluster, {"cpu", "online", "3", "--on", "1"}, gates, "step:calls:online");
  cluster.Kill("cpu/1");
  EXPECT_EQ(Await(cluster, operation).result(), "0");
  EXPECT_EQ(cluster.Cpu(3).state(), v1::CPU_STATE_ONLINE);
  EXPECT_EQ(cluster.State().view().online(), "0,2-3");
  cluster.ExpectAllCallsWork();
  ExpectItComesBack(cluster, 1, victim.incarnation());
}

TEST(NodeDeathTest, AStopMachineFunctionWithADeadParticipantIsGivenUp) {
  const Cluster cluster({.cpus = 3, .flags = {"--gates"}});
  Gates gates(cluster.Address("cpu/2"));
  const v1::Operation operation = StartHeld(
      cluster, {"stop-machine", "nop", "--on", "0"}, gates, "ack:DISABLE_IRQ");
  cluster.Kill("cpu/2");
  EXPECT_EQ(Await(cluster, operation).result(), "EOWNERDEAD");
  ExpectAllUnmasked(cluster);
  cluster.ExpectAllCallsWork();
  const auto again = cluster.Ask<v1::OperationList>({"stop-machine", "nop"});
  EXPECT_EQ(again.operations(0).result(), "0");
}

// ---- By SIGTERM.

TEST(NodeEndTest, BySigtermItGoesOfflineFirstAndLosesNothing) {
  const Cluster cluster;
  cluster.Ask<v1::LoadReport>(
      {"load", "start", "--on", "0-1", "--submitters", "0-3", "--rate", "300"});
  const pid_t pid = cluster.Pid("cpu/3");
  ASSERT_TRUE(SignalAndAwaitDeath(pid, SIGTERM));
  EXPECT_TRUE(cluster.AwaitState(3, v1::CPU_STATE_ABSENT));
  cluster.Ask<v1::LoadReport>({"load", "stop"});
  const auto audit = AuditAfterDeath(cluster);
  EXPECT_EQ(audit.lost(), 0u) << audit.DebugString();
  const auto operations =
      cluster.Ask<v1::OperationList>({"ops", "list", "--all"});
  bool offlined = false;
  for (const v1::Operation& operation : operations.operations()) {
    offlined =
        offlined || (operation.kind() == v1::Operation::KIND_OFFLINE &&
                     operation.cpus() == "3" && operation.result() == "0");
  }
  EXPECT_TRUE(offlined) << operations.DebugString();
  EXPECT_EQ(cluster.Metrics("coordinator")
                .Value("belfry_cpu_crashes_total", {{"cpu", "3"}}),
            0);
  cluster.ExpectAllCallsWork();
}

// A signal of no meaning makes it no deafer.
TEST(NodeEndTest, BySigtermAfterASigusr1) {
  const Cluster cluster({.cpus = 2});
  const pid_t pid = cluster.Pid("cpu/1");
  kill(pid, SIGUSR1);
  cluster.ExpectAllCallsWork();
  EXPECT_TRUE(SignalAndAwaitDeath(pid, SIGTERM));
  EXPECT_TRUE(cluster.AwaitState(1, v1::CPU_STATE_ABSENT));
}

TEST(NodeEndTest, TheLastCpuEndsAllTheSame) {
  const Cluster cluster({.cpus = 1});
  EXPECT_TRUE(SignalAndAwaitDeath(cluster.Pid("cpu/0"), SIGTERM));
}

TEST(NodeEndTest, ASecondSigtermDoesNotWait) {
  const Cluster cluster({.cpus = 2, .flags = {"--gates"}});
  Gates(cluster.Address("coordinator")).Hold("journal:ap");
  const pid_t pid = cluster.Pid("cpu/1");
  kill(pid, SIGTERM);
  Gates(cluster.Address("coordinator")).Await("journal:ap");
  EXPECT_TRUE(IsAlive(pid)) << "the first one waits for hotplug";
  EXPECT_TRUE(SignalAndAwaitDeath(pid, SIGTERM, std::chrono::seconds(4)));
}

// Nobody can make the function return; the process ends all the same.
TEST(NodeEndTest, TwoEndAProcessWhoseFunctionRuns) {
  const Cluster cluster({.cpus = 2});
  const auto call = cluster.Start(
      {"call", "1", "spin", "--payload", "10000000", "-o", "json"});
  ASSERT_TRUE(WaitFor([&] {
    const auto pending = cluster.Ask<v1::PendingReport>({"pending"});
    return pending.calls_size() == 1 && pending.calls(0).state() == "running";
  }));
  const pid_t pid = cluster.Pid("cpu/1");
  kill(pid, SIGTERM);
  // Two that are pending are one.
  ASSERT_TRUE(WaitFor([&] {
    return absl::StrContains(cluster.Run({"logs", "1"}).out, "asked to end");
  }));
  EXPECT_TRUE(SignalAndAwaitDeath(pid, SIGTERM, std::chrono::seconds(4)));
  const auto report = FromJson<v1::CallReport>(call->Wait());
  ASSERT_EQ(report.results_size(), 1);
  EXPECT_EQ(report.results(0).result(), "EOWNERDEAD");
}

}  // namespace
}  // namespace belfry::e2e
