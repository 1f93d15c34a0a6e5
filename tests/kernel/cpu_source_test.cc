// A call, seen by its source: one CPU alone, line by line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "kernel/cpu.h"
#include "tests/kernel/cpu_three.h"

namespace belfry::kernel {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kFirstLife;
using enum MultiStopState;

TEST(SourceTest, FusedCall) {
  Machine m;
  EXPECT_THAT(m.Do(To(1)), ElementsAre("enqueue 1#1 wait"));
  EXPECT_EQ(m.cpu.guards(), 1U);
  EXPECT_THAT(m.Do(Enqueued{kPeer, 1, true, true}),
              ElementsAre("call 7 queued"));
  EXPECT_EQ(m.cpu.guards(), 0U);
  EXPECT_THAT(m.Do(Done{kPeer, 1, Errno::kOk, "x"}),
              ElementsAre("call 7 completed x"));
  EXPECT_THAT(m.Do(Done{kPeer, 1, Errno::kOk, "x"}), IsEmpty());
  EXPECT_EQ(m.cpu.done_through(kPeer), 1U);
}

TEST(SourceTest, SplitCallRingsWhereItFoundTheQueueEmpty) {
  Machine m(Preset("belfry"), /*split=*/true);
  EXPECT_THAT(m.Do(To(1)), ElementsAre("enqueue 1#1 wait split"));
  EXPECT_THAT(m.Do(Enqueued{kPeer, 1, true}),
              ElementsAre("ring 1#1", "call 7 queued"));
  m.Do(To(1, 8));
  EXPECT_THAT(m.Do(Enqueued{kPeer, 2, false}), ElementsAre("call 8 queued"));
  // On a new link: the ring that was not acknowledged, and nothing else.
  EXPECT_THAT(m.Do(LinkUp{kPeer}), ElementsAre("ring 1#1"));
  m.Do(Latched{kPeer, 1});
  EXPECT_THAT(m.Do(LinkUp{kPeer}), IsEmpty());
}

struct RingOrderCase {
  RingOrder order;
  bool split;
  // What becomes of a first call, of a second beside it, and of the news that
  // the first found the queue empty.
  std::vector<std::string> first;
  std::vector<std::string> second;
  std::vector<std::string> queued;
};

TEST(SourceTest, ARingWaitsForItsCallOrLeavesWithIt) {
  const RingOrderCase cases[] = {
      {RingOrder::kAfterData,
       true,
       {"enqueue 1#1 split"},
       {"enqueue 1#2 split"},
       {"ring 1#1", "call 7 queued"}},
      {RingOrder::kWithData,
       true,
       {"enqueue 1#1 split", "ring 1#1"},
       {"enqueue 1#2 split"},
       {"call 7 queued"}},
      // One frame: neither can overtake the other.
      {RingOrder::kWithData,
       false,
       {"enqueue 1#1"},
       {"enqueue 1#2"},
       {"call 7 queued"}},
  };
  for (const RingOrderCase& c : cases) {
    Profile profile;
    profile.ring_order = c.order;
    Machine m(profile, c.split);
    EXPECT_EQ(m.Do(To(1, 7, /*wait=*/false)), c.first);
    EXPECT_EQ(m.Do(To(1, 8, /*wait=*/false)), c.second);
    EXPECT_EQ(
        m.Do(Enqueued{
            .from = kPeer, .seq = 1, .was_empty = true, .rung = !c.split}),
        c.queued);
  }
}

TEST(SourceTest, ARingThatLeftWithItsCallIsSentAgainWithIt) {
  Profile profile;
  profile.ring_order = RingOrder::kWithData;
  Machine m(profile, /*split=*/true);
  m.Do(To(1));
  EXPECT_THAT(m.Do(LinkUp{kPeer, false}),
              ElementsAre("enqueue 1#1 wait split", "ring 1#1"));
  m.Do(Latched{kPeer, 1});
  EXPECT_THAT(m.Do(LinkUp{kPeer, false}),
              ElementsAre("enqueue 1#1 wait split"));
}

struct IrqCallCase {
  IrqCall irq_call;
  // What becomes of a completion for CPU 1, and then of the news that a call
  // which a task had made before found the queue empty.
  std::vector<std::string> completion;
  bool masked;
  std::vector<std::string> queued;
};

TEST(SourceTest, AHandlersCallByProfile) {
  const IrqCallCase cases[] = {
      {IrqCall::kAsync,
       {"enqueue 1#2 split"},
       false,
       {"ring 1#1", "call 7 queued"}},
      {IrqCall::kWaits, {"enqueue 1#2 wait split"}, true, {}},
  };
  for (const IrqCallCase& c : cases) {
    Profile profile;
    profile.irq_call = c.irq_call;
    Machine m(profile, /*split=*/true);
    m.Do(To(1, 7, /*wait=*/false));
    EXPECT_EQ(m.Do(DeviceIrq{kPeer}), c.completion);
    EXPECT_EQ(m.cpu.irqs_masked(), c.masked);
    EXPECT_EQ(m.Do(Enqueued{kPeer, 1, true}), c.queued);
  }
}

TEST(SourceTest, AHandlerThatWaitsKeepsAllElseFromItsCpu) {
  Profile profile;
  profile.irq_call = IrqCall::kWaits;
  Machine m(profile, /*split=*/true);
  m.Do(To(1, 7, /*wait=*/false));
  m.Do(DeviceIrq{kPeer});
  EXPECT_THAT(m.Do(Enqueued{kPeer, 1, true}), IsEmpty()) << "interrupted";
  EXPECT_THAT(m.Do(Enqueued{kPeer, 2, false}), IsEmpty());
  EXPECT_THAT(m.Do(Ring(1)), IsEmpty()) << "no interrupt";
  EXPECT_THAT(m.Do(To(1, 8)), IsEmpty()) << "no task";
  EXPECT_THAT(m.Publish(kPrepare, 1, {1}), IsEmpty()) << "no stopper";
  EXPECT_THAT(m.Do(StopAbort{Generation{1}}), ElementsAre("tell aborted"));
  EXPECT_TRUE(m.cpu.irqs_masked());
  // The end of its wait lets everything go on, from the top.
  EXPECT_THAT(m.Do(Done{kPeer, 2}),
              ElementsAre("ring 1#1", "call 7 queued", "raise_irq",
                          "enqueue 1#3 wait split"));
  EXPECT_FALSE(m.cpu.irqs_masked());
}

TEST(SourceTest, AHandlerDoesNotBackOff) {
  Profile profile;
  profile.irq_call = IrqCall::kWaits;
  Machine m(profile);
  m.Do(DeviceIrq{kPeer});
  m.Do(Enqueued{kPeer, 1, false, false, Errno::kEnobufs});
  EXPECT_THAT(m.cpu.backed_off(), IsEmpty());
  EXPECT_FALSE(m.cpu.irqs_masked());
}

TEST(SourceTest, AHandlersWaitEndsWithItsTarget) {
  Profile profile;
  profile.irq_call = IrqCall::kWaits;
  Machine m(profile);
  m.Do(DeviceIrq{kPeer});
  EXPECT_TRUE(m.cpu.irqs_masked());
  m.Do(PeerGone{kPeer, kFirstLife});
  EXPECT_FALSE(m.cpu.irqs_masked());
}

TEST(SourceTest, AWaitersGuardEndsByProfile) {
  for (WaitGuard guard : {WaitGuard::kToEnd, WaitGuard::kUntilRung}) {
    Profile profile;
    profile.wait_guard = guard;
    Machine m(profile);
    m.Do(To(1));
    m.Do(To(1, 8, /*wait=*/false));
    EXPECT_EQ(m.cpu.guards(), 2U);
    m.Do(Enqueued{kPeer, 1, true, true});
    m.Do(Enqueued{kPeer, 2, false, false});
    EXPECT_EQ(m.cpu.guards(), guard == WaitGuard::kToEnd ? 1U : 0U);
    m.Do(Done{kPeer, 1});
    EXPECT_EQ(m.cpu.guards(), 0U);
  }
}

struct RefuseCase {
  RefuseOffline rule;
  bool task_refused;
};

TEST(SourceTest, WhoRefusesACallToAnOfflineCpu) {
  const RefuseCase cases[] = {{RefuseOffline::kAll, true},
                              {RefuseOffline::kSingleOnly, true},
                              {RefuseOffline::kNone, false}};
  for (const RefuseCase& c : cases) {
    Profile profile;
    profile.refuse_offline = c.rule;
    Machine m(profile);
    m.Do(SetView{{2, {0, 3}}});
    EXPECT_EQ(m.Do(To(1)),
              std::vector<std::string>{c.task_refused ? "call 7 refused ENXIO"
                                                      : "enqueue 1#1 wait"});
    // No process, so no memory to queue it in, whatever the rule.
    EXPECT_THAT(m.Do(To(2)), ElementsAre("call 7 refused ENXIO"));
  }
}

TEST(SourceTest, FullQueueBacksAWaiterOffAndRefusesTheOther) {
  Machine m;
  m.Do(To(1, 7));
  m.Do(To(1, 8, /*wait=*/false));
  EXPECT_THAT(m.Do(Enqueued{.from = kPeer, .seq = 1, .error = Errno::kEnobufs}),
              IsEmpty());
  EXPECT_THAT(m.Do(Enqueued{.from = kPeer, .seq = 2, .error = Errno::kEnobufs}),
              ElementsAre("call 8 refused ENOBUFS"));
  EXPECT_EQ(m.cpu.guards(), 0U);
  EXPECT_EQ(m.cpu.backed_off().size(), 1U);
  EXPECT_THAT(m.Do(Retry{}), ElementsAre("enqueue 1#3 wait"));
  m.Do(Enqueued{.from = kPeer, .seq = 3, .error = Errno::kEnobufs});
  EXPECT_THAT(m.Do(Expire{7}), ElementsAre("call 7 refused ETIMEDOUT"));
  EXPECT_THAT(m.Do(Retry{}), IsEmpty());
  EXPECT_THAT(m.Do(Expire{7}), IsEmpty());
}

// What waits for room counts as what waits for the CPU.
TEST(SourceTest, NoMoreCallsBackOffThanAQueueHolds) {
  Machine m;
  const std::size_t capacity = Machine::kCapacity;
  for (Token token = 1; token <= capacity; ++token) {
    m.Do(To(1, token));
    m.Do(Enqueued{.from = kPeer, .seq = token, .error = Errno::kEnobufs});
  }
  EXPECT_EQ(m.cpu.backed_off().size(), capacity);
  EXPECT_THAT(m.Do(To(1, capacity + 1)),
              ElementsAre(HasSubstr("refused ENOBUFS")));
  m.Do(Expire{1});
  EXPECT_THAT(m.Do(To(1, capacity + 1)), ElementsAre(HasSubstr("enqueue 1#")));
}

// Under way to one CPU are so many bytes, and then no more until it has some.
TEST(SourceTest, PayloadsUnderWayAreBounded) {
  Machine m;
  Call large = To(1, 7, /*wait=*/false);
  constexpr Seq fit = 4;
  large.payload.resize(kPayloadBytesMax / fit);
  for (Seq i = 0; i < fit; ++i) {
    EXPECT_THAT(m.Do(large), Contains(HasSubstr("enqueue")));
  }
  EXPECT_THAT(m.Do(large), ElementsAre("call 7 refused ENOBUFS"));
  m.Do(Enqueued{.from = kPeer, .seq = 1});
  EXPECT_THAT(m.Do(large), Contains(HasSubstr("enqueue")));
  EXPECT_THAT(m.Do(large), ElementsAre("call 7 refused ENOBUFS"));
  m.Do(PeerGone{kPeer, {}});
  EXPECT_EQ(m.cpu.peers().at(kPeer).out_bytes, 0U);
}

TEST(SourceTest, ABackedOffCallDiesWithItsCpusTasks) {
  Machine m;
  m.Do(To(1));
  m.Do(Enqueued{.from = kPeer, .seq = 1, .error = Errno::kEnobufs});
  for (MultiStopState state : {kPrepare, kDisableIrq, kRun}) {
    m.Publish(state, 1, {3});
  }
  EXPECT_THAT(
      m.Publish(kExit, 1, {3}),
      ElementsAre("tell ack EXIT", "call 7 refused ENXIO", "tell dead"));
}

TEST(SourceTest, ExpireLeavesAnAcceptedCallAlone) {
  Machine m;
  m.Do(To(1));
  m.Do(Enqueued{kPeer, 1, true, true});
  EXPECT_THAT(m.Do(Expire{7}), IsEmpty());
  EXPECT_THAT(m.Do(Done{kPeer, 1}), ElementsAre("call 7 completed"));
}

TEST(SourceTest, TheDeathOfTheTargetLosesItsCalls) {
  Machine m;
  m.Do(To(1));
  EXPECT_THAT(m.Do(PeerGone{kPeer, Incarnation{9}}), IsEmpty());
  EXPECT_THAT(m.Do(PeerGone{kPeer, kFirstLife}),
              ElementsAre("call 7 lost EOWNERDEAD"));
  EXPECT_EQ(m.cpu.guards(), 0U);
  EXPECT_THAT(m.Do(To(1, 8)), ElementsAre("call 8 refused ENXIO"));
  // Its next process counts from 1; an older one is no news. The view that we
  // have speaks of the old one still.
  m.Do(PeerIs{kPeer, Incarnation{2}});
  m.Do(PeerIs{kPeer, kFirstLife});
  EXPECT_THAT(m.Do(To(1, 8)), ElementsAre("call 8 refused ENXIO"));
  EXPECT_THAT(m.Do(DeviceIrq{kPeer}), IsEmpty());
  m.Do(SetView{{2, {0, 3}}});
  m.Do(SetView{{3, {0, 1, 3}}});
  EXPECT_THAT(m.Do(To(1, 9)), ElementsAre("enqueue 1#1 wait"));
  EXPECT_THAT(m.Do(PeerGone{kPeer, {}}), ElementsAre("call 9 lost EOWNERDEAD"));
}

TEST(SourceTest, AProcessThatWasOnlyHeldForDeadKeepsItsNumbers) {
  Machine m;
  m.Do(To(1));
  m.Do(PeerGone{kPeer, kFirstLife});
  m.Do(PeerIs{kPeer, kFirstLife});
  EXPECT_THAT(m.Do(To(1, 8)), ElementsAre("enqueue 1#2 wait"));
}

// What a table says is as good as being told of each, and makes no record until
// there is something to keep.
TEST(PeersTest, AreKnownFromTheTable) {
  Cpu cpu({.id = CpuId{3},
           .incarnation = kFirstLife,
           .profile = Preset("belfry"),
           .processes = std::make_shared<std::vector<Incarnation>>(std::vector{
               kFirstLife, kFirstLife, Incarnation{}, kFirstLife})});
  const auto told = [&cpu](CpuEvent event) {
    CpuEffects effects;
    cpu.Step(std::move(event), effects);
    return testing::EffectLines(effects);
  };
  told(Kick{OpId{1}});
  told(BringOnline{OpId{1}});
  told(SetView{{1, {0, 1, 2, 3}}});
  EXPECT_EQ(cpu.IncarnationOf(kPeer), kFirstLife);
  told(PeerIs{kPeer, kFirstLife});
  told(PeerGone{CpuId{2}, {}});
  told(PeerGone{kPeer, Incarnation{9}});
  told(Enqueue{.csd = {.key = {kPeer, Incarnation{9}, 1}}});
  EXPECT_TRUE(cpu.peers().empty());

  EXPECT_THAT(told(To(1)), ElementsAre("enqueue 1#1 wait"));
  EXPECT_THAT(told(Enqueue{.csd = {.key = {CpuId{0}, kFirstLife, 1}}}),
              Contains("enqueued 0#1 was_empty rung"));
  EXPECT_EQ(cpu.peers().size(), 2U);
  // CPU 2 has no process.
  EXPECT_THAT(told(To(2, 8)), ElementsAre("call 8 refused ENXIO"));
  EXPECT_THAT(told(PeerGone{kPeer, kFirstLife}),
              ElementsAre("call 7 lost EOWNERDEAD"));
  told(PeerIs{kPeer, Incarnation{2}});
  EXPECT_EQ(cpu.IncarnationOf(kPeer), Incarnation{2});
}

TEST(SourceTest, UnacknowledgedCallsAreSentAgain) {
  Machine m;
  m.Do(To(1, 7));
  m.Do(To(1, 8));
  m.Do(Enqueued{kPeer, 1, true, true});
  EXPECT_THAT(m.Do(LinkUp{kPeer}), ElementsAre("enqueue 1#2 wait"));
}

TEST(SourceTest, TheWatchdogRingsByProfile) {
  for (absl::string_view preset : {"linux-3.0", "belfry"}) {
    Machine m(Preset(preset));
    m.Do(To(1));
    m.Do(Enqueued{kPeer, 1, false, false});
    const bool rings = m.cpu.profile().ring_rule == RingRule::kWatchdog;
    EXPECT_EQ(m.Do(Overdue{kPeer, 1}),
              rings ? std::vector<std::string>{"ring 1#1"}
                    : std::vector<std::string>{});
    EXPECT_TRUE(m.cpu.peers().at(kPeer).out.Find(1)->stuck);
    EXPECT_THAT(m.Do(Overdue{kPeer, 5}), IsEmpty());
  }
}

TEST(SourceTest, ACallToItself) {
  Machine m;
  EXPECT_THAT(m.Do(To(3)), ElementsAre("run self of 3"));
  EXPECT_EQ(m.cpu.guards(), 0U);
  EXPECT_THAT(m.Do(FunctionReturned{Errno::kOk, "x"}),
              ElementsAre("call 7 completed x"));
}

}  // namespace
}  // namespace belfry::kernel
