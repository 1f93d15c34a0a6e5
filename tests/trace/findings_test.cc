#include "trace/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace belfry::trace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t kNow = 1'000'000;

google::protobuf::Timestamp SecondsAt(std::int64_t seconds) {
  google::protobuf::Timestamp time;
  time.set_seconds(seconds);
  return time;
}

// Two CPUs, online, with nothing to tell.
v1::Cluster Healthy() {
  v1::Cluster cluster;
  for (std::uint32_t i = 0; i < 2; ++i) {
    v1::CpuInfo& cpu = *cluster.add_cpus();
    cpu.set_cpu(i);
    cpu.set_state(v1::CPU_STATE_ONLINE);
    cpu.set_online(true);
    v1::CallTotals& calls = *cpu.mutable_report()->mutable_ledger();
    calls.set_issued(10);
    calls.set_completed(7);
    calls.set_refused(1);
    calls.set_lost(1);
    calls.set_outstanding(1);
  }
  return cluster;
}

std::vector<std::string> Findings(const v1::Cluster& cluster) {
  return FindingsOf(cluster, SecondsAt(kNow));
}

void Queue(v1::CpuInfo* cpu, std::uint32_t depth, std::int64_t age) {
  cpu->mutable_report()->set_depth(depth);
  *cpu->mutable_report()->mutable_head_time() = SecondsAt(kNow - age);
}

TEST(FindingsTest, OfAHealthyClusterThereAreNone) {
  EXPECT_THAT(Findings(Healthy()), IsEmpty());
}

TEST(FindingsTest, AnOldQueueIsOneByWhatShouldEmptyIt) {
  v1::Cluster cluster = Healthy();
  v1::CpuInfo& cpu = *cluster.mutable_cpus(1);
  Queue(&cpu, 109, 12);
  EXPECT_THAT(Findings(cluster),
              ElementsAre("cpu/1: 109 calls stranded: online, no doorbell "
                          "latched, the oldest 12.0 s"));
  cpu.mutable_report()->set_latched(true);
  EXPECT_THAT(Findings(cluster),
              ElementsAre("cpu/1: 109 calls pending: doorbell latched, not "
                          "taken, the oldest 12.0 s"));
  cpu.set_online(false);
  cpu.set_state(v1::CPU_STATE_OFFLINE);
  EXPECT_THAT(Findings(cluster),
              ElementsAre("cpu/1: 109 calls left behind on an offline CPU, the "
                          "oldest 12.0 s"));
}

TEST(FindingsTest, AYoungQueueIsWork) {
  v1::Cluster cluster = Healthy();
  Queue(cluster.mutable_cpus(1), 109, 4);
  EXPECT_THAT(Findings(cluster), IsEmpty());
}

TEST(FindingsTest, NamesCrashesWaitersAndWhatWasCarried) {
  v1::Cluster cluster = Healthy();
  cluster.mutable_cpus(0)->set_state(v1::CPU_STATE_CRASHED);
  cluster.mutable_cpus(0)->set_online(false);
  v1::CpuInfo& cpu = *cluster.mutable_cpus(1);
  cpu.mutable_report()->set_waiters_stuck(1);
  *cpu.mutable_report()->mutable_oldest_waiter_time() = SecondsAt(kNow - 30);
  cpu.set_calls_carried(2);
  EXPECT_THAT(Findings(cluster),
              ElementsAre("cpu/0: crashed: its process is gone",
                          "cpu/1: 1 waiting call stuck for 30.0 s",
                          "cpu/1: 2 calls carried over an offline-online "
                          "cycle"));
}

TEST(FindingsTest, ALedgerMustAddUp) {
  v1::Cluster cluster = Healthy();
  cluster.mutable_cpus(0)->mutable_report()->mutable_ledger()->set_issued(11);
  EXPECT_THAT(Findings(cluster),
              ElementsAre("cpu/0: its ledger does not add up: 11 issued, but 7 "
                          "completed, 1 refused, 1 lost and 1 outstanding"));
}

TEST(FindingsTest, AnOperationThatTakesLongIsOne) {
  v1::Cluster cluster = Healthy();
  v1::Operation& operation = *cluster.mutable_current();
  operation.set_id(7);
  operation.set_kind(v1::Operation::KIND_ONLINE);
  operation.set_cpus("3");
  operation.set_message("waits for cpu 1 in step 9 (calls:online)");
  *operation.mutable_create_time() = SecondsAt(kNow - 9);
  EXPECT_THAT(Findings(cluster), IsEmpty());
  *operation.mutable_create_time() = SecondsAt(kNow - 12);
  EXPECT_THAT(
      Findings(cluster),
      ElementsAre("operation 7 (online cpu 3) has run for 12.0 s: waits "
                  "for cpu 1 in step 9 (calls:online)"));
}

TEST(SumOfCallsTest, AddsUpAllCpus) {
  const v1::CallTotals sum = SumOfCalls(Healthy());
  EXPECT_EQ(sum.issued(), 20u);
  EXPECT_EQ(sum.completed(), 14u);
  EXPECT_EQ(sum.outstanding(), 2u);
}

}  // namespace
}  // namespace belfry::trace
