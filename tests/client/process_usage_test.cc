#include "client/process_usage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <string>

namespace belfry::client {
namespace {

TEST(ProcessUsage, IsOfAProcessThatIsThere) {
  const auto own = UsageOf(getpid());
  ASSERT_TRUE(own);
  EXPECT_GT(own->pss_kb(), 0);
  EXPECT_GE(own->threads(), 1);
  EXPECT_GE(own->descriptors(), 3);
  EXPECT_FALSE(UsageOf(-1));
}

struct Case {
  std::string name;
  std::function<v1::ProcessUsage(int)> usage;
  std::string leak;
};

v1::ProcessUsage Usage(std::uint64_t pss_kb, std::uint64_t threads,
                       std::uint64_t descriptors) {
  v1::ProcessUsage usage;
  usage.set_pss_kb(pss_kb);
  usage.set_threads(threads);
  usage.set_descriptors(descriptors);
  return usage;
}

// One sample each rest, thirty rests.
TEST(UsageHistory, TellsALeakFromWarmingUp) {
  const Case cases[] = {
      {"flat", [](int) { return Usage(9000, 3, 40); }, ""},
      {"warms up", [](int i) { return Usage(i < 9 ? 900 : 9000, 3, 40); }, ""},
      {"memory", [](int i) { return Usage(9000 + 900 * i, 3, 40); },
       "cpu/7 has 31500 kB of memory where it had 22500"},
      {"descriptors", [](int i) { return Usage(9000, 3, 40 + 4 * i); },
       "cpu/7 has 140 descriptors where it had 100"},
      {"threads", [](int i) { return Usage(9000, 3 + i, 40); },
       "cpu/7 has 28 threads where it had 18"},
      {"one peak", [](int i) { return Usage(i == 25 ? 90000 : 9000, 3, 40); },
       ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    UsageHistory history;
    for (int i = 0; i < 30; ++i) history.Add("cpu/7", {1, 1}, c.usage(i));
    ASSERT_EQ(history.Growth().size(), 1);
    EXPECT_EQ(LeakText(history.Growth().front()), c.leak);
  }
}

TEST(UsageHistory, TheLongestLifeCountsAndAShortOneDoesNot) {
  UsageHistory history;
  for (int i = 0; i < 11; ++i) history.Add("cpu/0", {1, 1}, Usage(1, 1, 1));
  EXPECT_TRUE(history.Growth().empty());
  for (int i = 0; i < 12; ++i) history.Add("cpu/0", {2, 2}, Usage(2, 2, 2));
  ASSERT_EQ(history.Growth().size(), 1);
  EXPECT_EQ(history.Growth().front().rests(), 12);
  EXPECT_EQ(history.Growth().front().after().threads(), 2);
}

}  // namespace
}  // namespace belfry::client
