// CPUs taken offline and brought online by hand, under load, and with steps
// that fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/e2e/support/cluster.h"
#include "tests/e2e/support/gates.h"

namespace belfry::e2e {
namespace {

using ::testing::Combine;
using ::testing::HasSubstr;
using ::testing::Values;

TEST(HotplugTest, EachCpuButOneGoesAndComesBack) {
  const Cluster cluster;
  for (std::uint32_t cpu = 0; cpu < 4; ++cpu) {
    cluster.Offline(cpu);
    const v1::CpuInfo off = cluster.Cpu(cpu);
    EXPECT_EQ(off.state(), v1::CPU_STATE_OFFLINE);
    EXPECT_FALSE(off.online());
    EXPECT_EQ(off.cpuhp_name(), "offline");
    const v1::Operation up = cluster.Change("online", cpu);
    EXPECT_NE(up.control_cpu(), cpu);
    const v1::CpuInfo on = cluster.Cpu(cpu);
    EXPECT_EQ(on.state(), v1::CPU_STATE_ONLINE);
    EXPECT_EQ(on.incarnation(), off.incarnation()) << "a process lives on";
  }
  EXPECT_TRUE(cluster.AwaitEqualViews());
  cluster.ExpectAllCallsWork();
  cluster.ExpectCleanAudit();
}

TEST(HotplugTest, AListGoesOneAfterTheOther) {
  const Cluster cluster;
  const auto off = cluster.Ask<v1::OperationList>({"cpu", "offline", "1-3"});
  EXPECT_EQ(off.operations_size(), 3);
  EXPECT_EQ(cluster.State().view().online(), "0");
  const auto on = cluster.Ask<v1::OperationList>({"cpu", "online", "2,1,3"});
  EXPECT_EQ(on.operations_size(), 3);
  EXPECT_EQ(cluster.State().view().online(), "0-3");
  EXPECT_TRUE(cluster.AwaitEqualViews());
}

TEST(HotplugTest, TheCpuThatAsksRunsTheControlSteps) {
  const Cluster cluster;
  for (const char* verb : {"offline", "online"}) {
    const auto list =
        cluster.Ask<v1::OperationList>({"cpu", verb, "3", "--on", "2"});
    ASSERT_EQ(list.operations_size(), 1);
    EXPECT_EQ(list.operations(0).control_cpu(), 2u);
  }
  const auto trace = cluster.Ask<v1::TraceReport>({"trace", "show"});
  std::set<std::uint32_t> walkers;
  for (const v1::TraceEvent& event : trace.events()) {
    if (event.name() == "cpuhp_enter" && event.about_cpu() == 3 &&
        event.lamport() > 0) {
      walkers.insert(event.cpu());
    }
  }
  EXPECT_TRUE(walkers.contains(2u));
}

TEST(HotplugTest, DetachedOperationsAreListedAwaitedAndCancelled) {
  const Cluster cluster({.flags = {"--gates"}});
  Gates coordinator(cluster.Address("coordinator"));
  coordinator.Hold("journal:takedown");
  const auto started =
      cluster.Ask<v1::OperationList>({"cpu", "offline", "3", "--detach"});
  ASSERT_EQ(started.operations_size(), 1);
  const std::string id = absl::StrCat(started.operations(0).id());
  coordinator.Await("journal:takedown");
  // A second one waits for the first.
  cluster.Ask<v1::OperationList>({"cpu", "offline", "2", "--detach"});
  const auto list = cluster.Ask<v1::OperationList>({"ops", "list"});
  ASSERT_EQ(list.operations_size(), 2) << list.DebugString();
  EXPECT_FALSE(list.operations(0).done());
  EXPECT_EQ(cluster.Cpu(3).state(), v1::CPU_STATE_GOING_DOWN);
  // Who waits no longer leaves it running, and says how to find it.
  const Outcome late = cluster.Run({"ops", "wait", id, "--timeout", "300ms"});
  EXPECT_EQ(late.exit_code, 124) << late;
  EXPECT_THAT(late.err, HasSubstr("belfry ops"));
  const Outcome timeout =
      cluster.Run({"cpu", "offline", "1", "--timeout", "300ms"});
  EXPECT_EQ(timeout.exit_code, 124) << timeout;

  EXPECT_EQ(cluster.Run({"ops", "cancel", id}).exit_code, 0);
  coordinator.Release("journal:takedown");
  const auto cancelled =
      cluster.Ask<v1::OperationList>({"ops", "wait", id}, /*exit_code=*/1);
  ASSERT_EQ(cancelled.operations_size(), 1);
  EXPECT_EQ(cancelled.operations(0).result(), "ECANCELED");
  EXPECT_EQ(cluster.Cpu(3).state(), v1::CPU_STATE_ONLINE);
  // Those that waited have their turn.
  EXPECT_TRUE(cluster.AwaitState(2, v1::CPU_STATE_OFFLINE));
  EXPECT_TRUE(cluster.AwaitState(1, v1::CPU_STATE_OFFLINE));
  const auto all = cluster.Ask<v1::OperationList>({"ops", "list", "--all"});
  EXPECT_GE(all.operations_size(), 3);
  cluster.ExpectAllCallsWork();
  cluster.ExpectCleanAudit();
}

// The measure: a few hundred cycles while every CPU has I/O for every
// other, and at the end nothing is lost and nothing left behind.
class CyclesUnderLoadTest : public testing::TestWithParam<std::string> {};

TEST_P(CyclesUnderLoadTest, LoseNothing) {
  const Cluster cluster({.profile = GetParam()});
  cluster.Ask<v1::LoadReport>({"load", "start", "--rate", "200"});
  const auto calls = cluster.Start({"call", "0", "nop", "--count", "100000",
                                    "--from", "0", "--timeout", "10s"});
  const Outcome cycles = cluster.Run({"cpu", "cycle", "1-3", "--count", "100",
                                      "--timeout", "30s", "-o", "json"});
  EXPECT_EQ(cycles.exit_code, 0) << cycles.err;
  const auto list = FromJson<v1::OperationList>(cycles);
  EXPECT_EQ(list.operations_size(), 600);
  for (const v1::Operation& operation : list.operations()) {
    EXPECT_EQ(operation.result(), "0") << operation.DebugString();
  }
  calls->Wait();
  cluster.Ask<v1::LoadReport>({"load", "stop"});
  const auto audit = cluster.ExpectCleanAudit();
  EXPECT_EQ(audit.lost(), 0u);
  EXPECT_GT(audit.completed(), 300u);
  EXPECT_EQ(cluster.State().view().online(), "0-3");
  EXPECT_TRUE(cluster.AwaitEqualViews());
  const MetricsPage page = cluster.Metrics("coordinator");
  for (const char* direction : {"up", "down"}) {
    EXPECT_GE(page.Value("belfry_hotplug_operations_total",
                         {{"direction", direction}, {"result", "0"}}),
              300);
  }
  for (int cpu = 0; cpu < 4; ++cpu) {
    EXPECT_EQ(cluster.Metrics(CpuName(cpu)).Value("belfry_calls_carried_total"),
              0);
  }
}

INSTANTIATE_TEST_SUITE_P(Profiles, CyclesUnderLoadTest,
                         Values("belfry", "linux-3.16"), [](const auto& param) {
                           return param.param == "belfry" ? "belfry"
                                                          : "linux316";
                         });

// ---- Steps that fail.

struct Step {
  int number;
  std::string name;
  // Whether its `fail` file may be written while the CPU is online, offline.
  bool online_accepts;
  bool offline_accepts;
  // Whether it then fails on the way down, on the way up.
  bool fails_down;
  bool fails_up;
};

struct Table {
  std::string profile;
  std::vector<Step> steps;
};

const Table& BelfryTable() {
  static const auto* table =
      new Table{"belfry",
                {{1, "calls:prepare", false, true, false, true},
                 {2, "cpu:bringup", false, true, false, true},
                 {3, "smpcfd:dying", false, false, false, false},
                 {4, "cpu:teardown", true, true, true, false},
                 {5, "tasks:online", true, true, true, true},
                 {6, "calls:online", true, true, true, true},
                 {7, "online", false, false, false, false}}};
  return *table;
}

const Table& NotifierTable() {
  static const auto* table =
      new Table{"linux-3.0",
                {{1, "hotplug_cfd:prepare", false, true, false, true},
                 {2, "workqueue:prepare", false, true, false, true},
                 {3, "block:dead", false, true, false, false},
                 {4, "cpu:bringup", false, true, false, true},
                 {5, "sched:starting", false, false, false, false},
                 {6, "smpcfd:dying", false, false, false, false},
                 {7, "cpu:teardown", true, true, true, false},
                 {8, "sched:active", true, true, true, true},
                 {9, "calls:online", true, true, true, true},
                 {10, "online", false, false, false, false}}};
  return *table;
}

class FailTest : public testing::TestWithParam<std::tuple<bool, bool>> {
 protected:
  const Table& table() const {
    return std::get<0>(GetParam()) ? BelfryTable() : NotifierTable();
  }
  bool up() const { return std::get<1>(GetParam()); }
  std::string verb() const { return up() ? "online" : "offline"; }
  std::string opposite() const { return up() ? "offline" : "online"; }
  v1::CpuState before() const {
    return up() ? v1::CPU_STATE_OFFLINE : v1::CPU_STATE_ONLINE;
  }

  void ExpectRefused(const Cluster& cluster, const Step& step) const {
    const Outcome refused = cluster.Run({"cpu", "fail", "3", step.name});
    EXPECT_EQ(refused.exit_code, 67) << refused;
    EXPECT_THAT(refused.err, HasSubstr("EINVAL"));
    EXPECT_EQ(cluster.Cpu(3).fail(), -1) << "nothing is changed";
  }

  void ExpectFailsOnce(const Cluster& cluster, const Step& step) const {
    const v1::Operation failed = cluster.Change(verb(), 3, "EAGAIN");
    EXPECT_THAT(failed.message(), HasSubstr(step.name));
    const v1::CpuInfo info = cluster.Cpu(3);
    EXPECT_EQ(info.state(), before()) << info.DebugString();
    EXPECT_EQ(info.cpuhp_name(), up() ? "offline" : "online");
    EXPECT_EQ(info.fail(), -1) << "once";
    EXPECT_TRUE(cluster.AwaitEqualViews());
    cluster.ExpectAllCallsWork();
    cluster.Change(verb(), 3);
    cluster.Change(opposite(), 3);
  }
};

TEST_P(FailTest, EveryStepIsRolledBackOrCannotBeMadeToFail) {
  const Cluster cluster({.profile = table().profile});
  if (up()) cluster.Offline(3);
  for (const Step& step : table().steps) {
    SCOPED_TRACE(
        absl::StrCat(verb(), " with step ", step.number, " (", step.name, ")"));
    if (!(up() ? step.offline_accepts : step.online_accepts)) {
      ExpectRefused(cluster, step);
      continue;
    }
    // By number and by name it is the same.
    ASSERT_EQ(
        cluster.Run({"cpu", "fail", "3", absl::StrCat(step.number)}).exit_code,
        0);
    EXPECT_EQ(cluster.Cpu(3).fail(), step.number);
    ASSERT_EQ(cluster.Run({"cpu", "fail", "3", "--clear"}).exit_code, 0);
    EXPECT_EQ(cluster.Cpu(3).fail(), -1);
    ASSERT_EQ(cluster.Run({"cpu", "fail", "3", step.name}).exit_code, 0);
    EXPECT_EQ(cluster.Cpu(3).fail(), step.number);
    if (up() ? step.fails_up : step.fails_down) {
      ExpectFailsOnce(cluster, step);
    } else {
      // No callback this way: the walk passes over it without a trace.
      cluster.Change(verb(), 3);
      ASSERT_EQ(cluster.Run({"cpu", "fail", "3", "--clear"}).exit_code, 0);
      cluster.Change(opposite(), 3);
    }
  }
  cluster.ExpectCleanAudit();
}

INSTANTIATE_TEST_SUITE_P(Tables, FailTest,
                         Combine(Values(true, false), Values(true, false)),
                         [](const auto& param) {
                           return absl::StrCat(
                               std::get<0>(param.param) ? "belfry"
                                                        : "notifiers",
                               std::get<1>(param.param) ? "_up" : "_down");
                         });

TEST(FailFileTest, WhatDoesNotExistIsRefused) {
  const Cluster cluster({.cpus = 2});
  for (const char* step : {"0", "99", "-7", "no:such"}) {
    const Outcome refused = cluster.Run({"cpu", "fail", "1", step});
    EXPECT_NE(refused.exit_code, 0) << step;
    EXPECT_EQ(cluster.Cpu(1).fail(), -1) << step;
  }
  const auto refusal = [&cluster](const char* step) {
    return cluster.Run({"cpu", "fail", "1", step}).err;
  };
  for (const char* unknown : {"99", "no:such"}) {
    EXPECT_THAT(refusal(unknown), HasSubstr("there are 0 offline, 1 calls:"));
  }
  EXPECT_THAT(refusal("online"), HasSubstr("no callback"));
  EXPECT_THAT(refusal("smpcfd:dying"), HasSubstr("interrupts masked"));
  EXPECT_THAT(refusal("calls:prepare"), HasSubstr("the CPU is up"));
  EXPECT_EQ(cluster.Run({"cpu", "fail", "1"}).exit_code, 2);
  cluster.Offline(1);
}

TEST(FailFileTest, ShowTellsWhatCanBeMadeToFail) {
  const Cluster cluster({.cpus = 2});
  const auto shown = cluster.Ask<v1::DumpReport::Cpu>({"cpu", "show", "1"});
  ASSERT_GT(shown.steps_size(), 0);
  for (const auto& step : shown.steps()) {
    const Outcome fail = cluster.Run({"cpu", "fail", "1", step.name()});
    EXPECT_EQ(fail.exit_code, step.cannot_fail().empty() ? 0 : 67) << fail;
  }
}

// A step that was told to fail while the CPU was offline, and that has a
// callback on the way down only, must not keep the dead CPU half-way.
TEST(FailFileTest, AFailureThatIsLeftForTheDeadStepsHarmsNobody) {
  const Cluster cluster({.cpus = 3, .profile = "linux-3.0"});
  cluster.Offline(2);
  ASSERT_EQ(cluster.Run({"cpu", "fail", "2", "block:dead"}).exit_code, 0);
  cluster.Online(2);
  const Outcome down = cluster.Run({"cpu", "offline", "2"});
  EXPECT_FALSE(down.timed_out);
  cluster.ExpectAllCallsWork();
  EXPECT_TRUE(cluster.AwaitEqualViews());
  // Whatever became of it, the CPU can be used again.
  cluster.Run({"cpu", "offline", "2"});
  EXPECT_EQ(cluster.Cpu(2).state(), v1::CPU_STATE_OFFLINE);
  EXPECT_EQ(cluster.Cpu(2).cpuhp_name(), "offline");
  cluster.Online(2);
  cluster.ExpectAllCallsWork();
}

}  // namespace
}  // namespace belfry::e2e
