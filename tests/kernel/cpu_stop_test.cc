// Interrupts, rounds of stop_machine and views: one CPU alone, line by line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernel/cpu.h"
#include "tests/kernel/cpu_three.h"

namespace belfry::kernel {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kFirstLife;
using enum MultiStopState;

// ---- Interrupts and masks.

TEST(IrqTest, ACompletionIsSteeredToWhoSubmittedIt) {
  Machine m;
  EXPECT_THAT(m.Do(DeviceIrq{kPeer}), ElementsAre("enqueue 1#1"));
  // Itself, and one that is offline: handled here.
  EXPECT_THAT(m.Do(DeviceIrq{CpuId{3}}), IsEmpty());
  EXPECT_THAT(m.Do(DeviceIrq{CpuId{2}}), IsEmpty());
}

TEST(IrqTest, MaskedItWaitsAtTheDeviceAndInTheLatch) {
  Machine m;
  m.Publish(kPrepare, 1, {1}, false);
  m.Publish(kDisableIrq, 1, {1}, false);
  m.Do(From(1));
  EXPECT_THAT(m.Do(DeviceIrq{kPeer}), IsEmpty());
  EXPECT_THAT(m.Do(Ring(1)), IsEmpty());
  EXPECT_TRUE(m.cpu.latched());
  EXPECT_EQ(m.cpu.device_irqs(), 1U);
  m.Publish(kRun, 1, {1}, false);
  EXPECT_THAT(m.Publish(kExit, 1, {1}, false),
              ElementsAre("tell ack EXIT", "raise_irq", "enqueue 1#1"));
}

TEST(IrqTest, TheOperatorsKickIsADoorbell) {
  Machine m;
  m.Do(From(1, true, false));
  EXPECT_THAT(m.Do(OperatorKick{}), ElementsAre("raise_irq"));
  EXPECT_THAT(m.Do(IrqEntry{}), ElementsAre("run doorbell of 1"));
}

// ---- stop_machine.

TEST(StopTest, AGuardKeepsItOut) {
  Machine m;
  m.Do(To(1));
  EXPECT_THAT(m.Publish(kPrepare, 1, {3}), IsEmpty());
  EXPECT_THAT(m.Do(Enqueued{kPeer, 1, true, true}),
              ElementsAre("call 7 queued", "open window", "tell ack PREPARE"));
}

TEST(StopTest, AWaitersGuardToTheEndKeepsItOutAsLong) {
  Machine m(Preset("linux-3.0"));
  m.Do(To(1));
  m.Publish(kPrepare, 1, {3});
  EXPECT_THAT(m.Do(Enqueued{kPeer, 1, true, true}),
              ElementsAre("call 7 queued"));
  EXPECT_THAT(m.Do(Done{kPeer, 1}),
              ElementsAre("call 7 completed", "tell ack PREPARE"));
}

TEST(StopTest, AHandlerKeepsItOut) {
  Machine m;
  m.Do(From(1));
  m.Do(Ring(1));
  m.Do(IrqEntry{});
  EXPECT_THAT(m.Publish(kPrepare, 1, {3}), IsEmpty());
  EXPECT_THAT(m.Do(FunctionReturned{}),
              ElementsAre("done 1#1", "open window", "tell ack PREPARE"));
}

TEST(StopTest, NoTaskStartsAnythingButInterruptsDo) {
  Machine m;
  m.Publish(kPrepare, 1, {1}, false);
  EXPECT_THAT(m.Do(To(1)), IsEmpty());
  EXPECT_THAT(m.Do(DeviceIrq{kPeer}), ElementsAre("enqueue 1#1"));
}

TEST(StopTest, RepeatedStatesAreAcknowledgedAgain) {
  Machine m;
  m.Publish(kPrepare, 1, {1});
  EXPECT_THAT(m.Publish(kPrepare, 1, {1}), ElementsAre("tell ack PREPARE"));
  m.Publish(kDisableIrq, 1, {1});
  m.Publish(kRun, 1, {1});
  m.Publish(kExit, 1, {1});
  EXPECT_THAT(m.Publish(kExit, 1, {1}), ElementsAre("tell ack EXIT"));
  // The round is over, and closes those before it.
  EXPECT_THAT(m.Publish(kPrepare, 1, {1}), ElementsAre("tell refuse PREPARE"));
}

TEST(StopTest, TheFunctionRunsInRunAndItsAnswerIsTold) {
  Machine m;
  m.Publish(kPrepare, 1, {3}, false);
  m.Publish(kDisableIrq, 1, {3}, false);
  EXPECT_THAT(m.Publish(kRun, 1, {3}, false),
              ElementsAre("hold lease", "look at window"));
  EXPECT_FALSE(m.cpu.status().stop_ran);
  EXPECT_THAT(m.Do(WindowIs{Generation{1}, true}),
              ElementsAre("run stop of 3"));
  EXPECT_TRUE(m.cpu.status().stop_ran);
  EXPECT_THAT(m.Do(FunctionReturned{Errno::kEio}),
              ElementsAre("tell ack RUN EIO"));
  EXPECT_THAT(m.Publish(kRun, 1, {3}, false),
              ElementsAre("hold lease", "tell ack RUN EIO"));
  // Asked twice, for the answer may be lost: what has run has run.
  for (int times = 0; times < 2; ++times) {
    EXPECT_THAT(m.Do(StopAbort{Generation{1}}),
                ElementsAre("tell aborted and had run"));
  }
}

TEST(StopTest, WhoComesTooLateDoesNotBegin) {
  Machine m;
  m.Publish(kPrepare, 1, {3}, false);
  m.Publish(kDisableIrq, 1, {3}, false);
  m.Publish(kRun, 1, {3}, false);
  EXPECT_THAT(m.Do(WindowIs{Generation{1}, false}),
              ElementsAre("tell refuse RUN"));
  EXPECT_THAT(m.Do(StopAbort{Generation{1}}), ElementsAre("tell aborted"));
}

struct DownCase {
  std::string name;
  Profile profile;
  std::vector<std::string> at_run;
  std::vector<std::string> at_exit;
  std::size_t left = 0;
};

Profile Drain(OfflineDrain drain, Hardware hardware = Hardware::kS390) {
  Profile profile = Preset("linux-3.0");
  profile.offline_drain = drain;
  profile.hardware = hardware;
  return profile;
}

TEST(StopTest, TakedownWithACallInTheQueueAndItsRingLatched) {
  const DownCase cases[] = {
      {"none",
       Drain(OfflineDrain::kNone),
       {"tell ack RUN"},
       {"tell ack EXIT", "tell dead"},
       1},
      {"reinit",
       Drain(OfflineDrain::kReinitAtUp),
       {"tell ack RUN"},
       {"tell ack EXIT", "tell dead"},
       1},
      {"before",
       Drain(OfflineDrain::kBeforeClearOnline),
       {"run flush of 1"},
       {"tell ack EXIT flushed 1", "tell dead"},
       0},
      {"dying",
       Drain(OfflineDrain::kDyingFlush),
       {"run flush of 1"},
       {"tell ack EXIT flushed 1", "tell dead"},
       0},
      {"x86",
       Drain(OfflineDrain::kNone, Hardware::kX86),
       {"tell ack RUN"},
       {"tell ack EXIT", "run late of 1"},
       0},
  };
  for (const DownCase& c : cases) {
    SCOPED_TRACE(c.name);
    Machine m(c.profile);
    m.Publish(kPrepare, 1, {3});
    m.Publish(kDisableIrq, 1, {3});
    m.Do(From(1));
    m.Do(Ring(1));
    EXPECT_EQ(m.Publish(kRun, 1, {3}), c.at_run);
    if (m.cpu.drain()) {
      EXPECT_THAT(m.Do(FunctionReturned{}),
                  ElementsAre("done 1#1", "tell ack RUN flushed 1"));
    }
    EXPECT_EQ(m.cpu.life(), Life::kShouldDie);
    EXPECT_EQ(m.Publish(kExit, 1, {3}), c.at_exit);
    if (m.cpu.drain()) {
      EXPECT_THAT(m.Do(FunctionReturned{}),
                  ElementsAre("done 1#1", "tell dead"));
    }
    EXPECT_EQ(m.cpu.life(), Life::kDead);
    EXPECT_EQ(m.cpu.queue().size(), c.left);
  }
}

// Calls of a CPU that had left the round, and went by the view that it had.
// They are refused and nothing of them is lost, which the account must know.
TEST(StopTest, WhatCameAfterItsDrainIsReturnedWhenItHasLeft) {
  Machine m;
  for (MultiStopState state : {kPrepare, kDisableIrq, kRun}) {
    m.Publish(state, 1, {3});
  }
  m.Do(From(1));
  EXPECT_THAT(m.Publish(kExit, 1, {3}), Contains("refuse 1#1 ENXIO"));
  EXPECT_TRUE(m.cpu.queue().empty());
  // The link broke before it was told.
  EXPECT_THAT(m.Do(LinkUp{.peer = kPeer, .inbound = true}),
              ElementsAre("refuse 1#1 ENXIO"));
  const InboundRow& row = m.ledger.inbound().at({kPeer, kFirstLife});
  EXPECT_EQ(row.enqueued, 1U);
  EXPECT_EQ(row.returned, 1U);
  EXPECT_EQ(row.dropped, 0U);
}

TEST(StopTest, ResetClearsTheLatchAndKeepsTheQueueOrDropsIt) {
  for (OfflineDrain drain : {OfflineDrain::kNone, OfflineDrain::kReinitAtUp}) {
    Machine m(Drain(drain));
    m.TakeDown();
    m.Do(From(1));
    m.Do(Ring(1));
    EXPECT_TRUE(m.cpu.latched());
    EXPECT_THAT(m.Do(Kick{OpId{2}}), ElementsAre("tell alive"));
    EXPECT_FALSE(m.cpu.latched());
    EXPECT_EQ(m.cpu.last_doorbell().kind, DoorbellFate::Kind::kClearedByReset);
    EXPECT_EQ(m.cpu.queue().size(), drain == OfflineDrain::kNone ? 1U : 0U);
    // Asked again, it answers; asked for another operation, it does not.
    EXPECT_THAT(m.Do(Kick{OpId{2}}), ElementsAre("tell alive"));
    EXPECT_THAT(m.Do(BringOnline{OpId{9}}), IsEmpty());
    EXPECT_THAT(m.Do(BringOnline{OpId{2}}), ElementsAre("tell starting_done"));
    EXPECT_THAT(m.Do(SetView{{3, {0, 1, 3}}}), ElementsAre("tell view_ack 3"));
    EXPECT_EQ(m.cpu.life(), Life::kOnline);
  }
}

TEST(StopTest, AnAbortTakesTheTakedownBack) {
  Machine m;
  for (MultiStopState state : {kPrepare, kDisableIrq, kRun}) {
    m.Publish(state, 1, {3});
  }
  m.Do(WindowIs{Generation{1}, true});
  EXPECT_EQ(m.cpu.life(), Life::kShouldDie);
  EXPECT_THAT(m.Do(StopAbort{Generation{1}}), ElementsAre("tell aborted"));
  EXPECT_EQ(m.cpu.life(), Life::kOnline);
  EXPECT_FALSE(m.cpu.irqs_masked());
  EXPECT_THAT(m.Publish(kPrepare, 1, {3}), ElementsAre("tell refuse PREPARE"));
  EXPECT_THAT(m.Publish(kPrepare, 2, {3}),
              ElementsAre("open window", "tell ack PREPARE"));
}

TEST(StopTest, AHigherRoundClosesTheLower) {
  Machine m;
  m.Publish(kPrepare, 4, {1});
  EXPECT_THAT(m.Publish(kDisableIrq, 3, {1}),
              ElementsAre("tell refuse DISABLE_IRQ"));
  EXPECT_FALSE(m.cpu.irqs_masked());
  m.Publish(kDisableIrq, 4, {1});
  EXPECT_THAT(m.Publish(kPrepare, 5, {1}), ElementsAre("tell ack PREPARE"));
  EXPECT_FALSE(m.cpu.irqs_masked());
}

// Which rounds a CPU may give up by itself when its coordinator is gone.
struct LostCase {
  MultiStopState reached;
  CpuMask active;
  bool gives_up;
};

TEST(StopTest, WithoutACoordinatorOnlyWhatCannotHaveRunIsGivenUp) {
  const LostCase cases[] = {
      {kPrepare, {1}, true},        {kPrepare, {3}, true},
      {kDisableIrq, {1}, false},    {kDisableIrq, {3}, true},
      {kDisableIrq, {1, 3}, false}, {kRun, {1}, false},
      {kRun, {3}, false},
  };
  for (const LostCase& c : cases) {
    for (StopLease lease : {StopLease::kNone, StopLease::kHeld}) {
      Profile profile;
      profile.stop_lease = lease;
      Machine m(profile);
      for (MultiStopState state : {kPrepare, kDisableIrq, kRun}) {
        if (state <= c.reached) m.Publish(state, 1, c.active);
      }
      m.Do(CoordinatorLost{});
      // Who holds a lease leaves when that is over.
      const bool gives_up =
          lease == StopLease::kHeld ? c.reached == kPrepare : c.gives_up;
      EXPECT_EQ(!m.cpu.stop().has_value(), gives_up)
          << MultiStopStateName(c.reached) << " " << FormatCpuList(c.active);
      EXPECT_EQ(m.cpu.irqs_masked(), !gives_up && c.reached != kPrepare);
    }
  }
}

TEST(ViewTest, ACpuThatIsOutOfTheViewFencesItself) {
  Machine m;
  EXPECT_THAT(m.Do(SetView{{5, {0, 1}}}),
              ElementsAre("tell view_ack 5", "tell dead"));
  EXPECT_EQ(m.cpu.life(), Life::kDead);
  EXPECT_TRUE(m.cpu.irqs_masked());
  // An older view does not bring it back.
  EXPECT_THAT(m.Do(SetView{{4, {0, 1, 3}}}), ElementsAre("tell view_ack 5"));
  EXPECT_EQ(m.cpu.life(), Life::kDead);
  EXPECT_THAT(m.Do(To(1)), ElementsAre("call 7 refused ENXIO"));
}

}  // namespace
}  // namespace belfry::kernel
