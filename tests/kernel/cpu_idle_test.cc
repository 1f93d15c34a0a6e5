// An idle CPU that polls, and what waits behind its queue: one CPU alone, line
// by line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernel/functions.h"
#include "kernel/invariants.h"
#include "tests/support/lone_cpu.h"

namespace belfry::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Idle : testing::FirstOfFive {
  explicit Idle(absl::string_view preset = "linux-6.12",
                absl::string_view knob = "", absl::string_view value = "")
      : FirstOfFive(testing::ProfileWith(preset, knob, value)) {}

  // A call of CPU `src`, and its doorbell where it rings.
  std::vector<std::string> Called(std::uint32_t src, Seq seq,
                                  FuncId func = kNop) {
    const CsdKey key{CpuId{src}, testing::kFirstLife, seq};
    const std::vector<std::string> answer =
        Do(Enqueue{.csd = {.key = key, .func = func}});
    return answer.size() > 1 ? Do(Doorbell{.key = key}) : answer;
  }
  // Until nothing runs any more: an interrupt, or what the idle loop drains.
  void RunAll(bool interrupt = false) {
    if (interrupt) Do(IrqEntry{});
    if (!interrupt) Do(IdleExit{});
    while (cpu.drain()) Do(FunctionReturned{});
  }
};

TEST(IdleTest, IsFlaggedInPlaceOfAnInterrupt) {
  const struct {
    absl::string_view rule;
    std::string woken_by;
  } kCases[] = {
      {"was_empty", "raise_irq"},
      {"always", "raise_irq"},
      {"watchdog", "raise_irq"},
      {"was_empty_or_polling", "wake_idle"},
  };
  for (const auto& c : kCases) {
    Idle m("linux-6.12", "ring_rule", c.rule);
    EXPECT_THAT(m.Called(1, 1), ElementsAre(c.woken_by)) << c.rule;
    EXPECT_EQ(m.cpu.latched(), c.woken_by == "raise_irq") << c.rule;
  }
}

TEST(IdleTest, TheIdleLoopTakesTheWholeQueue) {
  Idle m;
  m.Called(1, 1);
  EXPECT_THAT(m.Called(2, 1), ElementsAre("enqueued 2#1"));
  EXPECT_THAT(m.Do(IdleExit{}), ElementsAre("done 1#1", "run idle of 1"));
  EXPECT_FALSE(m.cpu.need_resched());
  EXPECT_THAT(m.Do(FunctionReturned{}),
              ElementsAre("done 2#1", "run idle of 2"));
}

TEST(IdleTest, OneThatRunsSomethingIsInterrupted) {
  Idle m;
  m.Called(1, 1);
  m.Do(IdleExit{});
  // It runs a function, so it does not poll.
  EXPECT_THAT(m.Called(2, 1), IsEmpty());
  EXPECT_TRUE(m.cpu.latched());
}

TEST(IdleTest, OneThatSpinsForACallIsInterrupted) {
  Idle m;
  m.Do(Call{.token = 1, .dst = CpuId{1}, .wait = true});
  EXPECT_THAT(m.Called(2, 1), ElementsAre("raise_irq"));
}

TEST(IdleTest, FlushesBeforeItActsOnAStop) {
  Idle m;
  m.Called(1, 1);
  EXPECT_THAT(m.Do(StopPublish{.generation = Generation{1},
                               .state = MultiStopState::kPrepare}),
              IsEmpty());
  m.Do(IdleExit{});
  EXPECT_THAT(m.Do(FunctionReturned{}), ElementsAre("tell ack PREPARE"));
}

TEST(IdleTest, AnInterruptMayDrainFirst) {
  Idle m;
  m.Called(1, 1);
  EXPECT_THAT(m.Do(OperatorKick{}), ElementsAre("raise_irq"));
  m.RunAll(/*interrupt=*/true);
  EXPECT_TRUE(m.cpu.queue().empty());
  EXPECT_THAT(m.Do(IdleExit{}), IsEmpty());
  EXPECT_FALSE(m.cpu.need_resched());
}

// ---- The list behind the queue.

TEST(SoftirqTest, RunsAtTheEndOfAnInterrupt) {
  Idle m("linux-3.16", "idle_flush", "calls_only");
  m.Called(1, 1, kTriggerSoftirq);
  m.Called(2, 1, kTriggerSoftirq);
  m.Do(IrqEntry{});
  m.Do(FunctionReturned{});
  EXPECT_EQ(m.cpu.blk_cpu_done(), 1U);
  m.Do(FunctionReturned{});
  EXPECT_EQ(m.cpu.blk_cpu_done(), 0U);
}

// K16.
TEST(SoftirqTest, AfterAFlushFromTheIdleLoopByTheKnob) {
  for (const bool left : {false, true}) {
    Idle m("linux-6.12", "idle_flush", left ? "calls_only" : "with_softirqs");
    m.Called(1, 1, kTriggerSoftirq);
    m.RunAll();
    EXPECT_EQ(m.cpu.blk_cpu_done(), left ? 1U : 0U);
    Violations found;
    const Cpu* cpus[] = {&m.cpu};
    CheckNoStrandedQueue(cpus, {}, found);
    EXPECT_EQ(found.size(), left ? 1U : 0U);
    // The next who finds the list non-empty raises nothing, and helps nobody.
    m.Called(1, 2, kTriggerSoftirq);
    m.RunAll();
    EXPECT_EQ(m.cpu.blk_cpu_done(), left ? 2U : 0U);
    // Any interrupt does.
    m.Do(DeviceIrq{.submitter = CpuId{0}});
    EXPECT_EQ(m.cpu.blk_cpu_done(), 0U);
  }
}

TEST(SoftirqTest, WhatADyingFlushHasRaisedIsCompletedInDead) {
  Idle m("linux-3.16");
  const auto publish = [&](MultiStopState state) {
    StopPublish e{.generation = Generation{1},
                  .state = state,
                  .active = {0},
                  .takedown = true};
    if (state == MultiStopState::kExit) e.view = View{2, {1, 2, 3}};
    return m.Do(std::move(e));
  };
  publish(MultiStopState::kPrepare);
  publish(MultiStopState::kDisableIrq);
  m.Called(1, 1, kTriggerSoftirq);
  publish(MultiStopState::kRun);
  m.Do(FunctionReturned{});
  EXPECT_EQ(m.cpu.blk_cpu_done(), 1U);
  publish(MultiStopState::kExit);
  EXPECT_EQ(m.cpu.life(), Life::kDead);
  EXPECT_EQ(m.cpu.blk_cpu_done(), 0U);
}

// ---- The CPU's own csd for kicks.

TEST(NohzCsdTest, IsRefusedWhileItIsInUse) {
  Idle m;
  m.Called(1, 1, kNohzCsdFunc);
  EXPECT_THAT(m.Called(2, 1, kNohzCsdFunc), ElementsAre("enqueued 2#1 EBUSY"));
  m.RunAll();
  EXPECT_THAT(m.Called(2, 2, kNohzCsdFunc), ElementsAre("wake_idle"));
}

// K14: freed by the softirq of another interrupt, it is queued twice.
TEST(NohzCsdTest, QueuedAgainItCutsTheList) {
  const struct {
    absl::string_view release;
    std::vector<std::string> answer;
    std::size_t depth;
  } kCases[] = {
      {"in_callback", {"enqueued 3#1 EBUSY"}, 3},
      {"in_softirq", {"enqueued 3#1"}, 2},
  };
  for (const auto& c : kCases) {
    Idle m("linux-6.12", "nohz_release", c.release);
    m.Called(1, 1);
    m.Called(2, 1, kNohzCsdFunc);
    m.Called(1, 2);
    m.Do(DeviceIrq{.submitter = CpuId{0}});
    EXPECT_EQ(m.Called(3, 1, kNohzCsdFunc), c.answer) << c.release;
    EXPECT_EQ(m.cpu.queue().size(), c.depth) << c.release;
  }
}

}  // namespace
}  // namespace belfry::kernel
