#include "trace/history.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/trace/recordings.h"
#include "tests/trace/seed_machine.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::Enter;
using ::belfry::testing::KernelLine;
using ::belfry::testing::KernelTrace;
using ::belfry::testing::Leave;
using ::belfry::testing::QueueCpu;
using ::belfry::testing::Ring;
using ::belfry::testing::RunFunction;
using ::belfry::testing::SeedTrace;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Fate = CallHistory::Fate;

const std::string kWake = "sched_ttwu_pending";

History Follow(const std::vector<KernelLine>& lines) {
  return FollowTrace(KernelTrace(lines));
}

std::vector<Fate> Fates(const History& history) {
  std::vector<Fate> fates;
  for (const CallHistory& call : history.calls) fates.push_back(call.fate);
  return fates;
}

TEST(History, QueuedRungTakenAndRun) {
  const History history =
      Follow({QueueCpu(1, 0, 3, "f", "0a"), Ring(1, 1, 3), Enter(3, 5),
              RunFunction(3, 6, "f", "0a"), Leave(3, 7)});
  ASSERT_THAT(Fates(history), ElementsAre(Fate::kRan));
  EXPECT_EQ(history.calls[0].ended, 3u);
  ASSERT_EQ(history.doorbells.size(), 1u);
  EXPECT_EQ(history.calls[0].doorbell, 0u);
  EXPECT_EQ(history.doorbells[0].taken, 2u);
  EXPECT_THAT(history.unqueued_runs, IsEmpty());
}

TEST(History, NeverRun) {
  const History history =
      Follow({QueueCpu(1, 0, 3, "f", "0a"), Ring(1, 1, 3),
              QueueCpu(2, 2, 3, "f", "0b"), RunFunction(0, 3, "g", "0c")});
  EXPECT_THAT(Fates(history), ElementsAre(Fate::kPending, Fate::kPending));
  EXPECT_EQ(history.calls[1].ahead, 1u);
  EXPECT_FALSE(history.calls[1].doorbell.has_value());
  EXPECT_FALSE(history.doorbells[0].taken.has_value());
  // Of the call of CPU 0 the queueing is not in the trace.
  EXPECT_THAT(history.unqueued_runs, ElementsAre(3u));
}

TEST(History, OneEntryRunsAllWakeUpsOfTheQueue) {
  const History history =
      Follow({QueueCpu(0, 0, 3, kWake, "0a"), Ring(0, 1, 3),
              QueueCpu(1, 2, 3, kWake, "0b"), Enter(3, 5),
              // In time: it found the queue filled, and did not ring.
              QueueCpu(2, 6, 3, kWake, "0c"), RunFunction(3, 7, kWake, "0a"),
              Leave(3, 9)});
  EXPECT_THAT(Fates(history), ElementsAre(Fate::kRan, Fate::kRan, Fate::kRan));
}

TEST(History, AWakeUpThatRingsWhileTheQueueIsDrainedIsOfTheNextDrain) {
  const History history =
      Follow({QueueCpu(0, 0, 3, kWake, "0a"), Ring(0, 1, 3), Enter(3, 5),
              QueueCpu(1, 6, 3, kWake, "0b"), Ring(1, 7, 3),
              RunFunction(3, 8, kWake, "0a"), Leave(3, 9)});
  EXPECT_THAT(Fates(history), ElementsAre(Fate::kRan, Fate::kPending));
}

TEST(History, AWakeUpIsOfTheDrainThatNamesIt) {
  // The ring shows only after the drain that it came too late for.
  const History history =
      Follow({QueueCpu(0, 0, 3, kWake, "0a"), Ring(0, 1, 3), Enter(3, 5),
              QueueCpu(1, 6, 3, kWake, "0b"), RunFunction(3, 7, kWake, "0a"),
              Ring(1, 8, 3), Leave(3, 9), Enter(3, 10),
              RunFunction(3, 11, kWake, "0b"), Leave(3, 12)});
  EXPECT_THAT(Fates(history), ElementsAre(Fate::kRan, Fate::kRan));
  EXPECT_EQ(history.calls[1].ended, 8u);
  EXPECT_THAT(history.unqueued_runs, IsEmpty());
}

TEST(History, ACsdThatIsUsedAgainHasEnded) {
  // What ran it does not show, but it stands in another queue now.
  const History history =
      Follow({QueueCpu(0, 0, 3, "f", "0a"), QueueCpu(0, 9, 2, "f", "0a"),
              RunFunction(2, 12, "f", "0a")});
  EXPECT_THAT(Fates(history), ElementsAre(Fate::kEndedUnseen, Fate::kRan));
}

TEST(History, OfTwoUsesOnOneCpuTheLastOneRuns) {
  const History history =
      Follow({QueueCpu(0, 0, 3, "f", "0a"), QueueCpu(0, 9, 3, "f", "0a"),
              Enter(3, 11), RunFunction(3, 12, "f", "0a"), Leave(3, 13)});
  EXPECT_THAT(Fates(history), ElementsAre(Fate::kEndedUnseen, Fate::kRan));
}

TEST(History, AnAsynchronousCsdIsFreeBeforeItsFunctionBegins) {
  const History history = Follow(
      {QueueCpu(0, 0, 3, "f", "0a"), Enter(3, 5), QueueCpu(0, 6, 3, "f", "0a"),
       RunFunction(3, 7, "f", "0a"), Leave(3, 8), Enter(3, 9),
       RunFunction(3, 10, "f", "0a"), Leave(3, 11)});
  EXPECT_THAT(Fates(history), ElementsAre(Fate::kRan, Fate::kRan));
  EXPECT_EQ(history.calls[0].ended, 3u);
  EXPECT_EQ(history.calls[1].ended, 6u);
}

TEST(History, IrqWorkRunsWithoutAnEvent) {
  const History history =
      Follow({RunFunction(2, 0, "g", "0b"),
              QueueCpu(0, 1, 3, "w", "0a", "irq_work_queue_on+0x1/0x2"),
              QueueCpu(0, 2, 3, "f", "0c"), Enter(3, 5), Leave(3, 8)});
  EXPECT_THAT(Fates(history), ElementsAre(Fate::kTaken, Fate::kPending));
}

TEST(History, WithoutFunctionEventsADrainIsTheEnd) {
  const History history = Follow({QueueCpu(0, 0, 3, "f", "0a"), Enter(3, 5),
                                  QueueCpu(1, 6, 3, "f", "0b"), Leave(3, 8)});
  EXPECT_THAT(Fates(history), ElementsAre(Fate::kTaken, Fate::kPending));
}

TEST(History, ACallToItselfWasNeverQueued) {
  const History history = Follow({RunFunction(2, 0, "g", "0000000000000000")});
  EXPECT_THAT(history.self_runs, ElementsAre(0u));
  EXPECT_THAT(history.unqueued_runs, IsEmpty());
}

TEST(History, AMaskHasManyTargetsAndARescheduleIsNoDoorbell) {
  const History history =
      Follow({{0, 0,
               "ipi_send_cpumask: cpumask=0c callsite=f "
               "callback=generic_smp_call_function_single_interrupt+0x0/0x20"},
              {0, 1, "ipi_send_cpu: cpu=1 callsite=f callback=0x0"},
              Enter(3, 2)});
  EXPECT_EQ(history.reschedules, 1u);
  ASSERT_EQ(history.doorbells.size(), 2u);
  EXPECT_EQ(history.doorbells[0].target, 2u);
  EXPECT_FALSE(history.doorbells[0].taken.has_value());
  EXPECT_EQ(history.doorbells[1].target, 3u);
  EXPECT_EQ(history.doorbells[1].taken, 2u);
}

TEST(History, OursShowsADoorbellAtBothItsEnds) {
  v1::TraceReport trace;
  trace.mutable_machine()->set_kind(v1::TraceMachine::KIND_BELFRY);
  const auto seed = SeedTrace({.backlog = 2});
  trace.mutable_events()->Assign(seed.events().begin(), seed.events().end());
  const History history = FollowTrace(trace);
  ASSERT_EQ(history.doorbells.size(), 1u);
  EXPECT_TRUE(history.doorbells[0].cleared.has_value());
  EXPECT_THAT(Fates(history), ::testing::Each(Fate::kPending));
}

}  // namespace
}  // namespace belfry::trace
