// The coordinator dies at every point of an operation; its successor on the
// same journal ends what was begun, one way or the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "tests/e2e/support/cluster.h"
#include "tests/e2e/support/gates.h"

namespace belfry::e2e {
namespace {

bool IsSettled(const Cluster& cluster) {
  const v1::Cluster state = cluster.State();
  const v1::CpuState cpu = state.cpus(3).state();
  return !state.recovering() && !state.has_current() &&
         (cpu == v1::CPU_STATE_ONLINE || cpu == v1::CPU_STATE_OFFLINE);
}

// What a machine without a bug looks like afterwards.
void ExpectAllIsWell(const Cluster& cluster) {
  ASSERT_TRUE(WaitFor([&] { return IsSettled(cluster); }))
      << cluster.State().DebugString();
  EXPECT_TRUE(cluster.AwaitEqualViews());
  const auto dump = cluster.Ask<v1::DumpReport>({"dump"});
  for (const v1::DumpReport::Cpu& cpu : dump.cpus()) {
    if (cpu.info().online()) {
      EXPECT_FALSE(cpu.snapshot().irqs_masked()) << cpu.DebugString();
      EXPECT_EQ(cpu.snapshot().life(), "ONLINE");
      EXPECT_EQ(cpu.info().cpuhp_name(), "online");
    } else {
      EXPECT_EQ(cpu.snapshot().life(), "DEAD");
      EXPECT_EQ(cpu.info().cpuhp_name(), "offline");
    }
  }
  cluster.ExpectAllCallsWork();
  if (cluster.Cpu(3).online()) cluster.Offline(3);
  cluster.Online(3);
  EXPECT_TRUE(cluster.AwaitEqualViews());
  cluster.ExpectAllCallsWork();
  EXPECT_EQ(cluster.ExpectCleanAudit().lost(), 0u);
}

struct Moment {
  std::string verb;
  std::string gate;

  friend void PrintTo(const Moment& moment, std::ostream* stream) {
    *stream << moment.verb << " at " << moment.gate;
  }
};

class CoordinatorDeathTest
    : public testing::TestWithParam<std::tuple<std::string, Moment>> {};

TEST_P(CoordinatorDeathTest, TheOperationEndsUnderItsSuccessor) {
  const auto& [profile, moment] = GetParam();
  const Cluster cluster({.profile = profile, .flags = {"--gates"}});
  if (moment.verb == "online") cluster.Offline(3);
  Gates gates(cluster.Address("coordinator"));
  gates.Hold(moment.gate);
  cluster.Ask<v1::OperationList>({"cpu", moment.verb, "3", "--detach"});
  gates.Await(moment.gate);
  cluster.Kill("coordinator");
  cluster.Repair();
  ExpectAllIsWell(cluster);
}

const Moment kMoments[] = {
    {"offline", "journal:ap"},      {"offline", "journal:takedown"},
    {"offline", "publish:PREPARE"}, {"offline", "publish:DISABLE_IRQ"},
    {"offline", "journal:run"},     {"offline", "publish:RUN"},
    {"offline", "publish:CONFIRM"}, {"offline", "publish:EXIT"},
    {"offline", "commit"},          {"offline", "journal:dead"},
    {"offline", "journal:done"},    {"online", "journal:prepare"},
    {"online", "journal:bringup"},  {"online", "journal:online"},
    {"online", "journal:ap"},       {"online", "journal:done"},
};

std::string MomentName(
    const testing::TestParamInfo<CoordinatorDeathTest::ParamType>& param) {
  const auto& [profile, moment] = param.param;
  std::string name =
      absl::StrCat(profile, "_", moment.verb, "_at_", moment.gate);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Belfry, CoordinatorDeathTest,
                         testing::Combine(testing::Values("belfry"),
                                          testing::ValuesIn(kMoments)),
                         MomentName);
INSTANTIATE_TEST_SUITE_P(
    Split, CoordinatorDeathTest,
    testing::Combine(testing::Values("linux-3.0+split"),
                     testing::Values(Moment{"offline", "publish:RUN"},
                                     Moment{"offline", "commit"})),
    MomentName);

TEST(CoordinatorDeathAloneTest, CallsBetweenNodesGoOn) {
  const Cluster cluster;
  cluster.Ask<v1::LoadReport>({"load", "start", "--rate", "200"});
  const std::string metrics = cluster.Cpu(2).metrics_address();
  // The load's calls do not wait: these are the client's, so it has connected.
  // It does not call itself: of that a fast host makes a million in the time.
  const auto waiting = [page = cluster.Cpu(1).metrics_address()] {
    return MetricsPage::Fetch(page).Value(
        "belfry_calls_issued_total",
        {{"src_cpu", "1"}, {"cpu", "2"}, {"kind", "wait"}});
  };
  const double before = waiting();
  const auto caller =
      cluster.Start({"call", "0,2-3", "nop", "--from", "1", "--count",
                     "1000000", "--timeout", "5s", "-o", "json"});
  const auto completed = [&] {
    return MetricsPage::Fetch(metrics).Value("belfry_calls_completed_total");
  };
  ASSERT_TRUE(WaitFor([&] { return waiting() > before; }));
  cluster.Kill("coordinator");
  const double at_death = completed();
  EXPECT_TRUE(WaitFor([&] { return completed() > at_death + 200; }));
  const auto report = FromJson<v1::CallReport>(caller->Wait());
  EXPECT_EQ(report.results_size(), 3);
  for (const v1::CallResult& result : report.results()) {
    EXPECT_EQ(result.result(), "ETIMEDOUT") << "they ran until the deadline";
    EXPECT_EQ(result.lost() + result.refused(), 0u) << result.DebugString();
  }
  cluster.Repair();
  ASSERT_TRUE(WaitFor([&] { return IsSettled(cluster); }));
  cluster.Ask<v1::LoadReport>({"load", "stop"});
  ExpectAllIsWell(cluster);
}

TEST(CoordinatorDeathAloneTest, OfItsNodesThatDiedMeanwhileItHears) {
  const Cluster cluster;
  const pid_t cpu2 = cluster.Pid("cpu/2");
  cluster.Kill("coordinator");
  ASSERT_TRUE(SignalAndAwaitDeath(cpu2, SIGKILL));
  cluster.Repair();
  ASSERT_TRUE(WaitFor([&] {
    const v1::Cluster state = cluster.State();
    return !state.recovering() &&
           state.cpus(2).state() == v1::CPU_STATE_OFFLINE;
  })) << cluster.State().DebugString();
  EXPECT_EQ(cluster.State().view().online(), "0-1,3");
  cluster.Online(2);
  ExpectAllIsWell(cluster);
}

TEST(CoordinatorDeathAloneTest, BySigtermItLeavesAWholeJournal) {
  const Cluster cluster;
  cluster.Offline(2);
  cluster.Kill("coordinator", SIGTERM);
  cluster.Repair();
  ASSERT_TRUE(WaitFor([&] { return IsSettled(cluster); }));
  EXPECT_EQ(cluster.State().view().online(), "0-1,3");
  cluster.Online(2);
  ExpectAllIsWell(cluster);
}

TEST(CoordinatorDeathAloneTest, WhoWaitsForItHearsThatItIsDead) {
  const Cluster cluster;
  const auto cycles = cluster.Start({"cpu", "cycle", "3", "--count", "100000"});
  ASSERT_TRUE(WaitFor([&] {
    return cluster.Ask<v1::OperationList>({"ops", "list", "--all"})
               .operations_size() > 5;
  }));
  cluster.Kill("coordinator");
  const Outcome outcome = cycles->Wait();
  EXPECT_EQ(outcome.exit_code, 78) << outcome;
  EXPECT_THAT(outcome.err, testing::HasSubstr("of 100000: no cluster: "));
  EXPECT_THAT(outcome.err,
              testing::HasSubstr("the coordinator is dead; run: belfry up"));
}

TEST(CoordinatorDeathAloneTest, ItMayDieAgainAndAgain) {
  const Cluster cluster;
  for (int i = 0; i < 3; ++i) {
    cluster.Run({"cpu", i % 2 == 0 ? "offline" : "online", "3", "--detach"});
    cluster.Kill("coordinator");
    cluster.Repair();
  }
  ExpectAllIsWell(cluster);
  EXPECT_EQ(cluster.State().epoch(), 4u);
}

}  // namespace
}  // namespace belfry::e2e
