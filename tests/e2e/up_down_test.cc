// A cluster comes up, says what it is, is repaired, and goes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/e2e/support/cluster.h"

namespace belfry::e2e {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<pid_t> AllPids(const Cluster& cluster) {
  const v1::ClusterStatus status = cluster.Status();
  std::vector<pid_t> pids = {static_cast<pid_t>(status.coordinator_pid())};
  for (const v1::CpuInfo& cpu : status.cluster().cpus()) {
    pids.push_back(static_cast<pid_t>(cpu.pid()));
  }
  return pids;
}

TEST(UpTest, BringsEveryCpuOnlineAndDownEndsEveryProcess) {
  const Cluster cluster({.cpus = 3});
  const v1::ClusterStatus status = cluster.Status();
  EXPECT_EQ(status.state(), "up");
  EXPECT_THAT(status.problems(), IsEmpty());
  EXPECT_EQ(status.state_dir(), cluster.state_dir());
  EXPECT_EQ(status.cluster().view().online(), "0-2");
  EXPECT_EQ(status.cluster().possible(), "0-2");
  EXPECT_EQ(status.cluster().present(), "0-2");
  for (const v1::CpuInfo& cpu : status.cluster().cpus()) {
    EXPECT_EQ(cpu.state(), v1::CPU_STATE_ONLINE);
    EXPECT_EQ(cpu.cpuhp_name(), "online");
    EXPECT_GT(cpu.incarnation(), 0u);
  }
  const std::vector<pid_t> pids = AllPids(cluster);
  EXPECT_EQ(pids.size(), 4u);
  for (const pid_t pid : pids) EXPECT_TRUE(IsAlive(pid));

  const auto down = cluster.Ask<v1::ClusterStatus>({"down"});
  EXPECT_EQ(down.state(), "down");
  EXPECT_THAT(down.message(), Not(HasSubstr("killed")))
      << "each must end by itself";
  for (const pid_t pid : pids) EXPECT_FALSE(IsAlive(pid));
  const auto after = cluster.Ask<v1::ClusterStatus>({"status"}, 1);
  EXPECT_EQ(after.state(), "down");
  // The logs stay for those who want to know.
  EXPECT_TRUE(std::filesystem::exists(cluster.state_dir() + "/logs"));
}

TEST(UpTest, EightCpusCallEachOther) {
  const Cluster cluster({.cpus = 8});
  EXPECT_EQ(cluster.State().view().online(), "0-7");
  cluster.ExpectAllCallsWork();
  cluster.ExpectCleanAudit();
}

TEST(UpTest, OneCpuIsAMachine) {
  const Cluster cluster({.cpus = 1});
  EXPECT_EQ(cluster.State().view().online(), "0");
  cluster.ExpectAllCallsWork();
}

TEST(UpTest, ASecondUpChangesNothingAndSaysSo) {
  const Cluster cluster({.cpus = 2});
  const std::vector<pid_t> before = AllPids(cluster);
  const Outcome second = cluster.Run({"up", "--detach", "--cpus", "4"});
  EXPECT_EQ(second.exit_code, 1) << second;
  EXPECT_THAT(second.err,
              AllOf(HasSubstr("is up"), HasSubstr(cluster.state_dir())));
  EXPECT_EQ(AllPids(cluster), before);
  EXPECT_EQ(cluster.State().view().online(), "0-1");
}

TEST(UpTest, TwoAtOnceMakeOneCluster) {
  const Cluster cluster({.cpus = 2});
  ASSERT_EQ(cluster.Run({"down"}).exit_code, 0);
  const auto first = cluster.Start({"up", "--detach", "--cpus", "2"});
  const auto second = cluster.Start({"up", "--detach", "--cpus", "2"});
  const int codes = first->Wait().exit_code + second->Wait().exit_code;
  EXPECT_EQ(codes, 1) << first->err() << second->err();
  EXPECT_EQ(cluster.Status().state(), "up");
}

TEST(UpTest, InTheForegroundCtrlCTakesItDown) {
  const Belfry belfry;
  const auto up = belfry.Start({"up", "--cpus", "2"});
  const auto status = [&] {
    return FromJson<v1::ClusterStatus>(belfry.Run({"status", "-o", "json"}));
  };
  ASSERT_TRUE(WaitFor([&] {
    return up->out().find("2 CPUs online") != std::string::npos;
  })) << up->err();
  const auto pid = static_cast<pid_t>(status().coordinator_pid());
  EXPECT_TRUE(IsAlive(pid));
  up->Signal(SIGINT);
  const Outcome outcome = up->Wait();
  EXPECT_FALSE(outcome.timed_out);
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_FALSE(IsAlive(pid));
  EXPECT_EQ(status().state(), "down");
}

TEST(UpTest, SaysWhatDiedWhileItStays) {
  const Belfry belfry;
  const auto up = belfry.Start({"up", "--cpus", "2"});
  ASSERT_TRUE(WaitFor([&] {
    return up->out().find("2 CPUs online") != std::string::npos;
  })) << up->err();
  const auto cpus = belfry.Ask<v1::CpuList>({"cpu", "list"});
  ASSERT_EQ(cpus.cpus_size(), 2);
  ASSERT_TRUE(
      SignalAndAwaitDeath(static_cast<pid_t>(cpus.cpus(1).pid()), SIGKILL));
  EXPECT_TRUE(WaitFor([&] {
    return up->err().find("cpu/1 died") != std::string::npos;
  })) << up->err();
  up->Signal(SIGTERM);
  EXPECT_FALSE(up->Wait().timed_out);
}

TEST(StatusTest, HealthAndVersionAnswer) {
  const Cluster cluster({.cpus = 2});
  const auto health = cluster.Ask<v1::HealthReport>({"health"});
  EXPECT_TRUE(health.healthy());
  ASSERT_EQ(health.processes_size(), 3);
  for (const v1::HealthReport::Process& process : health.processes()) {
    EXPECT_EQ(process.status(), "SERVING") << process.name();
  }
  const auto one = cluster.Ask<v1::HealthReport>(
      {"health", "--address", cluster.Address("cpu/1")});
  EXPECT_TRUE(one.healthy());
  const auto version = cluster.Ask<v1::VersionReport>({"version"});
  EXPECT_FALSE(version.version().empty());
  EXPECT_FALSE(version.grpc().empty());
}

TEST(StatusTest, TheCoordinatorsAddressIsEnough) {
  const Cluster cluster({.cpus = 2});
  const Belfry elsewhere;
  const auto status = elsewhere.Ask<v1::ClusterStatus>(
      {"status", "--coordinator", cluster.Address("coordinator")});
  EXPECT_EQ(status.state(), "remote");
  EXPECT_EQ(status.cluster().view().online(), "0-1");
}

TEST(StatusTest, NoClusterIsSaidByEveryVerb) {
  const Belfry belfry;
  for (const Arguments& verb : std::vector<Arguments>{
           {"cpu", "list"}, {"call", "0", "nop"}, {"audit"}, {"pending"}}) {
    const Outcome outcome = belfry.Run(verb);
    EXPECT_EQ(outcome.exit_code, 78) << outcome;
    EXPECT_THAT(outcome.err, HasSubstr("belfry up")) << outcome;
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_EQ(belfry.Run({"status"}).exit_code, 1);
  EXPECT_EQ(belfry.Run({"health"}).exit_code, 1);
  EXPECT_EQ(belfry.Run({"up", "--repair"}).exit_code, 1);
  // Nothing to take down is no failure.
  EXPECT_EQ(belfry.Run({"down"}).exit_code, 0);
}

TEST(StaleTest, AfterTheDeathOfAllUpStartsAFreshMachine) {
  const Cluster cluster({.cpus = 2});
  for (const pid_t pid : AllPids(cluster)) {
    ASSERT_TRUE(SignalAndAwaitDeath(pid, SIGKILL));
  }
  const auto stale = cluster.Ask<v1::ClusterStatus>({"status"}, 1);
  EXPECT_EQ(stale.state(), "stale");
  const Outcome up = cluster.Run({"up", "--detach", "--cpus", "3"});
  EXPECT_EQ(up.exit_code, 0) << up;
  EXPECT_THAT(up.err, HasSubstr("processes are dead"));
  EXPECT_EQ(cluster.State().view().online(), "0-2");
  EXPECT_EQ(cluster.State().epoch(), 1u) << "it has a journal of its own";
  cluster.ExpectAllCallsWork();
}

TEST(StaleTest, DownCleansUpAfterTheDeathOfAll) {
  const Cluster cluster({.cpus = 2});
  for (const pid_t pid : AllPids(cluster)) {
    ASSERT_TRUE(SignalAndAwaitDeath(pid, SIGKILL));
  }
  EXPECT_EQ(cluster.Run({"down"}).exit_code, 0);
  EXPECT_EQ(cluster.Ask<v1::ClusterStatus>({"status"}, 1).state(), "down");
}

TEST(RepairTest, AKilledNodeComesBackAsANewIncarnation) {
  const Cluster cluster({.cpus = 3});
  const v1::CpuInfo before = cluster.Cpu(2);
  cluster.Kill("cpu/2");
  ASSERT_TRUE(cluster.AwaitState(2, v1::CPU_STATE_CRASHED));
  const auto degraded = cluster.Ask<v1::ClusterStatus>({"status"}, 1);
  EXPECT_EQ(degraded.state(), "degraded");
  const Outcome up = cluster.Run({"up", "--detach"});
  EXPECT_EQ(up.exit_code, 1) << up;
  EXPECT_THAT(up.err, AllOf(HasSubstr("cpu/2"), HasSubstr("--repair")));

  cluster.Repair();
  ASSERT_TRUE(cluster.AwaitState(2, v1::CPU_STATE_OFFLINE));
  EXPECT_GT(cluster.Cpu(2).incarnation(), before.incarnation());
  cluster.Online(2);
  EXPECT_EQ(cluster.Status().state(), "up");
  cluster.ExpectAllCallsWork();
}

TEST(RepairTest, AKilledCoordinatorTakesUpWhatItLeft) {
  const Cluster cluster({.cpus = 3});
  cluster.Offline(1);
  const v1::Cluster before = cluster.State();
  cluster.Kill("coordinator");
  EXPECT_EQ(cluster.Run({"cpu", "list"}).exit_code, 78);
  const auto status = cluster.Ask<v1::ClusterStatus>({"status"}, 1);
  EXPECT_EQ(status.state(), "degraded");

  cluster.Repair();
  ASSERT_TRUE(WaitFor([&] { return !cluster.State().recovering(); }));
  const v1::Cluster after = cluster.State();
  EXPECT_EQ(after.view().online(), "0,2");
  EXPECT_EQ(after.view().number(), before.view().number());
  EXPECT_EQ(after.epoch(), before.epoch() + 1);
  for (int cpu = 0; cpu < 3; ++cpu) {
    EXPECT_EQ(after.cpus(cpu).incarnation(), before.cpus(cpu).incarnation());
    EXPECT_EQ(after.cpus(cpu).pid(), before.cpus(cpu).pid());
  }
  cluster.Online(1);
  cluster.ExpectAllCallsWork();
  cluster.ExpectCleanAudit();
}

TEST(RepairTest, NothingIsDoneWhereNothingIsDead) {
  const Cluster cluster({.cpus = 2});
  const std::vector<pid_t> before = AllPids(cluster);
  const auto status = cluster.Ask<v1::ClusterStatus>({"up", "--repair"});
  EXPECT_THAT(status.message(), HasSubstr("nothing to repair"));
  EXPECT_EQ(AllPids(cluster), before);
}

TEST(LogsTest, ShowsWhereTheyAreAndWhatTheySay) {
  const Cluster cluster({.cpus = 2});
  const auto one = cluster.Ask<v1::LogReport>({"logs", "1"});
  ASSERT_EQ(one.processes_size(), 1);
  EXPECT_EQ(one.processes(0).process(), "cpu/1");
  EXPECT_TRUE(std::filesystem::exists(one.processes(0).path()));
  EXPECT_GT(one.processes(0).lines_size(), 0);
  const auto all = cluster.Ask<v1::LogReport>({"logs"});
  EXPECT_EQ(all.processes_size(), 3) << "the coordinator and two CPUs";
  const Outcome name = cluster.Run({"logs", "coordinator", "-o", "name"});
  EXPECT_THAT(name.out, HasSubstr(cluster.state_dir()));
  const Outcome unknown = cluster.Run({"logs", "9"});
  EXPECT_EQ(unknown.exit_code, 2) << unknown;
}

}  // namespace
}  // namespace belfry::e2e
