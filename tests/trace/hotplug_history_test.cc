#include "trace/hotplug_history.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/trace/recordings.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::KernelLine;
using ::belfry::testing::KernelTrace;
using ::belfry::testing::Recording;

TEST(HotplugHistory, Offline) {
  const auto operations = FollowHotplug(Recording("offline"));
  ASSERT_EQ(operations.size(), 1u);
  EXPECT_EQ(operations[0].cpu, 3u);
  EXPECT_FALSE(operations[0].up);
  EXPECT_EQ(operations[0].steps.size(), 39u);
  EXPECT_FALSE(operations[0].failed || operations[0].turned_after);
  EXPECT_EQ(operations[0].steps[0].name, "cpuhp_kick_ap_work");
  EXPECT_TRUE(operations[0].steps[0].contains_others);
  EXPECT_FALSE(operations[0].steps[1].contains_others);
}

TEST(HotplugHistory, Online) {
  const auto operations = FollowHotplug(Recording("online"));
  ASSERT_EQ(operations.size(), 1u);
  EXPECT_TRUE(operations[0].up);
  EXPECT_EQ(operations[0].steps.size(), 36u);
  EXPECT_FALSE(operations[0].failed || operations[0].turned_after);
}

TEST(HotplugHistory, AFailureAndItsRollbackAreOneOperation) {
  const auto operations = FollowHotplug(Recording("offline-fails-at-190"));
  ASSERT_EQ(operations.size(), 1u);
  EXPECT_FALSE(operations[0].up);
  ASSERT_TRUE(operations[0].failed.has_value());
  const HotplugStep& failed = operations[0].steps[*operations[0].failed];
  EXPECT_EQ(failed.step, 236);
  EXPECT_EQ(failed.ret, -11);
  ASSERT_TRUE(operations[0].turned_after.has_value());
  EXPECT_EQ(operations[0].steps[*operations[0].turned_after].step, 191);
}

// A walk as numbers: "236>145" enters step 236 on the way to 145, "=0" leaves
// the innermost with 0.
std::vector<KernelLine> Walk(const std::vector<std::string>& words) {
  std::vector<KernelLine> lines;
  std::vector<int> open;
  for (const std::string& word : words) {
    const int at = static_cast<int>(lines.size());
    if (word[0] == '=') {
      lines.push_back({0, at,
                       absl::StrCat("cpuhp_exit: cpu: 0003 state: 0 step: ",
                                    open.back(), " ret: ", word.substr(1))});
      open.pop_back();
      continue;
    }
    const std::size_t arrow = word.find('>');
    open.push_back(std::stoi(word.substr(0, arrow)));
    lines.push_back(
        {0, at,
         absl::StrCat("cpuhp_enter: cpu: 0003 target: ", word.substr(arrow + 1),
                      " step: ", open.back(), " (f)")});
  }
  return lines;
}

struct WalkCase {
  std::vector<std::string> words;
  std::size_t operations = 0;
};

class Walks : public ::testing::TestWithParam<WalkCase> {};

TEST_P(Walks, AreToldApart) {
  EXPECT_EQ(FollowHotplug(KernelTrace(Walk(GetParam().words))).size(),
            GetParam().operations);
}

INSTANTIATE_TEST_SUITE_P(
    All, Walks,
    ::testing::Values(
        // Down, then up.
        WalkCase{{"236>145", "=0", "145>0", "=0", "2>0", "=0", "1>236", "=0",
                  "86>236", "=0"},
                 2},
        // Up, then down.
        WalkCase{{"1>236", "=0", "86>236", "=0", "236>145", "=0"}, 2},
        // Down fails at once, twice.
        WalkCase{{"236>145", "=-11", "236>145", "=-11"}, 2},
        // Up fails in a step, and goes back.
        WalkCase{{"1>236", "=0", "31>236", "=-12", "1>0", "=0"}, 1},
        // ... or without an event of the step that failed.
        WalkCase{{"1>236", "=0", "31>236", "=0", "31>0", "=0", "1>0", "=0"}, 1},
        // ... and is tried again.
        WalkCase{{"1>236", "=0", "31>236", "=0", "31>0", "=0", "1>236", "=0"},
                 2},
        // Down turns round inside the control CPU's step, and is tried again.
        WalkCase{{"236>145", "235>145", "=0", "235>236", "=0", "=-11",
                  "236>145", "=0"},
                 2}));

}  // namespace
}  // namespace belfry::trace
