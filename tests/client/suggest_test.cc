#include "client/suggest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace belfry::client {
namespace {

TEST(EditDistanceTest, CountsEdits) {
  EXPECT_EQ(EditDistance("", ""), 0u);
  EXPECT_EQ(EditDistance("status", "status"), 0u);
  EXPECT_EQ(EditDistance("", "up"), 2u);
  EXPECT_EQ(EditDistance("statu", "status"), 1u);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
}

TEST(EditDistanceTest, ASwapIsOneEdit) {
  EXPECT_EQ(EditDistance("onilne", "online"), 1u);
}

TEST(EditDistanceTest, IsSymmetric) {
  EXPECT_EQ(EditDistance("offline", "online"),
            EditDistance("online", "offline"));
}

TEST(SuggestTest, FindsTheNearestAndOnlyIfNear) {
  const std::vector<std::string> verbs = {"status", "stop-machine", "scenario",
                                          "cpu"};
  EXPECT_EQ(Suggest("statsu", verbs), "status");
  EXPECT_EQ(Suggest("scen", verbs), "scenario");
  EXPECT_EQ(Suggest("cpi", verbs), "cpu");
  EXPECT_EQ(Suggest("frobnicate", verbs), std::nullopt);
  EXPECT_EQ(Suggest("x", {}), std::nullopt);
}

}  // namespace
}  // namespace belfry::client
