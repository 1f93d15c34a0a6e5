// The stop lease on real processes: a CPU that stands still for longer than a
// lease makes a round end in ABORT, and the operation begin another.
#include <signal.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/e2e/support/cluster.h"

namespace belfry::e2e {
namespace {

// The coordinator's default is 300 ms.
constexpr std::chrono::milliseconds kMoreThanALease(450);

TEST(StopLeaseTest, RoundsAreConfirmed) {
  const Cluster cluster;
  for (int i = 0; i < 3; ++i) {
    cluster.Offline(3);
    cluster.Online(3);
  }
  EXPECT_EQ(cluster.Run({"stop-machine", "nop"}).exit_code, 0);
  EXPECT_TRUE(cluster.AwaitEqualViews());
  cluster.ExpectAllCallsWork();
  cluster.ExpectCleanAudit();
  EXPECT_GE(cluster.Metrics("coordinator")
                .Value("belfry_stop_machine_phase_duration_seconds_count",
                       {{"phase", "CONFIRM"}}),
            4);
}

// A function that takes longer than a lease: the coordinator is there, and so
// the others stay stopped.
TEST(StopLeaseTest, AFunctionMayTakeLonger) {
  const Cluster cluster;
  const Outcome outcome =
      cluster.Run({"stop-machine", "spin", "--payload", "700000"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  cluster.ExpectAllCallsWork();
}

// The first round's window is over when the CPU is back, and nothing has come
// of it: the second one goes.
TEST(StopLeaseTest, WhoStandsStillTooLongIsGivenAnotherRound) {
  const Cluster cluster;
  double rounds = 0;
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"stop-machine", "nop", "--on", "3"},
        {"cpu", "offline", "3", "--on", "0"}}) {
    SCOPED_TRACE(command[0]);
    ASSERT_EQ(kill(cluster.Pid("cpu/2"), SIGSTOP), 0);
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--timeout", "30s", "-o", "json"});
    const auto running = cluster.Start(arguments);
    // CPU 3 has acknowledged PREPARE, and its window is over before CPU 2 does.
    ASSERT_TRUE(
        WaitFor([&] { return cluster.State().stop().missing() == "2"; }));
    std::this_thread::sleep_for(kMoreThanALease);
    ASSERT_EQ(kill(cluster.Pid("cpu/2"), SIGCONT), 0);
    const Outcome outcome = running->Wait();
    EXPECT_EQ(outcome.exit_code, 0) << outcome;
    const auto list = FromJson<v1::OperationList>(outcome);
    ASSERT_EQ(list.operations_size(), 1);
    EXPECT_EQ(list.operations(0).result(), "0");
    EXPECT_GE(list.operations(0).rounds(), 2U);
    rounds += list.operations(0).rounds() - 1;
  }
  const MetricsPage page = cluster.Metrics("coordinator");
  EXPECT_EQ(
      page.Value("belfry_stop_machine_aborted_total", {{"reason", "lease"}}),
      rounds);
  EXPECT_EQ(page.Value("belfry_stop_machine_retried_total"), rounds);
  EXPECT_EQ(cluster.State().view().online(), "0-2");
  cluster.Online(3);
  cluster.ExpectAllCallsWork();
  cluster.ExpectCleanAudit();
}

// Once it has run it is not run again, and the answer says so. A CPU that is
// killed would end it at once; one that stands still is waited for.
TEST(StopLeaseTest, AFunctionThatHasRunIsNotRunAgain) {
  const Cluster cluster;
  const auto running =
      cluster.Start({"stop-machine", "spin", "--payload", "600000", "--on", "3",
                     "--timeout", "30s", "-o", "json"});
  ASSERT_TRUE(WaitFor([&] { return cluster.State().stop().state() == "RUN"; }));
  // Its lease is over before it goes on.
  ASSERT_EQ(kill(cluster.Pid("cpu/2"), SIGSTOP), 0);
  std::this_thread::sleep_for(std::chrono::seconds(2));
  ASSERT_EQ(kill(cluster.Pid("cpu/2"), SIGCONT), 0);
  const auto list = FromJson<v1::OperationList>(running->Wait());
  ASSERT_EQ(list.operations_size(), 1);
  EXPECT_EQ(list.operations(0).result(), "ETIMEDOUT");
  EXPECT_EQ(list.operations(0).rounds(), 1U);
  cluster.ExpectAllCallsWork();
  cluster.ExpectCleanAudit();
}

}  // namespace
}  // namespace belfry::e2e
