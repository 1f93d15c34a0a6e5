// A real Prometheus and a real Alertmanager over a real cluster.
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/e2e/support/cluster.h"

namespace belfry::e2e {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What is promised of a leak: from its birth to Alertmanager.
constexpr std::chrono::seconds kAMinute{60};

std::string UrlEncoded(absl::string_view text) {
  std::string encoded;
  for (const char c : text) {
    absl::StrAppend(&encoded, "%", absl::BytesToHexString({&c, 1}));
  }
  return encoded;
}

Value FetchJson(const std::string& address, const std::string& path) {
  Value value;
  const std::string body = HttpGet(address, path);
  const auto status = google::protobuf::util::JsonStringToMessage(
      body.empty() ? "null" : body, &value);
  EXPECT_TRUE(status.ok()) << status.ToString() << "\n" << body;
  return value;
}

const Value& Member(const Value& object, const std::string& name) {
  const auto& fields = object.struct_value().fields();
  const auto found = fields.find(name);
  return found == fields.end() ? Value::default_instance() : found->second;
}

class MonitoringTest : public ::testing::Test {
 protected:
  static Machine WithMonitoring(const std::string& profile) {
    return {.profile = profile, .flags = {"--monitoring", "--gates"}};
  }

  // How many series the query gives now; -1 when it is refused.
  static int CountSeries(const Cluster& cluster, const std::string& query) {
    const Value answer =
        FetchJson(cluster.Status().prometheus(),
                  absl::StrCat("/api/v1/query?query=", UrlEncoded(query)));
    if (Member(answer, "status").string_value() != "success") return -1;
    return Member(Member(answer, "data"), "result").list_value().values_size();
  }

  // "BelfryQueueStranded of cpu 3" for each alert that Alertmanager has.
  static std::vector<std::string> Delivered(const Cluster& cluster) {
    std::vector<std::string> alerts;
    const Value answer =
        FetchJson(cluster.Status().alertmanager(), "/api/v2/alerts");
    for (const Value& alert : answer.list_value().values()) {
      const Value& labels = Member(alert, "labels");
      alerts.push_back(absl::StrCat(Member(labels, "alertname").string_value(),
                                    " of cpu ",
                                    Member(labels, "cpu").string_value()));
    }
    return alerts;
  }

  static bool HasAlert(const Cluster& cluster, const std::string& alert) {
    const auto alerts = Delivered(cluster);
    return std::find(alerts.begin(), alerts.end(), alert) != alerts.end();
  }

  static bool AwaitAllTargets(const Cluster& cluster, int count) {
    return WaitFor([&] { return CountSeries(cluster, "up == 1") == count; });
  }
};

TEST_F(MonitoringTest, ALeakReachesAlertmanagerWithinAMinute) {
  const Cluster cluster(WithMonitoring("linux-3.0"));
  ASSERT_TRUE(AwaitAllTargets(cluster, 5));
  const Outcome run = cluster.Run(
      {"scenario", "run", "lost-ipi", "--attach", "--expect", "hang"});
  ASSERT_EQ(run.exit_code, 0) << run;
  EXPECT_TRUE(
      WaitFor([&] { return HasAlert(cluster, "BelfryQueueStranded of cpu 3"); },
              kAMinute))
      << ::testing::PrintToString(Delivered(cluster));
  EXPECT_TRUE(
      WaitFor([&] { return HasAlert(cluster, "BelfryWaiterStuck of cpu 1"); },
              kAMinute))
      << ::testing::PrintToString(Delivered(cluster));
}

TEST_F(MonitoringTest, TheCanaryComesBackAndAlarmsNobodyElse) {
  const Cluster cluster(WithMonitoring("belfry"));
  ASSERT_TRUE(AwaitAllTargets(cluster, 5));
  const auto report = cluster.Ask<v1::CanaryReport>({"canary", "--cpu", "2"});
  EXPECT_EQ(report.canary().detected(), 1u);
  EXPECT_LT(report.detected_after().seconds(), kAMinute.count());
  EXPECT_THAT(Delivered(cluster),
              ElementsAre("BelfryQueueStranded of cpu canary"));
  cluster.ExpectCleanAudit();
}

// As long as the leak of the other test may take to be told.
TEST_F(MonitoringTest, UnderLoadAndHotplugAHealthyClusterIsQuiet) {
  const Cluster cluster(WithMonitoring("belfry"));
  ASSERT_TRUE(AwaitAllTargets(cluster, 5));
  cluster.Ask<v1::LoadReport>({"load", "start", "--rate", "200"});
  const auto end = std::chrono::steady_clock::now() + kAMinute;
  while (std::chrono::steady_clock::now() < end) {
    cluster.Ask<v1::OperationList>({"cpu", "cycle", "1-3", "--count", "5"});
    cluster.Call({"0-3", "nop", "--count", "20"});
    EXPECT_THAT(Delivered(cluster), IsEmpty());
    EXPECT_EQ(CountSeries(cluster, "ALERTS{alertstate=\"firing\"}"), 0);
  }
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
  EXPECT_TRUE(AwaitAllTargets(cluster, 5));
}

}  // namespace
}  // namespace belfry::e2e
