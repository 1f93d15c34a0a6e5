// The stopper of one CPU: when a work may be queued on it, and when it runs.
#include "kernel/stopper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "kernel/cpu.h"
#include "tests/support/lone_cpu.h"

namespace belfry::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using enum MultiStopState;

// CPU 1 of a machine of CPUs 0, 1 and 2, on its way up.
struct Machine : testing::LoneCpu {
  explicit Machine(StopperEnable enable)
      : LoneCpu({.id = CpuId{1},
                 .incarnation = testing::kFirstLife,
                 .profile = Rules(enable)},
                {0, 2}) {}

  static Profile Rules(StopperEnable enable) {
    Profile profile = PresetByName("belfry").value();
    profile.stopper_enable = enable;
    return profile;
  }

  std::vector<std::string> Publish(MultiStopState state, std::uint64_t round) {
    return Do(StopPublish{
        .generation = Generation{round}, .state = state, .active = {0}});
  }
};

struct EnableCase {
  StopperEnable enable;
  std::vector<std::string> at_online;
  bool enabled = false;
};

void PrintTo(const EnableCase& c, std::ostream* out) {
  *out << (c.enabled ? "at unpark" : "at first run");
}

class EnableTest : public ::testing::TestWithParam<EnableCase> {};

TEST_P(EnableTest, WhenTheCpuComesOnline) {
  Machine m(GetParam().enable);
  EXPECT_FALSE(m.cpu.stopper().enabled);
  EXPECT_EQ(m.Do(SetView{{1, {0, 1, 2}}}), GetParam().at_online);
  EXPECT_EQ(m.cpu.stopper().enabled, GetParam().enabled);
  m.Do(StopperRuns{});
  EXPECT_TRUE(m.cpu.stopper().enabled);
}

INSTANTIATE_TEST_SUITE_P(
    Knob, EnableTest,
    ::testing::Values(
        EnableCase{StopperEnable::kAtUnpark, {"tell view_ack 1"}, true},
        EnableCase{StopperEnable::kAtFirstRun,
                   {"wake stopper", "tell view_ack 1"},
                   false}));

// K03: counted, and completed without running.
TEST(StopperTest, AWorkForOneThatIsNotEnabledIsNeverAcknowledged) {
  Machine m(StopperEnable::kAtFirstRun);
  m.Do(SetView{{1, {0, 1, 2}}});
  EXPECT_THAT(m.Publish(kPrepare, 1), IsEmpty());
  EXPECT_EQ(m.cpu.closed_generation(), Generation{1});
  m.Do(StopperRuns{});
  EXPECT_FALSE(m.cpu.stop());
  // The coordinator repeats itself: it is over all the same.
  EXPECT_THAT(m.Publish(kPrepare, 1), ElementsAre("tell refuse PREPARE"));
  // A later round is its own.
  EXPECT_THAT(m.Publish(kPrepare, 2), ElementsAre("tell ack PREPARE"));
}

TEST(StopperTest, OneThreadIsOwedHoweverOftenTheCpuComesAndGoes) {
  Machine m(StopperEnable::kAtFirstRun);
  m.Do(SetView{{1, {0, 1, 2}}});
  m.Do(SetView{{2, {0, 2}}});  // declared dead, and parked
  m.Do(Kick{OpId{2}});
  m.Do(BringOnline{OpId{2}});
  EXPECT_THAT(m.Do(SetView{{3, {0, 1, 2}}}), ElementsAre("tell view_ack 3"));
  m.Do(StopperRuns{});
  EXPECT_TRUE(m.cpu.stopper().enabled);
}

TEST(StopperTest, AThreadThatRunsWhenTheCpuHasGoneEnablesNothing) {
  Machine m(StopperEnable::kAtFirstRun);
  m.Do(SetView{{1, {0, 1, 2}}});
  m.Do(SetView{{2, {0, 2}}});
  m.Do(StopperRuns{});
  EXPECT_FALSE(m.cpu.stopper().enabled);
}

// stop_machine_park(), in RUN; taken back with what RUN did.
TEST(StopperTest, ATakedownDisablesItAndAnAbortEnablesItAgain) {
  Machine m(StopperEnable::kAtUnpark);
  m.Do(SetView{{1, {0, 1, 2}}});
  for (MultiStopState state : {kPrepare, kDisableIrq, kRun}) {
    m.Do(StopPublish{.generation = Generation{1},
                     .state = state,
                     .active = {1},
                     .takedown = true});
  }
  m.Do(WindowIs{Generation{1}, true});
  EXPECT_FALSE(m.cpu.stopper().enabled);
  m.Do(StopAbort{Generation{1}});
  EXPECT_TRUE(m.cpu.stopper().enabled);
  EXPECT_THAT(m.Publish(kPrepare, 2), ElementsAre("tell ack PREPARE"));
}

}  // namespace
}  // namespace belfry::kernel
