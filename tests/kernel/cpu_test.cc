// One CPU alone: what it does for what it is told, line by line.
#include "kernel/cpu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kernel/ledger.h"
#include "tests/support/effect_text.h"

namespace belfry::kernel {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Incarnation kFirst{1};
constexpr CpuId kPeer{1};

Profile Preset(absl::string_view name) { return PresetByName(name).value(); }

// CPU 3 of a machine of CPUs 0, 1 and 3, brought online.
class Machine {
 public:
  static constexpr std::size_t kCapacity = 8;

  explicit Machine(Profile profile = Preset("belfry"), bool split = false,
                   std::size_t capacity = kCapacity)
      : cpu({.id = CpuId{3},
             .incarnation = kFirst,
             .profile = std::move(profile),
             .split_doorbell = split,
             .queue_capacity = capacity}) {
    for (std::uint32_t peer : {0U, 1U}) Do(PeerIs{CpuId{peer}, kFirst});
    Do(Kick{OpId{1}});
    Do(BringOnline{OpId{1}});
    Do(SetView{{1, {0, 1, 3}}});
  }

  std::vector<std::string> Do(CpuEvent event) {
    CpuEffects effects;
    cpu.Step(std::move(event), effects);
    for (const CpuEffect& effect : effects) {
      const auto* trace = std::get_if<Trace>(&effect);
      if (trace != nullptr) ledger.Apply(trace->event);
    }
    return testing::EffectLines(effects);
  }

  std::vector<std::string> Publish(MultiStopState state, std::uint64_t round,
                                   CpuMask active, bool takedown = true) {
    StopPublish publish{.generation = Generation{round},
                        .state = state,
                        .active = std::move(active),
                        .takedown = takedown};
    if (takedown && state == MultiStopState::kExit) {
      View view{2, {0, 1, 3}};
      for (CpuId gone : publish.active.cpus()) view.online.Remove(gone);
      publish.view = view;
    }
    return Do(std::move(publish));
  }

  // Through a whole takedown of this CPU up to its death.
  void TakeDown() {
    for (MultiStopState state :
         {MultiStopState::kPrepare, MultiStopState::kDisableIrq,
          MultiStopState::kRun, MultiStopState::kExit}) {
      Publish(state, 1, {3});
    }
  }

  Cpu cpu;
  Ledger ledger{CpuId{3}};
};

Enqueue From(Seq seq, bool wait = true, bool fused = true,
             Incarnation incarnation = kFirst) {
  return {.csd = {.key = {kPeer, incarnation, seq}, .wait = wait},
          .fused = fused};
}

Call To(std::uint32_t dst, Token token = 7, bool wait = true) {
  return {.token = token, .dst = CpuId{dst}, .wait = wait};
}

Doorbell Ring(Seq seq) { return {.key = {kPeer, kFirst, seq}}; }

using enum MultiStopState;

// ---- A call, seen by its target.

TEST(TargetTest, FusedCall) {
  Machine m;
  EXPECT_THAT(m.Do(From(1)),
              ElementsAre("enqueued 1#1 was_empty rung", "ring_self 1#1"));
  EXPECT_THAT(m.Do(Ring(1)), ElementsAre("raise_irq"));
  EXPECT_THAT(m.Do(IrqEntry{}), ElementsAre("run doorbell of 1"));
  EXPECT_THAT(m.Do(FunctionReturned{Errno::kOk, "x"}),
              ElementsAre("done 1#1 x"));
  EXPECT_TRUE(m.cpu.queue().empty());
}

TEST(TargetTest, SplitCallAcknowledgesTheRing) {
  Machine m;
  EXPECT_THAT(m.Do(From(1, true, false)),
              ElementsAre("enqueued 1#1 was_empty"));
  Doorbell ring = Ring(1);
  ring.acknowledge = true;
  EXPECT_THAT(m.Do(ring), ElementsAre("latched 1#1", "raise_irq"));
}

TEST(TargetTest, ManyRingsAreOneBitAndOneDrain) {
  Machine m;
  m.Do(From(1));
  EXPECT_THAT(m.Do(From(2)), ElementsAre("enqueued 1#2"));
  EXPECT_THAT(m.Do(Ring(1)), ElementsAre("raise_irq"));
  EXPECT_THAT(m.Do(Ring(2)), IsEmpty());
  EXPECT_THAT(m.Do(IrqEntry{}), ElementsAre("run doorbell of 1"));
  // The queue was taken: what comes now finds it empty again.
  EXPECT_THAT(m.Do(From(3)),
              ElementsAre("enqueued 1#3 was_empty rung", "ring_self 1#3"));
  EXPECT_THAT(m.Do(FunctionReturned{}),
              ElementsAre("done 1#1", "run doorbell of 1"));
  EXPECT_THAT(m.Do(FunctionReturned{}), ElementsAre("done 1#2"));
  EXPECT_THAT(m.Do(IrqEntry{}), IsEmpty());
}

TEST(TargetTest, RingAlways) {
  Profile profile = Preset("linux-3.16");
  profile.ring_rule = RingRule::kAlways;
  Machine m(profile);
  m.Do(From(1));
  EXPECT_THAT(m.Do(From(2)), ElementsAre("enqueued 1#2 rung", "ring_self 1#2"));
}

struct UnlockCase {
  AsyncUnlock unlock;
  std::vector<std::string> at_entry;
  std::vector<std::string> at_exit;
};

TEST(TargetTest, AnAsynchronousCsdIsFreeBeforeOrAfterItsFunction) {
  const UnlockCase cases[] = {
      {AsyncUnlock::kBeforeFunc, {"done 1#1", "run doorbell of 1"}, {}},
      {AsyncUnlock::kAfterFunc, {"run doorbell of 1"}, {"done 1#1"}},
  };
  for (const UnlockCase& c : cases) {
    Profile profile;
    profile.async_unlock = c.unlock;
    Machine m(profile);
    m.Do(From(1, /*wait=*/false));
    m.Do(Ring(1));
    EXPECT_EQ(m.Do(IrqEntry{}), c.at_entry);
    EXPECT_EQ(m.Do(FunctionReturned{Errno::kOk, "unasked"}), c.at_exit);
  }
}

TEST(TargetTest, FullQueueRefusesAndRemembersIt) {
  Machine m(Preset("belfry"), false, 1);
  m.Do(From(1));
  EXPECT_THAT(m.Do(From(2)), ElementsAre("enqueued 1#2 ENOBUFS"));
  // Sent again on a new link, though there is room by now.
  m.Do(Ring(1));
  m.Do(IrqEntry{});
  m.Do(FunctionReturned{});
  EXPECT_THAT(m.Do(From(2)), ElementsAre("enqueued 1#2 ENOBUFS"));
  EXPECT_THAT(m.Do(From(3)),
              ElementsAre("enqueued 1#3 was_empty rung", "ring_self 1#3"));
}

TEST(TargetTest, UnknownFunctionIsRefused) {
  Machine m;
  Enqueue unknown = From(1);
  unknown.refuse = Errno::kEnosys;
  EXPECT_THAT(m.Do(unknown), ElementsAre("enqueued 1#1 ENOSYS"));
  EXPECT_TRUE(m.cpu.queue().empty());
}

TEST(TargetTest, RetransmissionsAreAnsweredAndRunOnce) {
  Machine m;
  m.Do(From(1));
  EXPECT_THAT(m.Do(From(1)), ElementsAre("enqueued 1#1 rung"));
  EXPECT_EQ(m.cpu.queue().size(), 1U);
  m.Do(Ring(1));
  m.Do(IrqEntry{});
  m.Do(FunctionReturned{Errno::kOk, "x"});
  // The answer may be lost with the link: it comes again, until confirmed.
  EXPECT_THAT(m.Do(LinkUp{kPeer, true}), ElementsAre("done 1#1 x"));
  EXPECT_THAT(m.Do(From(1)), ElementsAre("enqueued 1#1 rung", "done 1#1 x"));
  m.Do(Confirmed{kPeer, Incarnation{9}, 1});
  EXPECT_THAT(m.Do(LinkUp{kPeer, true}), ElementsAre("done 1#1 x"));
  m.Do(Confirmed{kPeer, kFirst, 1});
  EXPECT_THAT(m.Do(LinkUp{kPeer, true}), IsEmpty());
}

TEST(TargetTest, ASplitRetransmissionIsOwedItsRing) {
  Machine m;
  m.Do(From(1, true, false));
  EXPECT_THAT(m.Do(From(1, true, false)),
              ElementsAre("enqueued 1#1 was_empty"));
}

TEST(TargetTest, OtherIncarnationsAreNotServed) {
  Machine m;
  EXPECT_THAT(m.Do(From(1, true, true, Incarnation{9})), IsEmpty());
  m.Do(From(1));
  m.Do(PeerIs{kPeer, Incarnation{2}});
  EXPECT_THAT(m.Do(From(2)), IsEmpty());
  EXPECT_THAT(m.Do(From(1, true, true, Incarnation{2})),
              ElementsAre("enqueued 1#1"));
}

TEST(TargetTest, TheRingOfADeadSenderIsRungHere) {
  Machine m;
  m.Do(From(1, false, false));
  EXPECT_THAT(m.Do(PeerGone{kPeer, kFirst}), ElementsAre("ring_self 1#1"));
  m.Do(Ring(1));
  EXPECT_THAT(m.Do(IrqEntry{}), ElementsAre("done 1#1", "run doorbell of 1"));
  EXPECT_THAT(m.Do(FunctionReturned{}), IsEmpty());
}

// ---- A call, seen by its source.

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
  m.Do(PeerGone{kPeer, kFirst});
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
  EXPECT_THAT(m.Do(PeerGone{kPeer, kFirst}),
              ElementsAre("call 7 lost EOWNERDEAD"));
  EXPECT_EQ(m.cpu.guards(), 0U);
  EXPECT_THAT(m.Do(To(1, 8)), ElementsAre("call 8 refused ENXIO"));
  // Its next process counts from 1; an older one is no news. The view that we
  // have speaks of the old one still.
  m.Do(PeerIs{kPeer, Incarnation{2}});
  m.Do(PeerIs{kPeer, kFirst});
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
  m.Do(PeerGone{kPeer, kFirst});
  m.Do(PeerIs{kPeer, kFirst});
  EXPECT_THAT(m.Do(To(1, 8)), ElementsAre("enqueue 1#2 wait"));
}

// What a table says is as good as being told of each, and makes no record until
// there is something to keep.
TEST(PeersTest, AreKnownFromTheTable) {
  Cpu cpu({.id = CpuId{3},
           .incarnation = kFirst,
           .profile = Preset("belfry"),
           .processes = std::make_shared<std::vector<Incarnation>>(
               std::vector{kFirst, kFirst, Incarnation{}, kFirst})});
  const auto told = [&cpu](CpuEvent event) {
    CpuEffects effects;
    cpu.Step(std::move(event), effects);
    return testing::EffectLines(effects);
  };
  told(Kick{OpId{1}});
  told(BringOnline{OpId{1}});
  told(SetView{{1, {0, 1, 2, 3}}});
  EXPECT_EQ(cpu.IncarnationOf(kPeer), kFirst);
  told(PeerIs{kPeer, kFirst});
  told(PeerGone{CpuId{2}, {}});
  told(PeerGone{kPeer, Incarnation{9}});
  told(Enqueue{.csd = {.key = {kPeer, Incarnation{9}, 1}}});
  EXPECT_TRUE(cpu.peers().empty());

  EXPECT_THAT(told(To(1)), ElementsAre("enqueue 1#1 wait"));
  EXPECT_THAT(told(Enqueue{.csd = {.key = {CpuId{0}, kFirst, 1}}}),
              Contains("enqueued 0#1 was_empty rung"));
  EXPECT_EQ(cpu.peers().size(), 2U);
  // CPU 2 has no process.
  EXPECT_THAT(told(To(2, 8)), ElementsAre("call 8 refused ENXIO"));
  EXPECT_THAT(told(PeerGone{kPeer, kFirst}),
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
  EXPECT_THAT(m.Publish(kExit, 1, {3}), Contains("done 1#1 ENXIO"));
  EXPECT_TRUE(m.cpu.queue().empty());
  const InboundRow& row = m.ledger.inbound().at({kPeer, kFirst});
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

// ---- Steps.

WalkSteps Up(std::uint64_t walk, CpuhpState fail = kCpuhpInvalid) {
  return {.walk = {walk}, .about = kPeer, .from = 4, .to = 7, .fail = fail};
}

TEST(WalkTest, StepsOneByOneAndACallInOne) {
  Machine m;
  EXPECT_THAT(m.Do(Up(1)), ElementsAre("next_step 5"));
  EXPECT_THAT(m.Do(RunStep{{1}, 5}), ElementsAre("next_step 6"));
  EXPECT_THAT(m.Do(RunStep{{1}, 6}), ElementsAre("enqueue 1#1 wait"));
  m.Do(Enqueued{kPeer, 1, true, true});
  EXPECT_THAT(m.Do(Done{kPeer, 1}), ElementsAre("tell walk 1 at 7"));
  // The same walk again: answered from memory. So is one before it.
  EXPECT_THAT(m.Do(Up(1)), ElementsAre("tell walk 1 at 7"));
  EXPECT_THAT(m.Do(Up(2)), ElementsAre("next_step 5"));
  EXPECT_THAT(m.Do(Up(2)), IsEmpty());
  m.Do(RunStep{{2}, 5});
  m.Do(RunStep{{2}, 6});
  m.Do(Enqueued{kPeer, 2, true, true});
  m.Do(Done{kPeer, 2});
  EXPECT_THAT(m.Do(Up(1)), ElementsAre("tell walk 1 at 7"));
}

TEST(WalkTest, AFailingStepEndsItWhereItStands) {
  Machine m;
  m.Do(Up(1, 6));
  m.Do(RunStep{{1}, 5});
  EXPECT_THAT(m.Do(RunStep{{1}, 6}), ElementsAre("tell walk 1 at 5 EAGAIN"));
  EXPECT_THAT(m.Do(Up(1, 6)), ElementsAre("tell walk 1 at 5 EAGAIN"));
}

TEST(WalkTest, ACallThatIsLostFailsItsStep) {
  Machine m;
  m.Do(Up(1));
  m.Do(RunStep{{1}, 5});
  m.Do(RunStep{{1}, 6});
  EXPECT_THAT(m.Do(PeerGone{kPeer, kFirst}),
              ElementsAre("tell walk 1 at 5 EOWNERDEAD"));
}

TEST(WalkTest, AStopPutsItOff) {
  Machine m;
  m.Do(Up(1));
  m.Publish(kPrepare, 1, {1}, false);
  EXPECT_THAT(m.Do(RunStep{{1}, 5}), IsEmpty());
  EXPECT_THAT(m.Do(StopAbort{Generation{1}}),
              ElementsAre("tell aborted", "next_step 5"));
}

}  // namespace
}  // namespace belfry::kernel
