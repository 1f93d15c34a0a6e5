#include "kernel/cpuhp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace belfry::kernel {
namespace {

std::vector<std::string> Way(const CpuhpTable& table, CpuhpState from,
                             CpuhpState to) {
  std::vector<std::string> names;
  for (const CpuhpStep* step = table.Next(from, to); step != nullptr;
       step = table.Next(from, to)) {
    names.emplace_back(step->name);
    from = to > from ? step->state : Below(step->state);
  }
  return names;
}

using ::testing::HasSubstr;
using Names = std::vector<std::string>;

TEST(CpuhpTest, BelfryWalksUpAndDown) {
  const CpuhpTable table(Steps::kBelfry);
  EXPECT_EQ(
      Way(table, 0, table.online()),
      (Names{"calls:prepare", "cpu:bringup", "tasks:online", "calls:online"}));
  EXPECT_EQ(Way(table, table.online(), 0),
            (Names{"calls:online", "tasks:online", "cpu:teardown",
                   "smpcfd:dying", "cpu:bringup", "calls:prepare"}));
  EXPECT_EQ(Way(table, 3, 3), Names{});
}

TEST(CpuhpTest, NotifiersWalkUpAndDown) {
  const CpuhpTable table(Steps::kNotifiers);
  EXPECT_EQ(Way(table, 0, table.online()),
            (Names{"hotplug_cfd:prepare", "workqueue:prepare", "cpu:bringup",
                   "sched:starting", "sched:active", "calls:online"}));
  EXPECT_EQ(Way(table, table.online(), 0),
            (Names{"calls:online", "sched:active", "cpu:teardown",
                   "smpcfd:dying", "sched:starting", "cpu:bringup",
                   "block:dead", "workqueue:prepare", "hotplug_cfd:prepare"}));
}

TEST(CpuhpTest, FindsByNumberAndName) {
  for (Steps steps : {Steps::kNotifiers, Steps::kCpuhp612, Steps::kBelfry}) {
    const CpuhpTable table(steps);
    for (const CpuhpStep& step : table.steps()) {
      EXPECT_EQ(table.Find(step.state), &step);
      EXPECT_EQ(table.FindByName(step.name), &step);
    }
    EXPECT_EQ(table.Find(999), nullptr);
    EXPECT_EQ(table.FindByName("none"), nullptr);
    EXPECT_LE(table.bringup(), table.dead());
    EXPECT_LT(table.dead(), table.teardown());
    EXPECT_LE(table.teardown(), table.idle());
    EXPECT_LT(table.idle(), table.online());
  }
}

TEST(CpuhpTest, StatesOfLinux612ThatAreNoStep) {
  const CpuhpTable table(Steps::kCpuhp612);
  EXPECT_EQ(table.bringup(), 86);
  EXPECT_EQ(table.dead(), 87);
  EXPECT_EQ(table.teardown(), 145);
  EXPECT_EQ(table.idle(), 146);
  EXPECT_EQ(table.online(), 236);
  EXPECT_TRUE(table.has_ap_thread());
  // A number without a step is a state all the same.
  EXPECT_EQ(table.Next(188, 236)->state, 189);
  EXPECT_EQ(table.Next(189, 145)->state, 188);
  EXPECT_EQ(table.Next(146, 145), nullptr);
}

TEST(CpuhpTest, WhichStepsOfLinux612MayBeMadeToFail) {
  const CpuhpTable table(Steps::kCpuhp612);
  for (const CpuhpStep& step : table.steps()) {
    const bool callback =
        step.startup != StepAction::kNone || step.teardown != StepAction::kNone;
    const bool atomic = step.state >= 87 && step.state < 144;
    const bool down = callback && step.state >= 145;
    const bool up = callback && !atomic;
    EXPECT_EQ(table.CheckFail(step.state, 236),
              down ? Errno::kOk : Errno::kEinval)
        << step.state;
    EXPECT_EQ(table.CheckFail(step.state, 0), up ? Errno::kOk : Errno::kEinval)
        << step.state;
  }
}

// kernel/cpu.c, fail_store().
struct FailCase {
  CpuhpState step;
  CpuhpState state;
  Errno answer;
};

TEST(CpuhpTest, WhichStepsMayBeMadeToFail) {
  const CpuhpTable table(Steps::kBelfry);
  const CpuhpState online = table.online();
  const FailCase cases[] = {
      {kCpuhpInvalid, online, Errno::kOk},
      {kCpuhpInvalid, 0, Errno::kOk},
      // No such step; none with a callback.
      {99, online, Errno::kEinval},
      {-2, online, Errno::kEinval},
      {0, 0, Errno::kEinval},
      {online, online, Errno::kEinval},
      // STARTING must not fail, whatever the direction.
      {3, 0, Errno::kEinval},
      {3, online, Errno::kEinval},
      // PREPARE and bring-up only on the way up.
      {1, 0, Errno::kOk},
      {2, 0, Errno::kOk},
      {1, online, Errno::kEinval},
      {2, online, Errno::kEinval},
      {1, 2, Errno::kOk},
      // What lies above may fail both ways.
      {4, online, Errno::kOk},
      {5, online, Errno::kOk},
      {6, 0, Errno::kOk},
  };
  for (const FailCase& c : cases) {
    EXPECT_EQ(table.CheckFail(c.step, c.state), c.answer)
        << "step " << c.step << " in state " << c.state;
  }
  const auto why = [&table](CpuhpState step, CpuhpState state) {
    return std::string(table.WhyCannotFail(step, state));
  };
  EXPECT_THAT(why(99, online), HasSubstr("no such step"));
  EXPECT_THAT(why(online, online), HasSubstr("no callback"));
  EXPECT_THAT(why(3, online), HasSubstr("masked"));
  EXPECT_THAT(why(1, online), HasSubstr("teardown"));
  EXPECT_EQ(why(1, 0), "");
}

}  // namespace
}  // namespace belfry::kernel
