#include "client/duration.h"

#include <gtest/gtest.h>

#include <string>

namespace belfry::client {
namespace {

TEST(DurationTest, ReadsWhatPeopleWrite) {
  EXPECT_EQ(*ParseDuration("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseDuration("10s"), absl::Seconds(10));
  EXPECT_EQ(*ParseDuration("2m"), absl::Minutes(2));
  EXPECT_EQ(*ParseDuration("1m30s"), absl::Seconds(90));
}

TEST(DurationTest, RefusesWhatIsNoSpanOfTime) {
  for (const char* text : {"", "10", "-1s", "0", "0s", "inf", "5x", "s"}) {
    const auto duration = ParseDuration(text);
    ASSERT_FALSE(duration.ok()) << text;
    EXPECT_NE(duration.status().message().find("write 500ms, 10s or 2m"),
              absl::string_view::npos);
  }
}

TEST(DurationTest, ProtoAndBack) {
  for (const absl::Duration duration :
       {absl::Nanoseconds(1), absl::Milliseconds(1500), absl::Hours(3)}) {
    EXPECT_EQ(FromProto(ToProto(duration)), duration);
  }
}

}  // namespace
}  // namespace belfry::client
