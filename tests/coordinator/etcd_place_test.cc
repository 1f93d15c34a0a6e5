#include "coordinator/etcd_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace belfry::coordinator {
namespace {

TEST(ParseEtcdPlaceTest, MembersAndAPrefix) {
  const auto place = ParseEtcdPlace("etcd:10.0.0.1:2379,b:2379/machines/one");
  ASSERT_TRUE(place.ok()) << place.status();
  EXPECT_THAT(place->endpoints,
              testing::ElementsAre("10.0.0.1:2379", "b:2379"));
  EXPECT_EQ(place->leader_key(), "/machines/one/leader");
  EXPECT_EQ(place->journal_prefix(), "/machines/one/journal/");
  EXPECT_EQ(ParseEtcdPlace("etcd:a:1")->prefix, "/belfry");
}

TEST(ParseEtcdPlaceTest, WhatMakesNoSenseIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"a:2379", "etcd:HOST:PORT,HOST:PORT,...[/PREFIX] is right"},
      {"sqlite:/var", "etcd:HOST:PORT"},
      {"etcd:", "'' is no address"},
      {"etcd:a", "'a' is no address"},
      {"etcd:a:1,", "'' is no address"},
      {"etcd:a:0", "'a:0' is no address"},
      {"etcd:http://a:1", "'http:' is no address"},
      {"etcd:a:1/", "a prefix is like /belfry"},
      {"etcd:a:1/x/", "a prefix is like /belfry"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_THAT(std::string(ParseEtcdPlace(text).status().message()),
                testing::HasSubstr(message))
        << text;
  }
}

}  // namespace
}  // namespace belfry::coordinator
