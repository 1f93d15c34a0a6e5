#include "trace/audit.h"

#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/trace/seed_machine.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::QuietMachine;
using ::belfry::testing::SeedMachine;
using ::belfry::testing::SnapshotOf;
using ::belfry::testing::TraceWriter;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "kind/invariant" of each finding.
std::vector<std::string> Findings(const v1::AuditReport& report) {
  std::vector<std::string> kinds;
  for (const auto& finding : report.findings()) {
    kinds.push_back(finding.kind() + "/" + finding.invariant());
  }
  return kinds;
}

// CPU 1 has called CPU 3 ten times, and all have come back.
MachineView BusyMachine() {
  MachineView view = QuietMachine();
  v1::LedgerRow& row = *SnapshotOf(&view, 1).add_ledger();
  row.set_src_cpu(1);
  row.set_cpu(3);
  row.set_issued(10);
  row.set_completed(9);
  row.set_refused(1);
  v1::ErrnoCount& refused = *row.add_refused_by_errno();
  refused.set_errno_name("ENXIO");
  refused.set_count(1);
  v1::InboundRow& inbound = *SnapshotOf(&view, 3).add_inbound();
  inbound.set_src_cpu(1);
  inbound.set_src_incarnation(101);
  inbound.set_enqueued(9);
  inbound.set_run(9);
  return view;
}

struct AuditCase {
  std::string name;
  std::function<void(MachineView*)> change;
  bool clean = true;
  std::vector<std::string> findings;
};

class Audit : public ::testing::TestWithParam<AuditCase> {};

TEST_P(Audit, Finds) {
  MachineView view = BusyMachine();
  GetParam().change(&view);
  const v1::AuditReport report = MakeAuditReport(view);
  EXPECT_EQ(report.clean(), GetParam().clean);
  EXPECT_EQ(Findings(report), GetParam().findings);
}

v1::LedgerRow& Row(MachineView* view) {
  return *SnapshotOf(view, 1).mutable_ledger(0);
}
v1::InboundRow& Inbound(MachineView* view) {
  return *SnapshotOf(view, 3).mutable_inbound(0);
}

void RunTwiceInTrace(MachineView* view) {
  TraceWriter trace;
  for (int i = 0; i < 2; ++i) {
    trace.Add({.cpu = 3,
               .name = "csd_function_entry",
               .function = "nop",
               .src = 1,
               .seq = 4});
  }
  view->events = trace.events();
  for (v1::TraceEvent& event : view->events) event.set_src_incarnation(101);
}

INSTANTIATE_TEST_SUITE_P(
    All, Audit,
    ::testing::Values(
        AuditCase{"Nothing", [](MachineView*) {}},
        AuditCase{"ASumThatDoesNotAddUp",
                  [](MachineView* view) { Row(view).set_issued(11); },
                  false,
                  {"ledger/conservation"}},
        AuditCase{"PendingIsAccountedFor",
                  [](MachineView* view) {
                    Row(view).set_issued(11);
                    Row(view).set_pending(1);
                  }},
        AuditCase{"Lost",
                  [](MachineView* view) {
                    Row(view).set_completed(8);
                    Row(view).set_lost(1);
                  },
                  false,
                  {"lost/"}},
        AuditCase{"CutOffFromTheQueue",
                  [](MachineView* view) { Inbound(view).set_queued(1); },
                  false,
                  {"lost/conservation"}},
        AuditCase{
            "ASoftirqThatNobodyRuns",
            [](MachineView* view) { SnapshotOf(view, 3).set_blk_cpu_done(1); },
            false,
            {"stranded_softirq/no_stranded_queue"}},
        AuditCase{"RanMoreThanIssued",
                  [](MachineView* view) { Inbound(view).set_run(11); },
                  false,
                  {"run_twice/at_most_once"}},
        AuditCase{"RanMoreThanIssuedWhenTheSourceWasRead",
                  [](MachineView* view) {
                    Inbound(view).set_run(11);
                    view->events =
                        TraceWriter().Call(1, 3, 11, "nop", 1).events();
                  }},
        AuditCase{"RanForAnEarlierLife",
                  [](MachineView* view) {
                    Inbound(view).set_run(11);
                    Inbound(view).set_src_incarnation(7);
                  }},
        AuditCase{"TwiceInTheTrace",
                  RunTwiceInTrace,
                  false,
                  {"run_twice/at_most_once"}},
        // The rings are read after the snapshots: these may not know of the
        // source's next life yet, nor of the one before.
        AuditCase{"SameNumberInTwoLives",
                  [](MachineView* view) {
                    RunTwiceInTrace(view);
                    view->events[1].set_src_incarnation(102);
                  }},
        AuditCase{"TwiceInOneOfTwoLives",
                  [](MachineView* view) {
                    RunTwiceInTrace(view);
                    v1::InboundRow& old = *SnapshotOf(view, 3).add_inbound();
                    old.set_src_cpu(1);
                    old.set_src_incarnation(7);
                  },
                  false,
                  {"run_twice/at_most_once"}},
        AuditCase{"DuplicatesThatWereRecognised",
                  [](MachineView* view) {
                    SnapshotOf(view, 3).set_duplicates_dropped(5);
                  }},
        AuditCase{"Dropped",
                  [](MachineView* view) { Inbound(view).set_dropped(1); },
                  false,
                  {"lost/conservation"}},
        AuditCase{"RefusedByWhoHadLeft",
                  [](MachineView* view) { Inbound(view).set_returned(1); }},
        AuditCase{"RanWhileOffline",
                  [](MachineView* view) {
                    SnapshotOf(view, 3).set_ran_while_offline(1);
                  },
                  false,
                  {"ran_while_offline/no_call_on_dead_cpu"}},
        AuditCase{"Stranded",
                  [](MachineView* view) { SnapshotOf(view, 3).set_depth(1); },
                  false,
                  {"stranded_queue/no_stranded_queue"}},
        AuditCase{"LeftBehind",
                  [](MachineView* view) {
                    SnapshotOf(view, 3).set_depth(1);
                    SnapshotOf(view, 3).set_life("DEAD");
                  },
                  false,
                  {"left_behind/nothing_left_behind"}},
        AuditCase{
            "CarriedAndServedSince",
            [](MachineView* view) { view->cpus[3].info.set_calls_carried(1); },
            true,
            {"carried/nothing_left_behind"}}),
    [](const auto& param) { return param.param.name; });

// CPU 3 has just gone.
MachineView DepartedMachine() {
  MachineView view = BusyMachine();
  SnapshotOf(&view, 3).set_life("DEAD");
  return view;
}

void LeaveOneBehind(MachineView* view) {
  v1::CpuSnapshot& gone = SnapshotOf(view, 3);
  gone.set_depth(1);
  v1::QueuedCall& call = *gone.add_queue();
  call.set_src_cpu(1);
  call.set_seq(197);
  call.set_function("trigger_softirq");
  v1::FunctionCount& count = *gone.add_by_function();
  count.set_function("trigger_softirq");
  count.set_count(1);
  Inbound(view).set_enqueued(10);
  Inbound(view).set_queued(1);
}

class Departure : public ::testing::TestWithParam<AuditCase> {};

TEST_P(Departure, Finds) {
  MachineView view = DepartedMachine();
  GetParam().change(&view);
  const v1::AuditReport report = AuditDeparture(view, 3);
  EXPECT_EQ(report.clean(), GetParam().clean);
  EXPECT_EQ(Findings(report), GetParam().findings);
}

INSTANTIATE_TEST_SUITE_P(
    All, Departure,
    ::testing::Values(
        AuditCase{"Nothing", [](MachineView*) {}},
        AuditCase{"AnswersThatAreOnTheirWay",
                  [](MachineView* view) {
                    Row(view).set_completed(7);
                    Row(view).set_pending(2);
                  }},
        AuditCase{"LostWithAProcess",
                  [](MachineView* view) {
                    Row(view).set_completed(8);
                    Row(view).set_lost(1);
                  }},
        // Whoever goes on may have a queue.
        AuditCase{"AnotherIsBusy",
                  [](MachineView* view) { SnapshotOf(view, 2).set_depth(4); }},
        AuditCase{"ItIsBackAlready",
                  [](MachineView* view) {
                    LeaveOneBehind(view);
                    SnapshotOf(view, 3).set_life("ONLINE");
                  }},
        AuditCase{"ItsProcessDied",
                  [](MachineView* view) { view->cpus[3].snapshot.reset(); }},
        AuditCase{"LeftBehind",
                  LeaveOneBehind,
                  false,
                  {"left_behind/nothing_left_behind"}},
        AuditCase{"CutOff",
                  [](MachineView* view) {
                    LeaveOneBehind(view);
                    SnapshotOf(view, 3).set_depth(0);
                  },
                  false,
                  {"lost/conservation"}},
        AuditCase{"Dropped",
                  [](MachineView* view) { Inbound(view).set_dropped(1); },
                  false,
                  {"lost/conservation"}},
        AuditCase{"RanTwice",
                  [](MachineView* view) { Inbound(view).set_run(11); },
                  false,
                  {"run_twice/at_most_once"}},
        AuditCase{"TheSumOfACpuThatGoesOn",
                  [](MachineView* view) {
                    v1::LedgerRow& row = *SnapshotOf(view, 2).add_ledger();
                    row.set_src_cpu(2);
                    row.set_cpu(1);
                    row.set_issued(1);
                  },
                  false,
                  {"ledger/conservation"}}),
    [](const auto& param) { return param.param.name; });

TEST(DepartureText, NamesTheCall) {
  MachineView view = DepartedMachine();
  LeaveOneBehind(&view);
  EXPECT_EQ(AuditDeparture(view, 3).findings(0).message(),
            "CPU 3 went offline with 1 call in its queue (1 trigger_softirq); "
            "the first is call 197 of CPU 1, trigger_softirq");
}

TEST(Audit, SumsUpAndKeepsErrnos) {
  const v1::AuditReport report = MakeAuditReport(BusyMachine());
  EXPECT_EQ(report.issued(), 10);
  EXPECT_EQ(report.completed(), 9);
  EXPECT_EQ(report.refused(), 1);
  ASSERT_EQ(report.rows_size(), 1);
  EXPECT_EQ(report.rows(0).refused_by_errno(0).errno_name(), "ENXIO");
}

TEST(Audit, TheTargetClosesTheRowOfADeadSource) {
  MachineView view = BusyMachine();
  view.cpus[1].snapshot.reset();
  view.cpus[1].info.set_state(v1::CPU_STATE_CRASHED);
  Inbound(&view).set_closed(true);
  Inbound(&view).set_run(5);
  Inbound(&view).set_queued(2);
  Inbound(&view).set_returned(1);
  SnapshotOf(&view, 3).set_depth(2);
  SnapshotOf(&view, 3).set_latched(true);
  const v1::AuditReport report = MakeAuditReport(view);
  ASSERT_EQ(report.rows_size(), 1);
  EXPECT_EQ(report.rows(0).src_cpu(), 1);
  EXPECT_EQ(report.rows(0).issued(), 9);
  EXPECT_EQ(report.rows(0).completed(), 5);
  EXPECT_EQ(report.rows(0).refused(), 1);
  EXPECT_EQ(report.rows(0).refused_by_errno(0).errno_name(), "ENXIO");
  EXPECT_EQ(report.rows(0).pending(), 2);
  EXPECT_EQ(report.rows(0).lost(), 1);
  EXPECT_THAT(Findings(report), ElementsAre("lost/"));
  EXPECT_FALSE(report.clean());
  EXPECT_THAT(report.unknown(), IsEmpty());
}

TEST(Audit, ASourceThatWasOnlyHeldForDeadIsCountedOnce) {
  MachineView view = BusyMachine();
  Inbound(&view).set_closed(true);
  Inbound(&view).set_src_incarnation(view.cpus[1].snapshot->incarnation());
  EXPECT_EQ(MakeAuditReport(view).issued(), 10);
}

TEST(Audit, WhatAllWhoKnewAreGoneForIsNotKnown) {
  MachineView view = BusyMachine();
  for (const int cpu : {1, 3}) {
    view.cpus[cpu].snapshot.reset();
    view.cpus[cpu].info.set_state(v1::CPU_STATE_CRASHED);
  }
  v1::CallTotals& last = *view.cpus[1].info.mutable_report()->mutable_ledger();
  last.set_issued(10);
  last.set_refused(1);
  const v1::AuditReport report = MakeAuditReport(view);
  EXPECT_FALSE(report.clean());
  EXPECT_THAT(report.findings(), IsEmpty());
  EXPECT_THAT(report.unknown(),
              ElementsAre("cpu/1: its process is gone, and 9 calls of its to "
                          "CPUs that are gone, too"));
  // One that went in order had seen the end of them all.
  view.cpus[1].info.set_state(v1::CPU_STATE_ABSENT);
  EXPECT_TRUE(MakeAuditReport(view).clean());
  last.set_outstanding(1);
  EXPECT_FALSE(MakeAuditReport(view).clean());
}

TEST(Audit, ARestartedSourceAddsToItsOldRow) {
  MachineView view = BusyMachine();
  v1::InboundRow& old = *SnapshotOf(&view, 3).add_inbound();
  old.set_src_cpu(1);
  old.set_src_incarnation(7);
  old.set_closed(true);
  old.set_enqueued(5);
  old.set_run(5);
  const v1::AuditReport report = MakeAuditReport(view);
  EXPECT_EQ(report.issued(), 15);
  EXPECT_TRUE(report.clean());
}

TEST(Audit, ALiveProcessThatKeepsSilentIsNotClean) {
  MachineView view = BusyMachine();
  view.cpus[2].snapshot.reset();
  const v1::AuditReport report = MakeAuditReport(view);
  EXPECT_FALSE(report.clean());
  EXPECT_THAT(report.unknown(), ElementsAre("cpu/2: did not answer"));
}

TEST(Audit, Seed) {
  const v1::AuditReport report = MakeAuditReport(SeedMachine());
  EXPECT_FALSE(report.clean());
  EXPECT_EQ(report.pending(), 109);
  EXPECT_THAT(Findings(report), ElementsAre("stranded_queue/no_stranded_queue",
                                            "carried/nothing_left_behind"));
}

}  // namespace
}  // namespace belfry::trace
