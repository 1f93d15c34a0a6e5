#include "rpc/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "rpc/kept_address.h"

namespace belfry::rpc {
namespace {

TEST(ReachableAddressTest, WithoutAdvertiseItIsWhereOneListens) {
  EXPECT_EQ(ReachableAddress("", "127.0.0.1:7000"), "127.0.0.1:7000");
  EXPECT_EQ(ReachableAddress("", "10.1.2.3:7000"), "10.1.2.3:7000");
  EXPECT_EQ(ReachableAddress("", "[::1]:7000"), "[::1]:7000");
  EXPECT_EQ(ReachableAddress("", "unix:/run/x"), "unix:/run/x");
}

TEST(ReachableAddressTest, AWildcardIsToldAsThisHost) {
  for (const char* any : {"0.0.0.0:7000", "[::]:7000"}) {
    const std::string told = ReachableAddress("", any);
    EXPECT_THAT(told, testing::EndsWith(":7000"));
    EXPECT_THAT(told, testing::Not(testing::HasSubstr("0.0.0.0")));
    EXPECT_THAT(told, testing::Not(testing::HasSubstr("[::]")));
  }
}

TEST(ReachableAddressTest, WhatIsAdvertisedIsTold) {
  EXPECT_EQ(ReachableAddress("10.1.2.3:80", "0.0.0.0:7000"), "10.1.2.3:80");
  EXPECT_EQ(ReachableAddress("unix:/run/x", "0.0.0.0:7000"), "unix:/run/x");
  // The port is the one listened on, unless it is said.
  EXPECT_EQ(ReachableAddress("10.1.2.3", "0.0.0.0:7000"), "10.1.2.3:7000");
  EXPECT_EQ(ReachableAddress("10.1.2.3:0", "0.0.0.0:7000"), "10.1.2.3:7000");
  EXPECT_EQ(ReachableAddress("[fd00::1]", "[::]:7000"), "[fd00::1]:7000");
}

TEST(CheckListenAddressTest, WhatAServerCanBeToldToListenOn) {
  for (const char* good :
       {"127.0.0.1:0", "localhost:65535", "[::1]:7000", "unix:/run/belfry"}) {
    EXPECT_TRUE(CheckListenAddress(good).ok()) << good;
  }
  for (const char* bad : {"", "foo", "127.0.0.1", "127.0.0.1:", ":7000",
                          "127.0.0.1:99999", "127.0.0.1:-1", "unix:"}) {
    EXPECT_THAT(std::string(CheckListenAddress(bad).message()),
                testing::HasSubstr(std::string("'") + bad + "'"));
  }
}

TEST(ReachableAddressTest, OfANameTheAddressThatIsOurs) {
  EXPECT_THAT(ReachableAddress("localhost:80", "0.0.0.0:7000"),
              testing::AnyOf("127.0.0.1:80", "[::1]:80"));
}

TEST(LooksUpANameTest, OnlyWhereThereIsOne) {
  for (const char* none :
       {"10.1.2.3", "10.1.2.3:80", "[fd00::1]:80", "unix:/run/x"}) {
    EXPECT_FALSE(LooksUpAName(none, "0.0.0.0:7000")) << none;
  }
  EXPECT_TRUE(LooksUpAName("node-3:80", "127.0.0.1:7000"));
  EXPECT_FALSE(LooksUpAName("", "127.0.0.1:7000"));
  EXPECT_TRUE(LooksUpAName("", "0.0.0.0:7000"));
  EXPECT_TRUE(LooksUpAName("", "[::]:7000"));
}

TEST(KeptAddressTest, IsThereAtOnce) {
  for (const char* advertised : {"10.1.2.3:80", "localhost:80"}) {
    EXPECT_EQ(KeptAddress(advertised, "0.0.0.0:7000").Get(),
              ReachableAddress(advertised, "0.0.0.0:7000"));
  }
}

TEST(ReachableAddressTest, ANameThatIsNotKnownHereMayBeElsewhere) {
  EXPECT_EQ(ReachableAddress("node-3.invalid:80", "0.0.0.0:7000"),
            "node-3.invalid:80");
}

}  // namespace
}  // namespace belfry::rpc
