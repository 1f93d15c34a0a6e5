// A program that links the node library and brings a function of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/support/cluster.h"

namespace belfry::e2e {
namespace {

using ::testing::Contains;

TEST(ExampleNodeTest, ItsFunctionIsCalledLikeAnyOther) {
  const Cluster cluster({.cpus = 2});
  // It takes the number of a node that went.
  ASSERT_TRUE(SignalAndAwaitDeath(cluster.Pid("cpu/1"), 15));
  ASSERT_TRUE(cluster.AwaitState(1, v1::CPU_STATE_ABSENT));
  const auto node = cluster.StartServer(
      "belfry-node-word-count",
      {"--coordinator", cluster.Address("coordinator"), "--cpu", "1"});
  ASSERT_TRUE(cluster.AwaitState(1, v1::CPU_STATE_OFFLINE)) << node->err();
  EXPECT_THAT(cluster.Cpu(1).functions(), Contains("count_words"));
  cluster.Online(1);
  const auto report = cluster.Call(
      {"1", "count_words", "--payload", "for whom the bell tolls"});
  ASSERT_EQ(report.results_size(), 1);
  EXPECT_EQ(report.results(0).result(), "0");
  EXPECT_EQ(report.results(0).payload(), "5");
  // Who does not know it says so, and the one that does knows the others.
  const auto unknown =
      cluster.Call({"0", "count_words", "--from", "1"}, /*exit_code=*/1);
  EXPECT_EQ(unknown.results(0).result(), "ENOSYS");
  EXPECT_EQ(cluster.Metrics("cpu/1").Value("belfry_calls_pending",
                                           {{"func", "count_words"}}),
            0);
  cluster.ExpectAllCallsWork();
  EXPECT_EQ(cluster.ExpectCleanAudit().lost(), 0u);
  node->Signal(15);
  EXPECT_EQ(node->Wait().exit_code, 0) << node->err();
}

}  // namespace
}  // namespace belfry::e2e
