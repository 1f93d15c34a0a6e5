#include "rpc/coordinators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "rpc/address.h"
#include "rpc/backoff.h"
#include "rpc/status.h"

namespace belfry::rpc {
namespace {

TEST(CoordinatorsTest, TheyAreAskedInTurn) {
  Coordinators all({"a:1", "b:1", "c:1"});
  EXPECT_EQ(all.current(), "a:1");
  EXPECT_FALSE(all.Next(""));
  EXPECT_EQ(all.current(), "b:1");
  EXPECT_FALSE(all.Next(""));
  EXPECT_EQ(all.current(), "c:1");
  EXPECT_TRUE(all.Next("")) << "all have been asked";
  EXPECT_EQ(all.current(), "a:1");
}

TEST(CoordinatorsTest, WhoIsSaidToLeadIsAskedNext) {
  Coordinators all({"a:1", "b:1"});
  EXPECT_FALSE(all.Next("x:1"));
  EXPECT_EQ(all.current(), "x:1");
  // It is dead: on with the list.
  EXPECT_FALSE(all.Next(""));
  EXPECT_EQ(all.current(), "b:1");
  // One that names itself knows nothing.
  EXPECT_TRUE(all.Next("b:1"));
  EXPECT_EQ(all.current(), "a:1");
}

TEST(CoordinatorsTest, OneAloneIsAskedAgainAndAgain) {
  Coordinators one({"a:1"});
  EXPECT_FALSE(one.several());
  EXPECT_TRUE(one.Next(""));
  EXPECT_EQ(one.current(), "a:1");
}

TEST(NotLeaderTest, ItSaysWhoLeads) {
  const grpc::Status status = NotLeader("a:1");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "NOT_LEADER");
  EXPECT_TRUE(IsNotLeader(status));
  EXPECT_EQ(LeaderOf(status), "a:1");
  EXPECT_THAT(status.error_message(), testing::HasSubstr("a:1 leads"));
}

TEST(NotLeaderTest, OrThatItDoesNotKnow) {
  EXPECT_TRUE(IsNotLeader(NotLeader("")));
  EXPECT_EQ(LeaderOf(NotLeader("")), "");
  for (const grpc::Status& other :
       {grpc::Status::OK, grpc::Status(grpc::StatusCode::UNAVAILABLE, "a:1"),
        ErrorStatus(kernel::Errno::kEagain, "no", {{"leader", "a:1"}})}) {
    EXPECT_FALSE(IsNotLeader(other));
    EXPECT_EQ(LeaderOf(other), "");
  }
}

TEST(ParseAddressesTest, AList) {
  const auto list = ParseAddresses("--x", "a:1,[::1]:7000,unix:/run/b");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(*list, testing::ElementsAre("a:1", "[::1]:7000", "unix:/run/b"));
}

TEST(ParseAddressesTest, WhatIsNoneIsNamed) {
  for (const char* bad : {"", "a", "a:", ":1", "a:0", "a:65536", "a:1,,b:1",
                          "a:1,b", "unix:", "http://a:1"}) {
    const auto list = ParseAddresses("--x", bad);
    EXPECT_THAT(std::string(list.status().message()),
                testing::StartsWith(std::string("--x ") + bad + ": "))
        << bad;
  }
}

TEST(BackoffTest, ItGrowsToItsCap) {
  using std::chrono::milliseconds;
  Backoff backoff(milliseconds(10), milliseconds(40));
  for (const int base : {10, 20, 40, 40}) {
    for (int i = 0; i < 20; ++i) {
      const milliseconds pause = backoff.Jittered();
      EXPECT_GE(pause, milliseconds(base));
      EXPECT_LT(pause, milliseconds(base + 10));
    }
    backoff.Grow();
  }
  backoff.Reset();
  EXPECT_LT(backoff.Jittered(), milliseconds(20));
}

}  // namespace
}  // namespace belfry::rpc
