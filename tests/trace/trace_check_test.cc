#include "trace/trace_check.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/trace/recordings.h"
#include "tests/trace/seed_machine.h"
#include "trace/invariants.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::EventSpec;
using ::belfry::testing::Recording;
using ::belfry::testing::TraceWriter;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

v1::TraceReport Of(const std::vector<EventSpec>& specs) {
  TraceWriter writer;
  for (const EventSpec& spec : specs) writer.Add(spec);
  v1::TraceReport trace;
  trace.mutable_machine()->set_kind(v1::TraceMachine::KIND_BELFRY);
  trace.mutable_events()->Assign(writer.events().begin(),
                                 writer.events().end());
  return trace;
}

EventSpec Life(std::uint32_t cpu, const std::string& life) {
  return {.cpu = cpu, .name = "cpu_life", .detail = life};
}
EventSpec Queue(std::uint64_t seq) {
  return {.cpu = 1, .name = "csd_queue_cpu", .about = 3, .src = 1, .seq = seq};
}
EventSpec Entry(std::uint32_t cpu, std::uint64_t seq) {
  return {.cpu = cpu,
          .name = "csd_function_entry",
          .src = 1,
          .seq = seq,
          .detail = "doorbell"};
}
EventSpec Exit(std::uint32_t cpu, std::uint64_t seq) {
  return {.cpu = cpu, .name = "csd_function_exit", .src = 1, .seq = seq};
}
// The CPU makes the effect of round 7.
EventSpec Effect(std::uint32_t cpu) {
  return {.cpu = cpu,
          .name = "stop_state",
          .value = 7,
          .value2 = 1,
          .detail = "RUN"};
}

std::vector<std::string> Violated(const v1::TraceCheckReport& report) {
  std::vector<std::string> names;
  for (const auto& violation : report.violations()) {
    names.push_back(violation.invariant());
  }
  return names;
}

TEST(TraceCheck, AGoodRunHolds) {
  const auto report =
      CheckTrace(Of({Life(3, "ONLINE"), Queue(1), Entry(3, 1), Exit(3, 1)}));
  EXPECT_THAT(Violated(report), IsEmpty());
  EXPECT_THAT(report.judged(),
              ElementsAre("at_most_once", "stopped_means_stopped", "order",
                          "no_call_on_dead_cpu", "its_own_target"));
  EXPECT_EQ(report.unjudged_size(), 5);
  EXPECT_THAT(report.problems(), IsEmpty());
}

TEST(TraceCheck, NamesWhatIsViolated) {
  EXPECT_THAT(Violated(CheckTrace(Of({Life(3, "ONLINE"), Queue(1), Entry(3, 1),
                                      Exit(3, 1), Entry(3, 1)}))),
              ElementsAre("at_most_once"));
  EXPECT_THAT(
      Violated(CheckTrace(Of({Life(2, "ONLINE"), Queue(1), Entry(2, 1)}))),
      ElementsAre("its_own_target"));
  EXPECT_THAT(
      Violated(CheckTrace(Of({Life(3, "DEAD"), Queue(1), Entry(3, 1)}))),
      ElementsAre("no_call_on_dead_cpu"));
}

// What was before a trace that is not whole may have been in order.
TEST(TraceCheck, ACutTraceIsJudgedByWhatItHas) {
  v1::TraceReport cut = Of({Exit(3, 4), Entry(3, 5), Exit(3, 5), Entry(3, 5)});
  cut.set_overwritten(1);
  const auto report = CheckTrace(cut);
  EXPECT_THAT(Violated(report), ElementsAre("at_most_once"));
  EXPECT_EQ(report.problems_size(), 1);

  EXPECT_THAT(report.judged(), Not(Contains("its_own_target")));
}

// The ring was read too late: CPU 3 came online, or left a function, or
// acknowledged, among the events that it had overwritten by then.
TEST(TraceCheck, WhatALossHasTakenWasInOrder) {
  const EventSpec exit = {.name = "stop_publish", .value = 7, .detail = "EXIT"};
  struct Case {
    std::vector<EventSpec> before;
    std::string violated;
  };
  const Case cases[] = {
      {{Life(3, "DEAD")}, "no_call_on_dead_cpu"},
      {{Life(3, "ONLINE"), Queue(4), Entry(3, 4), Effect(2), exit},
       "stopped_means_stopped"},
      {{Life(3, "ONLINE"), Life(2, "ONLINE"), Effect(3), Entry(2, 4), exit},
       "stopped_means_stopped"},
  };
  for (const Case& one : cases) {
    std::vector<EventSpec> specs = one.before;
    specs.push_back(Queue(5));
    specs.push_back(Entry(3, 5));
    v1::TraceReport trace = Of(specs);
    // Some of before it are gone, of whichever process.
    trace.mutable_events(0)->set_lost(1);
    trace.set_overwritten(1);
    EXPECT_THAT(Violated(CheckTrace(trace)), ElementsAre(one.violated));
    trace.mutable_events(trace.events_size() - 1)->set_lost(1);
    trace.set_overwritten(2);
    EXPECT_THAT(Violated(CheckTrace(trace)), IsEmpty()) << one.violated;
  }
}

// Then any CPU's life may have changed anywhere.
TEST(TraceCheck, WhereNobodyKnowsWhatIsLostNoLifeIsJudged) {
  v1::TraceReport trace = Of({Life(3, "DEAD"), Queue(1), Entry(3, 1)});
  trace.set_overwritten(1);
  const auto report = CheckTrace(trace);
  EXPECT_THAT(Violated(report), IsEmpty());
  EXPECT_THAT(report.judged(), ElementsAre("at_most_once", "order"));
}

// A source counts its calls to each target: the one that runs here was sent
// before the trace, whatever else has its number.
TEST(TraceCheck, ANumberSaysNothingOfAnotherTarget) {
  v1::TraceReport cut = Of({Queue(1), Entry(2, 1), Exit(2, 1)});
  cut.set_overwritten(1);
  EXPECT_THAT(Violated(CheckTrace(cut)), IsEmpty());
}

TEST(TraceCheck, TheNextLifeOfASourceCountsAnew) {
  v1::TraceReport trace = Of({Life(3, "ONLINE"), Queue(1), Entry(3, 1),
                              Exit(3, 1), Queue(1), Entry(3, 1)});
  for (const int i : {4, 5}) trace.mutable_events(i)->set_src_incarnation(7);
  EXPECT_THAT(Violated(CheckTrace(trace)), IsEmpty());
}

EventSpec Crash(std::uint32_t cpu) {
  return {.name = "cpu_crashed", .about = cpu};
}

TEST(TraceCheck, TwiceInTwoLivesOfTheTarget) {
  // Its source sent it once.
  EXPECT_THAT(
      Violated(CheckTrace(Of({Life(3, "ONLINE"), Queue(1), Entry(3, 1),
                              Crash(3), Life(3, "ONLINE"), Entry(3, 1)}))),
      ElementsAre("at_most_once"));
  // These are two calls, and the second runs twice.
  std::vector<EventSpec> specs = {Life(3, "ONLINE"), Queue(1), Entry(3, 1),
                                  Exit(3, 1),        Crash(3), Entry(3, 2),
                                  Life(3, "ONLINE"), Queue(1), Entry(3, 1)};
  EXPECT_THAT(Violated(CheckTrace(Of(specs))), IsEmpty());
  specs.push_back(Exit(3, 1));
  specs.push_back(Entry(3, 1));
  EXPECT_THAT(Violated(CheckTrace(Of(specs))), ElementsAre("at_most_once"));
}

// The last that it sent, to the target's next process, nobody has read.
TEST(TraceCheck, ADeadSourceMayHaveSentMore) {
  EXPECT_THAT(Violated(CheckTrace(Of({Life(3, "ONLINE"), Queue(1), Entry(3, 1),
                                      Exit(3, 1), Crash(3), Life(3, "ONLINE"),
                                      Entry(3, 1), Exit(3, 1), Crash(1)}))),
              IsEmpty());
}

TEST(TraceCheck, WithoutContextsADeadCpuIsNotJudged) {
  v1::TraceReport trace = Of({Life(3, "DEAD"), Queue(1), Entry(3, 1)});
  trace.mutable_events(2)->clear_detail();
  const auto report = CheckTrace(trace);
  EXPECT_THAT(Violated(report), IsEmpty());
  EXPECT_THAT(report.judged(), Not(Contains("no_call_on_dead_cpu")));
}

TEST(TraceCheck, NothingOfAKernelIsJudged) {
  const auto report = CheckTrace(Recording("offline"));
  EXPECT_THAT(report.judged(), IsEmpty());
  EXPECT_THAT(report.violations(), IsEmpty());
  EXPECT_EQ(report.unjudged_size(), static_cast<int>(kInvariants.size()));
}

}  // namespace
}  // namespace belfry::trace
