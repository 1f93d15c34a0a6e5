#include "trace/trace_judge.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/trace/seed_machine.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::SeedTrace;
using ::belfry::testing::TraceWriter;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using Events = std::vector<v1::TraceEvent>;

// "invariant at event: what".
std::vector<std::string> Judge(const Events& events, bool whole = true) {
  std::vector<std::string> found;
  for (const PlacedViolation& one : JudgeTrace(events, whole).violations) {
    found.push_back(absl::StrCat(kernel::InvariantName(one.invariant), " at ",
                                 events[one.position].name(), ": ", one.what));
  }
  return found;
}

TEST(TraceJudgeTest, TheSeed) {
  EXPECT_THAT(
      Judge(SeedTrace().events()),
      ElementsAre("nothing_left_behind at cpu_life: CPU 3 has gone offline "
                  "with 1 call in its queue",
                  "no_stranded_queue at cpu_life: CPU 3 is online with 1 call "
                  "in its queue, and no doorbell is under way",
                  "every_wait_ends at csd_lock_stuck: CPU 1 waits for CPU 3 to "
                  "run nop, and has no answer when the trace ends"));
}

TEST(TraceJudgeTest, AnAnswerEndsTheWait) {
  TraceWriter trace;
  trace.Call(0, 2, 1, "nop", 1, /*wait=*/true);
  for (const char* name : {"csd_lock_stuck", "csd_lock_unstuck", "csd_done"}) {
    trace.Add({.cpu = 0, .name = name, .about = 2, .src = 0, .seq = 1});
  }
  EXPECT_THAT(Judge(trace.events()), IsEmpty());
}

// What is raised inside of an interrupt runs at its end, or never.
TEST(TraceJudgeTest, ASoftirqThatIsRaisedAndNotRun) {
  for (const bool runs : {true, false}) {
    TraceWriter trace;
    trace.Add({.cpu = 2, .name = "sched_wake_idle_without_ipi", .src = 0});
    trace.Add({.cpu = 2, .name = "csd_flush_entry", .detail = "idle"});
    trace.Add({.cpu = 2, .name = "softirq_raise", .detail = "BLOCK"});
    trace.Add({.cpu = 2, .name = "csd_flush_exit", .detail = "idle"});
    if (runs) trace.Add({.cpu = 2, .name = "softirq_entry"});
    EXPECT_EQ(JudgeTrace(trace.events(), true).violations.size(),
              runs ? 0u : 1u);
  }
}

TraceWriter& RunCall(TraceWriter& trace, std::uint64_t seq) {
  return trace.Add(
      {.cpu = 2, .name = "csd_function_entry", .src = 0, .seq = seq});
}

TEST(TraceJudgeTest, TheObserverSaysWhere) {
  TraceWriter trace;
  trace.Add({.cpu = 2, .name = "cpu_life", .detail = "ONLINE"});
  trace.Call(0, 2, 1, "nop", 1);
  RunCall(RunCall(trace, 1), 1);
  const Judgement judgement = JudgeTrace(trace.events(), true);
  ASSERT_EQ(judgement.violations.size(), 1u);
  EXPECT_EQ(judgement.violations[0].invariant, kernel::Invariant::kAtMostOnce);
  EXPECT_EQ(judgement.violations[0].position, trace.events().size() - 1);
}

// What the rings have overwritten is no violation, and is not judged.
TEST(TraceJudgeTest, ACutOffBeginningIsNoViolation) {
  TraceWriter trace;
  RunCall(trace, 41);
  EXPECT_THAT(Judge(trace.events()), Not(IsEmpty()));
  EXPECT_THAT(Judge(trace.events(), false), IsEmpty());
  EXPECT_THAT(JudgeTrace(trace.events(), false).not_judged,
              Contains(kernel::Invariant::kItsOwnTarget));
}

// The next process of a CPU counts from 1 again.
TEST(TraceJudgeTest, AProcessIsNotItsPredecessor) {
  TraceWriter trace;
  trace.Add({.cpu = 2, .name = "cpu_life", .detail = "ONLINE"});
  trace.Call(0, 2, 1, "nop", 1);
  RunCall(trace, 1);
  trace.Add({.name = "cpu_crashed", .about = 0});
  trace.Call(0, 2, 1, "nop", 2);
  RunCall(trace, 1);
  EXPECT_THAT(Judge(trace.events()), IsEmpty());
}

// Chaos, seed 28: what CPU 2's process did before it died stands behind its
// end, for the coordinator was new; and CPU 0, which has called the next one,
// took its last events with it.
TEST(TraceJudgeTest, WhatAProcessDidIsNotItsSuccessorsWhereverItStands) {
  for (const bool twice : {false, true}) {
    TraceWriter trace;
    trace.Add({.name = "cpu_crashed", .about = 2, .value = 7});
    trace.Add({.cpu = 2, .name = "cpu_life", .detail = "ONLINE"});
    trace.Call(0, 2, 1, "nop", 1);
    RunCall(trace, 1);
    trace.Add({.cpu = 2, .name = "cpu_life", .detail = "SHOULD_DIE"});
    const std::size_t successor = trace.events().size();
    trace.Add({.cpu = 2, .name = "cpu_life", .detail = "ONLINE"});
    RunCall(trace, 1);
    if (twice) RunCall(trace, 1);
    trace.Add({.name = "cpu_crashed", .about = 0, .value = 5});
    Events events = trace.events();
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (events[i].cpu() == 2)
        events[i].set_incarnation(i < successor ? 7 : 8);
    }
    EXPECT_EQ(Judge(events, false).size(), twice ? 1U : 0U);
  }
}

}  // namespace
}  // namespace belfry::trace
