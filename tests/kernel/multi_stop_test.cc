#include "kernel/multi_stop.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace belfry::kernel {
namespace {

using enum MultiStopState;

constexpr Generation kRound{7};

MultiStop Begun(Barrier barrier, CpuMask participants) {
  MultiStop stop(kRound, {.barrier = barrier}, std::move(participants), {1});
  stop.Advance();
  return stop;
}

TEST(MultiStopTest, StatesInOrder) {
  const std::vector<MultiStopState> single = {kPrepare, kDisableIrq, kRun,
                                              kExit, kNone};
  const std::vector<MultiStopState> split = {
      kPrepare, kDisableIrqInactive, kDisableIrqActive, kRun, kExit, kNone};
  const std::vector<MultiStopState> confirmed = {kPrepare, kDisableIrq, kRun,
                                                 kConfirm, kExit,       kNone};
  using Expected = std::pair<StopOrder, std::vector<MultiStopState>>;
  for (const auto& [order, states] :
       {Expected({.barrier = Barrier::kSingle}, single),
        {{.barrier = Barrier::kSplit}, split},
        {{.confirm = true}, confirmed}}) {
    MultiStopState state = kNone;
    for (MultiStopState expected : states) {
      state = NextState(order, state);
      EXPECT_EQ(state, expected);
    }
  }
}

TEST(MultiStopTest, WhoMasksWhen) {
  EXPECT_TRUE(MasksInterrupts(kDisableIrq, true));
  EXPECT_TRUE(MasksInterrupts(kDisableIrq, false));
  EXPECT_TRUE(MasksInterrupts(kDisableIrqInactive, false));
  EXPECT_FALSE(MasksInterrupts(kDisableIrqInactive, true));
  EXPECT_TRUE(MasksInterrupts(kDisableIrqActive, true));
  EXPECT_FALSE(MasksInterrupts(kDisableIrqActive, false));
  for (MultiStopState state : {kNone, kPrepare, kRun, kExit}) {
    EXPECT_FALSE(MasksInterrupts(state, true));
  }
}

TEST(MultiStopTest, OnlyTheLastAcknowledgementOfThisStateCounts) {
  MultiStop stop = Begun(Barrier::kSingle, {0, 1, 2});
  EXPECT_FALSE(stop.Ack(CpuId{0}, kRound, kPrepare));
  EXPECT_FALSE(stop.Ack(CpuId{0}, kRound, kPrepare));
  EXPECT_FALSE(stop.Ack(CpuId{3}, kRound, kPrepare));
  EXPECT_FALSE(stop.Ack(CpuId{1}, Generation{6}, kPrepare));
  EXPECT_FALSE(stop.Ack(CpuId{1}, kRound, kDisableIrq));
  EXPECT_EQ(stop.missing(), (CpuMask{1, 2}));
  EXPECT_FALSE(stop.Ack(CpuId{2}, kRound, kPrepare));
  EXPECT_TRUE(stop.Ack(CpuId{1}, kRound, kPrepare));
  EXPECT_FALSE(stop.Ack(CpuId{1}, kRound, kPrepare));
  stop.Advance();
  EXPECT_EQ(stop.state(), kDisableIrq);
  EXPECT_EQ(stop.missing(), (CpuMask{0, 1, 2}));
}

TEST(MultiStopTest, TheDeadOweNothing) {
  MultiStop stop = Begun(Barrier::kSingle, {0, 1, 2});
  EXPECT_FALSE(stop.Ack(CpuId{0}, kRound, kPrepare));
  EXPECT_FALSE(stop.Forget(CpuId{0}));
  EXPECT_FALSE(stop.Forget(CpuId{1}));
  EXPECT_TRUE(stop.Forget(CpuId{2}));
  EXPECT_TRUE(stop.participants().empty());
}

TEST(MultiStopTest, NamesRoundTrip) {
  for (MultiStopState state :
       {kNone, kPrepare, kDisableIrq, kDisableIrqInactive, kDisableIrqActive,
        kRun, kExit}) {
    EXPECT_EQ(ParseMultiStopState(MultiStopStateName(state)), state);
  }
  EXPECT_EQ(ParseMultiStopState("run"), std::nullopt);
}

}  // namespace
}  // namespace belfry::kernel
