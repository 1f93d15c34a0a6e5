// What is deployed, at work: real containers, a real Prometheus and a real
// Alertmanager. Started by containers.sh.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/containers/deployment.h"
#include "tests/e2e/support/prometheus.h"

namespace belfry::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Clock = std::chrono::steady_clock;

void StartLoad(const Deployment& deployment) {
  const auto report =
      deployment.Ask<v1::LoadReport>({"load", "start", "--rate", "1000"});
  EXPECT_FALSE(report.loads().empty());
}

// CPUs go and come; the same under every profile.
Outcome Cycle(const Deployment& deployment, const std::string& cpus = "1-3") {
  return deployment.Run(
      {"cpu", "cycle", cpus, "--count", "10", "--timeout", "20s"});
}

std::string Alerts() {
  return ::testing::PrintToString(DeliveredAlerts(kAlertmanager));
}

// ---- The bug.

// Its cases share one deployment.
class LeakTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = std::make_unique<Deployment>(
        std::vector<std::string>{"PROFILE=linux-3.0", "GATES=true"});
  }
  static void TearDownTestSuite() { shared_.reset(); }

  void SetUp() override {
    ASSERT_TRUE(deployment().AwaitOnline("0-3"));
    ASSERT_TRUE(AwaitTargets(kPrometheus, 5));
  }

  static Deployment& deployment() { return *shared_; }

 private:
  static std::unique_ptr<Deployment> shared_;
};

std::unique_ptr<Deployment> LeakTest::shared_;

TEST_F(LeakTest, OfTheScenarioReachesAlertmanagerWithinAMinute) {
  const Outcome run = deployment().Run(
      {"scenario", "run", "lost-ipi", "--attach", "--expect", "hang"});
  ASSERT_EQ(run.exit_code, 0) << run;
  EXPECT_TRUE(AwaitAlert(kAlertmanager, "BelfryQueueStranded of cpu 3"))
      << Alerts();
  EXPECT_TRUE(AwaitAlert(kAlertmanager, "BelfryWaiterStuck of cpu 1"))
      << Alerts();
  // What an operator does about it.
  EXPECT_EQ(deployment().Run({"kick", "3"}).exit_code, 0);
  deployment().ExpectCleanAudit();
}

// Nobody holds anything at a gate: the load and the cycles are enough. Not of
// the CPU that the scenario is about: that one's alert may still be there.
TEST_F(LeakTest, UnderLoadReachesAlertmanagerWithinAMinute) {
  StartLoad(deployment());
  Outcome cycle;
  ASSERT_TRUE(WaitFor([&] {
    cycle = Cycle(deployment(), "1-2");
    return cycle.exit_code != 0;
  })) << "no queue was stranded in a minute of cycles";
  // The notifier of the CPU that came back waits for ever.
  EXPECT_EQ(cycle.exit_code, 124) << cycle;
  const auto pending = deployment().Ask<v1::PendingReport>({"pending"});
  std::string stranded;
  for (const v1::PendingReport::Cpu& cpu : pending.cpus()) {
    if (cpu.stranded()) stranded = absl::StrCat(cpu.cpu());
  }
  ASSERT_NE(stranded, "") << pending.DebugString();
  EXPECT_NE(stranded, "3") << "it did not go";
  EXPECT_TRUE(AwaitAlert(kAlertmanager,
                         absl::StrCat("BelfryQueueStranded of cpu ", stranded)))
      << Alerts();
}

// ---- What an engine can do to a machine at work. Nobody dies, so nothing may
// be lost; and in the end all is as before.

// A stop_machine that was held up has ended well.
void ExpectGoneThrough(Program* stop) {
  const auto list = FromJson<v1::OperationList>(stop->Wait());
  ASSERT_EQ(list.operations_size(), 1);
  EXPECT_EQ(list.operations(0).result(), "0") << list.DebugString();
}

// For more than a stop lease (300 ms), in a round. Who has called it is not
// prepared before it answers, so the round may be given up and begun again.
void Pause(const Deployment& deployment, std::uint32_t cpu) {
  const std::string container = deployment.ContainerOf(cpu);
  Docker({"pause", container});
  const auto stop = deployment.Start(
      {"stop-machine", "nop", "--on", "1", "--timeout", "30s", "-o", "json"});
  EXPECT_TRUE(
      WaitFor([&] { return !deployment.State().stop().missing().empty(); }));
  std::this_thread::sleep_for(std::chrono::milliseconds(450));
  EXPECT_NE(deployment.State().stop().state(), "") << "nobody waits for it";
  Docker({"unpause", container});
  ExpectGoneThrough(stop.get());
}

// From the others; its control goes over another network. It keeps its address,
// and they find it again.
void CutOffFromCalls(const Deployment& deployment, std::uint32_t cpu) {
  const std::string network = absl::StrCat(kProject, "_calls");
  const std::string container = deployment.ContainerOf(cpu);
  const std::string address =
      Docker({"inspect", "--format",
              absl::StrCat("{{(index .NetworkSettings.Networks \"", network,
                           "\").IPAddress}}"),
              container});
  Docker({"network", "disconnect", network, container});
  const auto stop = deployment.Start(
      {"stop-machine", "nop", "--timeout", "30s", "-o", "json"});
  EXPECT_TRUE(
      WaitFor([&] { return !deployment.State().stop().missing().empty(); }));
  std::this_thread::sleep_for(std::chrono::seconds(2));
  EXPECT_NE(deployment.State().stop().state(), "") << "it can be called";
  Docker({"network", "connect", "--ip", address, "--alias", "node-calls",
          network, container});
  ExpectGoneThrough(stop.get());
}

// Whatever was under way is ended or taken back: nobody stays stopped, and the
// next round goes through.
void KillTheCoordinatorInAStop(const Deployment& deployment) {
  const std::string coordinator = deployment.Containers("coordinator").at(0);
  const std::uint64_t epoch = deployment.State().epoch();
  const auto stop =
      deployment.Start({"stop-machine", "spin", "--payload", "2000000", "--on",
                        "1", "--timeout", "30s"});
  EXPECT_TRUE(
      WaitFor([&] { return deployment.State().stop().state() == "RUN"; }));
  Docker({"kill", coordinator});
  Docker({"start", coordinator});
  ASSERT_TRUE(deployment.AwaitCoordinator());
  EXPECT_TRUE(WaitFor([&] {
    const v1::Cluster cluster = deployment.State();
    return cluster.epoch() == epoch + 1 && !cluster.recovering() &&
           cluster.stop().state().empty() && cluster.view().online() == "0-3";
  })) << deployment.State().DebugString();
  EXPECT_EQ(deployment.Run({"stop-machine", "nop"}).exit_code, 0);
}

// ---- The machine that holds. Its cases share one deployment, and each leaves
// four CPUs online.

class DeploymentTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { shared_ = std::make_unique<Deployment>(); }
  static void TearDownTestSuite() { shared_.reset(); }

  void SetUp() override {
    ASSERT_TRUE(deployment().AwaitOnline("0-3"));
    ASSERT_TRUE(AwaitTargets(kPrometheus, 5));
  }

  static Deployment& deployment() { return *shared_; }

  static bool AwaitState(std::uint32_t cpu, v1::CpuState state) {
    return WaitFor([&] {
      const v1::Cluster cluster = deployment().State();
      return static_cast<int>(cpu) < cluster.cpus_size() &&
             cluster.cpus(static_cast<int>(cpu)).state() == state;
    });
  }

 private:
  static std::unique_ptr<Deployment> shared_;
};

std::unique_ptr<Deployment> DeploymentTest::shared_;

// Longer than a false alarm takes to be told: a scrape and an evaluation (5 s
// each), and the longest wait of those that leaks set off (10 s).
constexpr std::chrono::seconds kWorkTime{30};

// Before the others, for what they do is told for minutes. The load of the
// leak; in the end nothing may even be about to be told.
TEST_F(DeploymentTest, AtWorkNoAlertIsSent) {
  StartLoad(deployment());
  const auto end = Clock::now() + kWorkTime;
  while (Clock::now() < end) {
    const Outcome cycle = Cycle(deployment());
    ASSERT_EQ(cycle.exit_code, 0) << cycle;
    ASSERT_THAT(DeliveredAlerts(kAlertmanager), IsEmpty());
  }
  EXPECT_EQ(CountSeries(kPrometheus, "ALERTS"), 0);
  deployment().Ask<v1::LoadReport>({"load", "stop"});
  EXPECT_EQ(deployment().ExpectCleanAudit().lost(), 0u);
}

TEST_F(DeploymentTest, TheCommandLineWorksFromAContainer) {
  auto done =
      deployment().AskInContainer<v1::OperationList>({"cpu", "offline", "3"});
  ASSERT_EQ(done.operations_size(), 1);
  EXPECT_EQ(done.operations(0).result(), "0");
  EXPECT_EQ(deployment().State().view().online(), "0-2");
  deployment().AskInContainer<v1::OperationList>({"cpu", "online", "3"});
  const auto calls = deployment().AskInContainer<v1::CallReport>(
      {"call", "0-3", "echo", "--payload", "hello"});
  ASSERT_EQ(calls.results_size(), 4);
  for (const v1::CallResult& result : calls.results()) {
    EXPECT_EQ(result.result(), "0");
    EXPECT_EQ(result.payload(), "hello");
  }
}

TEST_F(DeploymentTest, TheContainersAreHealthyAndHaveNoRights) {
  std::vector<std::string> all = deployment().Containers("node");
  EXPECT_EQ(all.size(), 4u);
  all.push_back(deployment().Containers("coordinator").at(0));
  for (const std::string& container : all) {
    EXPECT_TRUE(WaitFor([&] {
      return Docker({"inspect", "--format", "{{.State.Health.Status}}",
                     container}) == "healthy";
    })) << container;
    EXPECT_EQ(Docker({"inspect", "--format",
                      "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} "
                      "{{.HostConfig.CapDrop}}",
                      container}),
              "65532:65532 true [ALL]");
    EXPECT_NE(RunProgram({"docker", "exec", container, "sh"}).exit_code, 0)
        << "there is a shell";
  }
}

TEST_F(DeploymentTest, ScalesUpAndDown) {
  deployment().Scale(7);
  EXPECT_TRUE(deployment().AwaitOnline("0-6"));
  EXPECT_TRUE(AwaitTargets(kPrometheus, 8));
  deployment().Ask<v1::CallReport>({"call", "0-6", "nop", "--from", "6"});
  deployment().Scale(4);
  EXPECT_TRUE(
      WaitFor([] { return deployment().State().present().size() < 8u; }));
  const v1::Cluster cluster = deployment().State();
  int online = 0;
  for (const v1::CpuInfo& cpu : cluster.cpus()) {
    online += cpu.online();
    EXPECT_NE(cpu.state(), v1::CPU_STATE_CRASHED) << cpu.DebugString();
  }
  EXPECT_EQ(online, 4) << cluster.DebugString();
  EXPECT_TRUE(AwaitTargets(kPrometheus, 5));
  EXPECT_EQ(deployment().ExpectCleanAudit().lost(), 0u);
}

TEST_F(DeploymentTest, ARollingRestartUnderLoadLosesNothing) {
  StartLoad(deployment());
  const std::uint64_t view = deployment().State().view().number();
  for (const std::string& container : deployment().Containers("node")) {
    Docker({"restart", "--time", "15", container});
    ASSERT_TRUE(deployment().AwaitOnline("0-3"));
  }
  EXPECT_EQ(deployment().State().view().number(), view + 8)
      << "each goes once and comes once";
  deployment().Ask<v1::LoadReport>({"load", "stop"});
  for (const std::string& container : deployment().Containers("node")) {
    const Outcome logs = RunProgram({"docker", "logs", container});
    EXPECT_THAT(logs.err, HasSubstr("attached as incarnation")) << logs;
    EXPECT_THAT(logs.err, Not(HasSubstr("are lost with this process")));
  }
  EXPECT_EQ(deployment().ExpectCleanAudit().lost(), 0u);
  EXPECT_EQ(CountSeries(kPrometheus,
                        "increase(belfry_calls_lost_total[2m]) > 0 or "
                        "increase(belfry_cpu_crashes_total[2m]) > 0"),
            0);
}

TEST_F(DeploymentTest, PausedCutOffAndKilledUnderLoadItLosesNothing) {
  StartLoad(deployment());
  const std::uint64_t view = deployment().State().view().number();
  Pause(deployment(), 2);
  CutOffFromCalls(deployment(), 3);
  for (int i = 0; i < 2; ++i) KillTheCoordinatorInAStop(deployment());
  deployment().Ask<v1::LoadReport>({"load", "stop"});
  EXPECT_TRUE(deployment().AwaitOnline("0-3"));
  EXPECT_EQ(deployment().State().view().number(), view) << "a CPU went";
  EXPECT_EQ(deployment().ExpectCleanAudit().lost(), 0u);
  const TempDir dir;
  const std::string trace = dir.File("faults.trace");
  EXPECT_EQ(deployment().Run({"trace", "record", "-o", trace}).exit_code, 0);
  const Outcome check = deployment().Run({"trace", "check", trace});
  EXPECT_EQ(check.exit_code, 0) << check;
}

TEST_F(DeploymentTest, AKilledNodeIsToldCountedAndComesBack) {
  const std::string victim = deployment().ContainerOf(2);
  const auto call =
      deployment().Start({"call", "2", "spin", "--payload", "10000000",
                          "--timeout", "30s", "-o", "json"});
  ASSERT_TRUE(WaitFor([] {
    const auto pending = deployment().Ask<v1::PendingReport>({"pending"});
    return pending.calls_size() == 1 && pending.calls(0).state() == "running";
  }));
  Docker({"kill", victim});
  // Its caller is told, long before its time is over, and everybody else.
  const auto lost = FromJson<v1::CallReport>(call->Wait());
  ASSERT_EQ(lost.results_size(), 1);
  EXPECT_EQ(lost.results(0).result(), "EOWNERDEAD") << lost.DebugString();
  EXPECT_TRUE(AwaitState(2, v1::CPU_STATE_CRASHED));
  const auto refused =
      deployment().Ask<v1::CallReport>({"call", "2", "nop", "--from", "0"}, 1);
  ASSERT_EQ(refused.results_size(), 1);
  EXPECT_EQ(refused.results(0).result(), "ENXIO") << refused.DebugString();
  EXPECT_EQ(MetricsPage::Fetch(kWeb).Value("belfry_cpu_crashes_total",
                                           {{"cpu", "2"}}),
            1);
  EXPECT_TRUE(AwaitAlert(kAlertmanager, "BelfryCpuCrashed of cpu 2"))
      << Alerts();
  Docker({"start", victim});
  EXPECT_TRUE(deployment().AwaitOnline("0-3"));
  deployment().Ask<v1::CallReport>({"call", "2", "nop", "--from", "0"});
}

TEST_F(DeploymentTest, AKilledCoordinatorComesBackToTheSameMachine) {
  StartLoad(deployment());
  const v1::Cluster before = deployment().State();
  const std::string coordinator = deployment().Containers("coordinator").at(0);
  Docker({"kill", coordinator});
  EXPECT_EQ(deployment().Run({"cpu", "list"}).exit_code, 78);
  Docker({"start", coordinator});
  ASSERT_TRUE(deployment().AwaitCoordinator());
  EXPECT_TRUE(deployment().AwaitOnline("0-3"));
  const v1::Cluster after = deployment().State();
  EXPECT_EQ(after.epoch(), before.epoch() + 1);
  EXPECT_EQ(after.view().number(), before.view().number());
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(after.cpus(i).incarnation(), before.cpus(i).incarnation());
  }
  const Outcome cycle = Cycle(deployment());
  EXPECT_EQ(cycle.exit_code, 0) << cycle;
  deployment().Ask<v1::LoadReport>({"load", "stop"});
}

// ---- Two coordinators and three etcd: deploy/compose.ha.yaml.

// Where each is scraped, by its service.
const std::map<std::string, std::string> kCoordinators = {
    {"coordinator1", "127.0.0.1:9101"}, {"coordinator2", "127.0.0.1:9102"}};

std::string LeaderBut(const std::string& other) {
  std::string leader;
  EXPECT_TRUE(WaitFor([&] {
    for (const auto& [service, metrics] : kCoordinators) {
      const std::string page = HttpGet(metrics, "/metrics");
      if (absl::StrContains(page, "\nbelfry_leader 1\n")) leader = service;
    }
    return !leader.empty() && leader != other;
  })) << "leads: "
      << leader;
  return leader;
}

TEST(StandbyTest, TakesOverFromALeaderThatIsKilled) {
  const Project machine(
      {"deploy/compose.ha.yaml"},
      {"etcd1", "etcd2", "etcd3", "coordinator1", "coordinator2", "node"});
  const auto await_online = [&](const std::string& cpus) {
    return WaitFor([&] {
      const Outcome status = machine.RunInContainer({"status", "-o", "json"});
      return status.exit_code == 0 &&
             FromJson<v1::ClusterStatus>(status).cluster().view().online() ==
                 cpus;
    });
  };
  const std::string first = LeaderBut("");
  ASSERT_TRUE(await_online("0-3"));
  Docker({"kill", machine.Containers(first).at(0)});
  LeaderBut(first);
  const auto offline =
      machine.AskInContainer<v1::OperationList>({"cpu", "offline", "3"});
  ASSERT_EQ(offline.operations_size(), 1);
  EXPECT_EQ(offline.operations(0).result(), "0") << offline.DebugString();
  EXPECT_TRUE(await_online("0-2"));
  // It comes back, and stands by.
  Docker({"start", machine.Containers(first).at(0)});
  machine.AskInContainer<v1::OperationList>({"cpu", "online", "3"});
  const auto calls =
      machine.AskInContainer<v1::CallReport>({"call", "0-3", "nop"});
  EXPECT_EQ(calls.results_size(), 4);
  EXPECT_NE(LeaderBut(first), "");
}

}  // namespace
}  // namespace belfry::e2e
