// A real Prometheus and a real Alertmanager over a real cluster.
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/str_split.h"
#include "tests/e2e/support/cluster.h"
#include "tests/e2e/support/prometheus.h"

namespace belfry::e2e {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Each waits for the most part, and for the same alerts.
class MonitoringTest : public ::testing::Test {
 protected:
  static Machine WithMonitoring(const std::string& profile) {
    return {.profile = profile, .flags = {"--monitoring", "--gates"}};
  }

  // Every query of every Grafana panel. Where its panel must show something of
  // a machine at work, the answer may not be empty.
  static void ExpectPanelsToShow(const std::string& prometheus) {
    const std::string root = BELFRY_SOURCE_DIR;
    const Outcome printed =
        RunProgram({"python3", "-B", root + "/tests/deploy/dashboards_test.py",
                    "--print-queries", root});
    ASSERT_EQ(printed.exit_code, 0) << printed;
    const std::vector<std::string> lines =
        absl::StrSplit(printed.out, '\n', absl::SkipEmpty());
    EXPECT_FALSE(lines.empty());
    for (const std::string& line : lines) {
      google::protobuf::Struct query;
      ASSERT_TRUE(
          google::protobuf::util::JsonStringToMessage(line, &query).ok());
      const auto& fields = query.fields();
      const int series =
          CountSeries(prometheus, fields.at("expr").string_value());
      EXPECT_GE(series, fields.at("must_have_data").bool_value() ? 1 : 0)
          << line;
    }
  }
};

TEST_F(MonitoringTest, ALeakReachesAlertmanagerWithinAMinute) {
  const Cluster cluster(WithMonitoring("linux-3.0"));
  const v1::ClusterStatus status = cluster.Status();
  ASSERT_TRUE(AwaitTargets(status.prometheus(), 5));
  const Outcome run = cluster.Run(
      {"scenario", "run", "lost-ipi", "--attach", "--expect", "hang"});
  ASSERT_EQ(run.exit_code, 0) << run;
  for (const char* alert :
       {"BelfryQueueStranded of cpu 3", "BelfryWaiterStuck of cpu 1"}) {
    EXPECT_TRUE(AwaitAlert(status.alertmanager(), alert))
        << alert << " not among "
        << ::testing::PrintToString(DeliveredAlerts(status.alertmanager()));
  }
}

TEST_F(MonitoringTest, TheCanaryComesBackAndAlarmsNobodyElse) {
  const Cluster cluster(WithMonitoring("belfry"));
  const v1::ClusterStatus status = cluster.Status();
  ASSERT_TRUE(AwaitTargets(status.prometheus(), 5));
  const auto report = cluster.Ask<v1::CanaryReport>({"canary", "--cpu", "2"});
  EXPECT_EQ(report.canary().detected(), 1u);
  EXPECT_LT(report.detected_after().seconds(), kAlertTime.count());
  EXPECT_THAT(DeliveredAlerts(status.alertmanager()),
              ElementsAre("BelfryQueueStranded of cpu canary"));
  cluster.ExpectCleanAudit();
}

// As long as the leak of the other test may take to be told.
TEST_F(MonitoringTest, AHealthyClusterAtWorkIsQuietAndFillsThePanels) {
  const Cluster cluster(WithMonitoring("belfry"));
  const v1::ClusterStatus status = cluster.Status();
  ASSERT_TRUE(AwaitTargets(status.prometheus(), 5));
  cluster.Ask<v1::LoadReport>({"load", "start", "--rate", "200"});
  const auto end = std::chrono::steady_clock::now() + kAlertTime;
  while (std::chrono::steady_clock::now() < end) {
    cluster.Ask<v1::OperationList>({"cpu", "cycle", "1-3", "--count", "5"});
    cluster.Call({"0-3", "nop", "--count", "20"});
    EXPECT_THAT(DeliveredAlerts(status.alertmanager()), IsEmpty());
    EXPECT_EQ(CountSeries(status.prometheus(), "ALERTS{alertstate=\"firing\"}"),
              0);
  }
  ExpectPanelsToShow(status.prometheus());
  cluster.Ask<v1::LoadReport>({"load", "stop"});
  cluster.ExpectCleanAudit();
}

TEST_F(MonitoringTest, WhatDiedIsStartedAgainWhereItWas) {
  const Cluster cluster(WithMonitoring("belfry"));
  const std::string before = cluster.Status().prometheus();
  cluster.Kill("prometheus");
  EXPECT_EQ(cluster.Ask<v1::ClusterStatus>({"status"}, 1).state(), "degraded");
  cluster.Repair();
  EXPECT_EQ(cluster.Status().prometheus(), before);
  EXPECT_TRUE(AwaitTargets(before, 5));
}

}  // namespace
}  // namespace belfry::e2e
