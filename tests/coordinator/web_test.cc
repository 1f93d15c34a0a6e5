#include "coordinator/web.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "coordinator/page.h"
#include "rpc/status.h"

namespace belfry::coordinator {
namespace {

google::protobuf::ListValue ParseList(const std::string& json) {
  google::protobuf::ListValue list;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &list).ok())
      << json;
  return list;
}

v1::CpuInfo MakeCpu(std::uint32_t number, v1::CpuState state,
                    const std::string& metrics) {
  v1::CpuInfo cpu;
  cpu.set_cpu(number);
  cpu.set_state(state);
  cpu.set_metrics_address(metrics);
  return cpu;
}

TEST(TargetsTest, AreTheLiveProcesses) {
  v1::Cluster cluster;
  cluster.set_metrics_address("c:9100");
  *cluster.add_cpus() = MakeCpu(0, v1::CPU_STATE_ONLINE, "a:1");
  *cluster.add_cpus() = MakeCpu(1, v1::CPU_STATE_OFFLINE, "b:2");
  *cluster.add_cpus() = MakeCpu(2, v1::CPU_STATE_CRASHED, "dead:3");
  *cluster.add_cpus() = MakeCpu(3, v1::CPU_STATE_ABSENT, "");
  *cluster.add_cpus() = MakeCpu(4, v1::CPU_STATE_GOING_DOWN, "d:4");
  const std::string expected = R"([
    {"targets": ["c:9100"], "labels": {"role": "coordinator"}},
    {"targets": ["a:1"], "labels": {"role": "node", "node": "cpu/0"}},
    {"targets": ["b:2"], "labels": {"role": "node", "node": "cpu/1"}},
    {"targets": ["d:4"], "labels": {"role": "node", "node": "cpu/4"}}])";
  const std::string json = TargetsJson(cluster);
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(
      ParseList(json), ParseList(expected)))
      << json;
  // Prometheus refuses fields that it does not know.
  EXPECT_THAT(json, testing::Not(testing::HasSubstr("values")));
}

struct AlertCase {
  const char* body;
  int count;
};

TEST(CanaryAlertsTest, AreThoseThatFireOnTheCpuThatIsNone) {
  const AlertCase cases[] = {
      {R"({"alerts": []})", 0},
      {R"({"alerts": [{"status": "firing", "labels": {"cpu": "canary"}}]})", 1},
      {R"({"alerts": [{"status": "resolved", "labels": {"cpu": "canary"}}]})",
       0},
      {R"({"alerts": [{"status": "firing", "labels": {"cpu": "3"}}]})", 0},
      {R"({"alerts": [{"status": "firing"}, {"labels": {"cpu": "canary"}}]})",
       0},
  };
  for (const AlertCase& c : cases) {
    const auto count = CountCanaryAlerts(c.body);
    ASSERT_TRUE(count.ok()) << c.body;
    EXPECT_EQ(*count, c.count) << c.body;
  }
}

TEST(CanaryAlertsTest, WhatIsNoNotificationIsRefused) {
  for (const char* body : {"", "x", "[]", "3", "{}", R"({"alert": []})"}) {
    const auto count = CountCanaryAlerts(body);
    ASSERT_FALSE(count.ok()) << body;
    EXPECT_THAT(std::string(count.status().message()),
                testing::HasSubstr("alerts"));
  }
}

TEST(PageTest, IsOneFileThatNeedsNoOther) {
  ASSERT_EQ(EmbeddedPage().size(), 1u);
  const std::string page(EmbeddedPage().front().content);
  EXPECT_THAT(page, testing::HasSubstr("/api/state"));
  for (const char* outside : {"http://", "https://", "src=", "@import"}) {
    EXPECT_THAT(page, testing::Not(testing::HasSubstr(outside)));
  }
}

// What the webhook answers to an alert about the canary, and to others.
class AlertsTest : public testing::Test {
 protected:
  AlertsTest() : thread_([this] { loop_.Run(); }) {}
  ~AlertsTest() override {
    loop_.Shutdown();
    thread_.join();
  }

  rpc::HttpResponse Post(const char* cpu) {
    const auto routes =
        WebRoutes(&loop_, std::make_shared<prometheus::Registry>(),
                  {.state = [] { return v1::LiveState(); },
                   .on_canary_detected =
                       [this] {
                         ++detected_;
                         return answer_;
                       }});
    const auto alerts =
        std::find_if(routes.begin(), routes.end(),
                     [](const auto& route) { return route.path == "/alerts"; });
    return alerts->handle(
        absl::StrCat(R"({"alerts": [{"status": "firing", "labels": {"cpu": ")",
                     cpu, R"("}}]})"));
  }

  rpc::Loop loop_{std::make_unique<grpc::CompletionQueue>()};
  std::thread thread_;
  grpc::Status answer_;
  int detected_ = 0;
};

TEST_F(AlertsTest, AboutTheCanaryIsTold) {
  EXPECT_EQ(Post("canary").status, 200);
  EXPECT_EQ(detected_, 1);
  EXPECT_EQ(Post("3").status, 200);
  EXPECT_EQ(detected_, 1);
}

// Alertmanager sends it again on 5xx, and elsewhere if the name that it knows
// has several addresses.
TEST_F(AlertsTest, AtACoordinatorThatStandsByItIsNotTaken) {
  answer_ = rpc::NotLeader("10.0.0.7:7000");
  const rpc::HttpResponse refused = Post("canary");
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, testing::HasSubstr("10.0.0.7:7000 leads"));
  EXPECT_EQ(Post("3").status, 200) << "nobody waits for that one";
}

}  // namespace
}  // namespace belfry::coordinator
