// The stop lease on real processes: a CPU that stands still for longer than a
// lease makes a round end in ABORT, and nothing else.
#include <signal.h>

#include <chrono>
#include <thread>

#include "gtest/gtest.h"
#include "tests/e2e/support/cluster.h"

namespace belfry::e2e {
namespace {

const Machine kLeased = {.flags = {"--set", "stop_lease=held"}};
// The coordinator's default is 300 ms.
constexpr std::chrono::milliseconds kMoreThanALease(450);

TEST(StopLeaseTest, RoundsAreConfirmed) {
  const Cluster cluster(kLeased);
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
  const Cluster cluster(kLeased);
  const Outcome outcome =
      cluster.Run({"stop-machine", "spin", "--payload", "700000"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  cluster.ExpectAllCallsWork();
}

TEST(StopLeaseTest, WhoStandsStillTooLongIsNotWaitedFor) {
  const Cluster cluster(kLeased);
  ASSERT_EQ(kill(cluster.Pid("cpu/2"), SIGSTOP), 0);
  const auto offline = cluster.Start(
      {"cpu", "offline", "3", "--on", "0", "--timeout", "30s", "-o", "json"});
  // CPU 3 has acknowledged PREPARE, and its window is over before CPU 2 does.
  ASSERT_TRUE(WaitFor([&] { return cluster.State().stop().missing() == "2"; }));
  std::this_thread::sleep_for(kMoreThanALease);
  ASSERT_EQ(kill(cluster.Pid("cpu/2"), SIGCONT), 0);
  const Outcome outcome = offline->Wait();
  EXPECT_EQ(outcome.exit_code, 1) << outcome;
  const auto list = FromJson<v1::OperationList>(outcome);
  ASSERT_EQ(list.operations_size(), 1);
  EXPECT_EQ(list.operations(0).result(), "ETIMEDOUT");
  EXPECT_EQ(
      cluster.Metrics("coordinator")
          .Value("belfry_stop_machine_aborted_total", {{"reason", "lease"}}),
      1);
  // Nothing has come of it, and the next one goes.
  EXPECT_EQ(cluster.State().view().online(), "0-3");
  cluster.Offline(3);
  cluster.Online(3);
  cluster.ExpectAllCallsWork();
  cluster.ExpectCleanAudit();
}

}  // namespace
}  // namespace belfry::e2e
