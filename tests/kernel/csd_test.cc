#include "kernel/csd.h"

#include <gtest/gtest.h>

namespace belfry::kernel {
namespace {

Csd MakeCsd(Seq seq) { return {.key = {CpuId{1}, Incarnation{1}, seq}}; }

TEST(CallSingleQueueTest, OnlyTheEdgeSaysEmpty) {
  CallSingleQueue queue(3);
  EXPECT_TRUE(queue.Push(MakeCsd(1)));
  EXPECT_FALSE(queue.Push(MakeCsd(2)));
  EXPECT_FALSE(queue.full());
  EXPECT_FALSE(queue.Push(MakeCsd(3)));
  EXPECT_TRUE(queue.full());
  const auto taken = queue.TakeAll();
  ASSERT_EQ(taken.size(), 3U);
  EXPECT_EQ(taken.front().key.seq, 1U);
  EXPECT_EQ(taken.back().key.seq, 3U);
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(queue.Push(MakeCsd(4)));
}

TEST(CallSingleQueueTest, IsFullBySizeAsWellAsByNumber) {
  CallSingleQueue queue(1000);
  Csd large = MakeCsd(1);
  large.payload.resize(kPayloadMax);
  for (std::size_t i = 0; i < kPayloadBytesMax / kPayloadMax; ++i) {
    EXPECT_FALSE(queue.full()) << i;
    (void)queue.Push(large);
  }
  EXPECT_TRUE(queue.full());
  (void)queue.TakeAll();
  EXPECT_FALSE(queue.full());
}

TEST(RingDueTest, EveryRuleBeginsWithTheEdge) {
  for (RingRule rule : {RingRule::kWasEmpty, RingRule::kAlways,
                        RingRule::kWasEmptyOrPolling, RingRule::kWatchdog}) {
    for (ManyRing many_ring : {ManyRing::kOwnListAlways,
                               ManyRing::kSharedAlways, ManyRing::kWasEmpty}) {
      const Profile profile{.ring_rule = rule, .many_ring = many_ring};
      const bool always = rule == RingRule::kAlways;
      EXPECT_TRUE(RingDue(profile, /*many=*/false, /*was_empty=*/true));
      EXPECT_TRUE(RingDue(profile, /*many=*/true, /*was_empty=*/true));
      EXPECT_EQ(RingDue(profile, /*many=*/false, /*was_empty=*/false), always);
      EXPECT_EQ(RingDue(profile, /*many=*/true, /*was_empty=*/false),
                always || many_ring != ManyRing::kWasEmpty);
    }
  }
}

}  // namespace
}  // namespace belfry::kernel
