// A call, seen by its target: one CPU alone, line by line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernel/cpu.h"
#include "tests/kernel/cpu_three.h"

namespace belfry::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kFirstLife;

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
  m.Do(Confirmed{kPeer, kFirstLife, 1});
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
  EXPECT_THAT(m.Do(PeerGone{kPeer, kFirstLife}), ElementsAre("ring_self 1#1"));
  m.Do(Ring(1));
  EXPECT_THAT(m.Do(IrqEntry{}), ElementsAre("done 1#1", "run doorbell of 1"));
  EXPECT_THAT(m.Do(FunctionReturned{}), IsEmpty());
}

}  // namespace
}  // namespace belfry::kernel
