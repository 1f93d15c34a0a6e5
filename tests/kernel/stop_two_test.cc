// stop_two_cpus(): one stopper's answers, and whole machines in which tasks
// stop two CPUs while hotplug, and death, come in between.
#include "kernel/stop_two.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "kernel/cpu.h"
#include "tests/support/at_rest.h"
#include "tests/support/lone_cpu.h"
#include "tests/support/world.h"

namespace belfry::kernel {
namespace {

using ::belfry::testing::Unrest;
using ::belfry::testing::World;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using testing::kFirstLife;
using testing::Preset;
using enum MultiStopState;
using enum StopTwoVerb;

// CPU 1 of a machine of CPUs 0, 1 and 2.
struct Machine : testing::LoneCpu {
  explicit Machine(Profile profile = Preset("belfry"))
      : LoneCpu({.id = CpuId{1},
                 .incarnation = kFirstLife,
                 .profile = std::move(profile)},
                {0, 2}, {0, 1, 2}) {}

  // An order of CPU `from` for its stop_two_cpus() 1, of CPUs 1 and 2.
  std::vector<std::string> Order(std::uint32_t from, StopTwoVerb verb,
                                 MultiStopState state = kPrepare) {
    return Do(StopTwoOrder{.from = CpuId{from},
                           .key = {CpuId{from}, kFirstLife, 1},
                           .verb = verb,
                           .state = state,
                           .partner = CpuId{2},
                           .active = true});
  }

  std::vector<std::string> Round(MultiStopState state) {
    return Do(StopPublish{
        .generation = Generation{1}, .state = state, .active = {0}});
  }

  // What of its own has been acknowledged so far.
  std::vector<std::string> Report(std::uint32_t from, StopTwoVerb verb,
                                  Errno error = Errno::kOk,
                                  MultiStopState state = kNone) {
    return Do(StopTwoReport{.from = CpuId{from},
                            .key = {CpuId{1}, kFirstLife, 1},
                            .verb = verb,
                            .state = state,
                            .error = error});
  }
};

// ---- One of the two.

TEST(StopTwoTest, AStopperGoesThroughTheStates) {
  Machine m;
  EXPECT_THAT(m.Order(0, kLock), ElementsAre("lock done -> 0"));
  EXPECT_THAT(m.Order(0, kQueue), ElementsAre("queue done -> 0"));
  EXPECT_FALSE(m.cpu.stop());
  EXPECT_THAT(m.Order(0, kPublish, kPrepare), ElementsAre("PREPARE done -> 0"));
  EXPECT_THAT(m.Order(0, kPublish, kDisableIrq),
              ElementsAre("DISABLE_IRQ done -> 0"));
  EXPECT_TRUE(m.cpu.irqs_masked());
  EXPECT_THAT(m.Order(0, kPublish, kRun), ElementsAre("run stop of 1"));
  EXPECT_THAT(m.Do(FunctionReturned{}), ElementsAre("RUN done -> 0"));
  EXPECT_THAT(m.Order(0, kPublish, kExit), ElementsAre("EXIT done -> 0"));
  EXPECT_FALSE(m.cpu.irqs_masked());
}

// A link that broke may have lost an answer.
TEST(StopTwoTest, RepeatedOrdersAreAnsweredAgain) {
  Machine m;
  for (StopTwoVerb verb : {kLock, kQueue}) {
    EXPECT_THAT(m.Order(0, verb), m.Order(0, verb));
  }
  for (MultiStopState state : {kPrepare, kDisableIrq}) {
    EXPECT_THAT(m.Order(0, kPublish, state), m.Order(0, kPublish, state));
  }
}

TEST(StopTwoTest, TheLockHasOneHolder) {
  Machine m;
  m.Order(0, kLock);
  EXPECT_THAT(m.Order(2, kLock), IsEmpty());
  EXPECT_THAT(m.Order(0, kQueue),
              ElementsAre("queue done -> 0", "lock done -> 2"));
}

TEST(StopTwoTest, ARoundWaitsForTheLockAndGoesBehindThePair) {
  Machine m;
  m.Order(0, kLock);
  EXPECT_THAT(m.Round(kPrepare), IsEmpty());
  // Who asks now must not come between.
  EXPECT_THAT(m.Order(2, kLock), ElementsAre("lock EDEADLK done -> 2"));
  // The round's work wakes the stopper, which finds the pair's before it.
  EXPECT_THAT(m.Order(0, kQueue),
              ElementsAre("queue done -> 0", "PREPARE done -> 0"));
  ASSERT_TRUE(m.cpu.stop());
  EXPECT_TRUE(m.cpu.stop()->pair);
}

TEST(StopTwoTest, WhoBacksOffIsToldWhenTheRoundHasLeft) {
  Machine m;
  m.Round(kPrepare);
  EXPECT_THAT(m.Order(0, kLock), ElementsAre("lock EDEADLK done -> 0"));
  EXPECT_THAT(m.Order(0, kBackOff), IsEmpty());
  EXPECT_THAT(m.Do(StopAbort{Generation{1}}),
              ElementsAre("tell aborted", "back_off done -> 0"));
}

struct Situation {
  std::string name;
  Profile profile;
  StopTwoVerb verb;
  std::string answer;
};

void PrintTo(const Situation& s, std::ostream* out) { *out << s.name; }

class DisabledTest : public ::testing::TestWithParam<Situation> {};

// stop_two_cpus() returns -ENOENT.
TEST_P(DisabledTest, IsRefused) {
  Profile profile = GetParam().profile;
  profile.stopper_enable = StopperEnable::kAtFirstRun;
  Machine m(profile);
  EXPECT_THAT(m.Order(0, GetParam().verb), ElementsAre(GetParam().answer));
  m.Do(StopperRuns{});
  EXPECT_THAT(m.Order(0, GetParam().verb),
              ::testing::Not(ElementsAre(GetParam().answer)));
}

INSTANTIATE_TEST_SUITE_P(
    Both, DisabledTest,
    ::testing::Values(Situation{"both locked", Preset("belfry"), kLock,
                                "lock ENOENT done -> 0"},
                      Situation{"one by one", Preset("linux-3.16"), kQueue,
                                "queue ENOENT done -> 0"}));

// ---- The initiator.

TEST(StopTwoTest, TheLocksAreTakenInTheOrderOfNumbers) {
  Machine m;
  EXPECT_THAT(m.Do(StopTwoTask{.token = 7, .a = {2}, .b = {0}}),
              ElementsAre("lock -> 0"));
  EXPECT_THAT(m.Report(0, kLock), ElementsAre("lock -> 2"));
  EXPECT_THAT(m.Report(2, kLock), ElementsAre("queue -> 2", "queue -> 0"));
  EXPECT_THAT(m.Report(0, kQueue), IsEmpty());
  EXPECT_THAT(m.Report(2, kQueue), ElementsAre("PREPARE -> 2", "PREPARE -> 0"));
}

TEST(StopTwoTest, OneByOneInTheOrderGiven) {
  Machine m(Preset("linux-3.16"));
  EXPECT_THAT(m.Do(StopTwoTask{.token = 7, .a = {2}, .b = {0}}),
              ElementsAre("queue -> 2"));
  EXPECT_THAT(m.Report(2, kQueue), ElementsAre("queue -> 0"));
}

TEST(StopTwoTest, ARoundAtTheSecondMakesItLetGoOfTheFirst) {
  Machine m;
  m.Do(StopTwoTask{.token = 7, .a = {0}, .b = {2}});
  m.Report(0, kLock);
  EXPECT_THAT(m.Report(2, kLock, Errno::kEdeadlk),
              ElementsAre("back_off -> 2", "back_off -> 0"));
  EXPECT_THAT(m.Report(0, kBackOff), IsEmpty());
  EXPECT_THAT(m.Report(2, kBackOff), ElementsAre("lock -> 0"));
}

TEST(StopTwoTest, NoStateOfARoundIsActedOnWhileItQueues) {
  Machine m;
  m.Do(StopTwoTask{.token = 7, .a = {0}, .b = {2}});
  EXPECT_THAT(m.Round(kPrepare), IsEmpty());
  m.Report(0, kLock);
  m.Report(2, kLock);
  m.Report(0, kQueue);
  EXPECT_THAT(m.Report(2, kQueue),
              ElementsAre("PREPARE -> 0", "PREPARE -> 2", "tell ack PREPARE"));
}

TEST(StopTwoTest, ADisabledStopperIsAnErrorAndTheOtherIsLetGo) {
  Machine m;
  m.Do(StopTwoTask{.token = 7, .a = {0}, .b = {2}});
  m.Report(0, kLock);
  EXPECT_THAT(m.Report(2, kLock, Errno::kEnoent),
              ElementsAre("abort -> 0", "abort -> 2"));
  EXPECT_THAT(m.Report(0, kAbort), IsEmpty());
  EXPECT_THAT(m.Report(2, kAbort), ElementsAre("call 7 refused ENOENT"));
}

TEST(StopTwoTest, TwiceTheSameCpuIsRefused) {
  Machine m;
  EXPECT_THAT(m.Do(StopTwoTask{.token = 7, .a = {2}, .b = {2}}),
              ElementsAre("call 7 refused EINVAL"));
}

// K08: its own stopper preempts it.
TEST(StopTwoTest, TheSecondWakeUpNeedsTheTaskToRun) {
  for (const bool own_first : {true, false}) {
    Profile profile = Preset("linux-6.12");
    profile.stop_two_wake = StopTwoWake::kPreemptible;
    Machine m(profile);
    const CpuId own{1};
    const CpuId other{2};
    m.Do(own_first ? StopTwoTask{.token = 7, .a = own, .b = other}
                   : StopTwoTask{.token = 7, .a = other, .b = own});
    m.Report(2, kLock);
    m.Report(2, kQueue);
    ASSERT_TRUE(m.cpu.stop());
    EXPECT_EQ(m.cpu.stop_two()->wakes.size(), own_first ? 1 : 0);
  }
}

// ---- Machines.

struct Death {
  // CPU 0 stops CPUs 1 and 2; who dies, and when that one is about to be told
  // of which state.
  std::uint32_t who;
  MultiStopState state;
};

void PrintTo(const Death& d, std::ostream* out) {
  *out << "cpu " << d.who << " at " << MultiStopStateName(d.state);
}

class DeathTest : public ::testing::TestWithParam<Death> {};

// Whoever dies, the others are led out, and a caller that lives is told.
TEST_P(DeathTest, EndsInADefinedState) {
  const Death& death = GetParam();
  int deaths = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    World w({.profile = Preset("belfry"), .cpus = 4, .seed = seed});
    w.BootAll();
    const Token token = w.StopTwo(0, 1, 2);
    const std::uint32_t watched = death.who == 0 ? 1 + seed % 2 : death.who;
    const bool there = w.RunUntil([&] {
      const auto& stop = w.cpu(watched).stop();
      return stop && stop->acted == death.state;
    });
    if (!there) continue;  // it passed through in one step
    ++deaths;
    w.Crash(death.who);
    w.Settle();
    w.Judge(/*at_rest=*/true);
    EXPECT_THAT(w.violated(), IsEmpty()) << "seed " << seed;
    for (std::uint32_t cpu = 0; cpu < 4; ++cpu) {
      if (!w.alive(cpu)) continue;
      EXPECT_FALSE(w.cpu(cpu).stop()) << "seed " << seed << " cpu " << cpu;
      EXPECT_FALSE(w.cpu(cpu).irqs_masked()) << "seed " << seed;
      EXPECT_FALSE(w.cpu(cpu).stopper().lock) << "seed " << seed;
    }
    if (death.who != 0) {
      EXPECT_EQ(w.ended_calls().count(token), 1) << "seed " << seed;
    }
  }
  EXPECT_GT(deaths, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Everybody, DeathTest,
    ::testing::Values(Death{0, kPrepare}, Death{0, kDisableIrq}, Death{0, kRun},
                      Death{1, kPrepare}, Death{1, kDisableIrq}, Death{1, kRun},
                      Death{2, kPrepare}, Death{2, kDisableIrq},
                      Death{2, kRun}));

struct Mix {
  std::string name;
  Profile profile;
  // Of so many seeds none, or some, hang.
  bool hangs = false;
};

void PrintTo(const Mix& m, std::ostream* out) { *out << m.name; }

class MixTest : public ::testing::TestWithParam<Mix> {};

// Tasks on all CPUs stop pairs while CPUs come and go: pairs wait for pairs,
// and for rounds, and rounds for pairs.
TEST_P(MixTest, OfPairsAndRounds) {
  int hangs = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    World w({.profile = GetParam().profile, .cpus = 4, .seed = seed});
    w.BootAll();
    for (std::uint32_t i = 0; i < 4; ++i) {
      w.StopTwo(i, (i + 1) % 4, (i + 2) % 4);
      w.StopTwo(i, (i + 3) % 4, i);
    }
    w.Offline(1 + seed % 3);
    w.Ask({.kind = OpKind::kStop, .active = {0}, .func = "nop"});
    w.Online(1 + seed % 3);
    w.Settle();
    w.Judge(/*at_rest=*/true);
    const std::string unrest = Unrest(w);
    if (!unrest.empty()) ++hangs;
    if (!GetParam().hangs) {
      EXPECT_EQ(unrest, "") << "seed " << seed;
      EXPECT_THAT(w.violated(), IsEmpty()) << "seed " << seed;
      EXPECT_EQ(w.ended_calls().size(), 8) << "seed " << seed;
    }
  }
  EXPECT_EQ(hangs > 0, GetParam().hangs) << hangs;
}

Profile With(absl::string_view preset, absl::string_view knob,
             absl::string_view value) {
  Profile profile = Preset(preset);
  EXPECT_TRUE(SetKnob(&profile, knob, value).ok());
  return profile;
}

INSTANTIATE_TEST_SUITE_P(
    Profiles, MixTest,
    ::testing::Values(Mix{"belfry", Preset("belfry")},
                      Mix{"linux-6.12", Preset("linux-6.12")},
                      Mix{"linux-3.0 with split", Preset("linux-3.0+split")},
                      Mix{"linux-3.16, K05", Preset("linux-3.16"), true},
                      Mix{"linux-6.12, K08",
                          With("linux-6.12", "stop_two_wake", "preemptible"),
                          true}));

}  // namespace
}  // namespace belfry::kernel
