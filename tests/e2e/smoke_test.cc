// One cluster, once through: short enough for the sanitizer builds.
#include <gtest/gtest.h>

#include "tests/e2e/support/cluster.h"

namespace belfry::e2e {
namespace {

TEST(SmokeTest, ClusterCallsHotplugAndAudit) {
  const Cluster cluster({.cpus = 3});
  EXPECT_EQ(cluster.State().view().online(), "0-2");
  cluster.Ask<v1::LoadReport>({"load", "start", "--rate", "100"});
  cluster.ExpectAllCallsWork();
  cluster.Call({"1-2", "nop", "--count", "200", "--nowait", "--from", "0"});
  cluster.Offline(2);
  EXPECT_EQ(cluster.Call({"2", "nop", "--from", "0"}, 1).results(0).result(),
            "ENXIO");
  cluster.Online(2);
  EXPECT_TRUE(cluster.AwaitEqualViews());
  EXPECT_FALSE(cluster.Metrics("cpu/2").series().empty());
  cluster.Ask<v1::LoadReport>({"load", "stop"});
  cluster.ExpectAllCallsWork();
  EXPECT_EQ(cluster.ExpectCleanAudit().lost(), 0u);
  const auto down = cluster.Ask<v1::ClusterStatus>({"down"});
  EXPECT_EQ(down.message().find("killed"), std::string::npos) << down.message();
}

}  // namespace
}  // namespace belfry::e2e
