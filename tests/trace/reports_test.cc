#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/trace/seed_machine.h"
#include "trace/dump.h"
#include "trace/operation_text.h"
#include "trace/pending.h"
#include "trace/report_text.h"
#include "trace/time_text.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::AddCall;
using ::belfry::testing::At;
using ::belfry::testing::QuietMachine;
using ::belfry::testing::SeedMachine;
using ::belfry::testing::SnapshotOf;
using ::testing::ElementsAre;

TEST(Pending, Seed) {
  const v1::PendingReport report = MakePendingReport(SeedMachine());
  ASSERT_EQ(report.cpus_size(), 4);
  EXPECT_EQ(report.cpus(3).depth(), 109);
  EXPECT_EQ(report.cpus(3).by_function().at("trigger_softirq"), 108);
  EXPECT_TRUE(report.cpus(3).stranded());
  EXPECT_FALSE(report.cpus(1).stranded());
  ASSERT_EQ(report.calls_size(), 109);
  // The waiter first.
  EXPECT_EQ(report.calls(0).position(), 109);
  EXPECT_EQ(report.calls(0).state(), "queued");
  EXPECT_TRUE(report.calls(0).stuck());
  EXPECT_THAT(report.calls(0).frames(),
              ElementsAre("cpu_up", "notify:calls:online",
                          "smp_call_function_single", "generic_exec_single"));
  EXPECT_EQ(report.calls(1).position(), 1);
  EXPECT_GT(report.calls(1).age_s(), report.calls(0).age_s());
  EXPECT_GT(report.cpus(3).oldest_age_s(), 1.0);
}

TEST(Pending, StatesAndWhatIsNotListed) {
  MachineView view = QuietMachine();
  AddCall(&view, 0, 2, 1, "a", true).set_state(v1::OutgoingCall::STATE_SENT);
  AddCall(&view, 0, 2, 2, "b", true)
      .set_state(v1::OutgoingCall::STATE_BACKED_OFF);
  AddCall(&view, 0, 2, 3, "c", true);
  *SnapshotOf(&view, 2).mutable_running() = SnapshotOf(&view, 2).queue(2);
  SnapshotOf(&view, 2).mutable_queue()->Clear();
  SnapshotOf(&view, 0).set_outgoing_total(10);
  const v1::PendingReport report = MakePendingReport(view);
  ASSERT_EQ(report.calls_size(), 3);
  EXPECT_EQ(report.calls(0).state(), "sent");
  EXPECT_EQ(report.calls(1).state(), "backed off");
  EXPECT_EQ(report.calls(2).state(), "running");
  EXPECT_EQ(report.not_listed(), 7);
}

TEST(Pending, CallsOfADeadSource) {
  MachineView view = QuietMachine();
  AddCall(&view, 1, 3, 8, "nop", false);
  view.cpus[1].snapshot.reset();
  view.cpus[1].problem = "connection refused";
  const v1::PendingReport report = MakePendingReport(view);
  ASSERT_EQ(report.calls_size(), 1);
  EXPECT_EQ(report.calls(0).src_cpu(), 1);
  EXPECT_EQ(report.calls(0).seq(), 8);
  EXPECT_EQ(report.calls(0).position(), 1);
  EXPECT_THAT(report.problems(), ElementsAre("cpu/1: connection refused"));
}

TEST(Pending, ASilentCpuShowsItsLastReport) {
  MachineView view = QuietMachine();
  view.cpus[2].snapshot.reset();
  view.cpus[2].info.mutable_report()->set_depth(5);
  *view.cpus[2].info.mutable_report()->mutable_head_time() = At(1'009'000'000);
  const v1::PendingReport report = MakePendingReport(view);
  EXPECT_EQ(report.cpus(2).depth(), 5);
  EXPECT_DOUBLE_EQ(report.cpus(2).oldest_age_s(), 1.0);
}

TEST(Dump, Activities) {
  MachineView view = SeedMachine();
  EXPECT_THAT(ActivityText(view, view.cpus[1]),
              ::testing::MatchesRegex("waits in smp_call_function_single for "
                                      "CPU 3 .1.0 s, stuck."));
  EXPECT_EQ(ActivityText(view, view.cpus[0]), "idle");

  SnapshotOf(&view, 0).set_life("DEAD");
  EXPECT_THAT(ActivityText(view, view.cpus[0]),
              ::testing::StartsWith("parked"));

  v1::StopStatus& stop = *SnapshotOf(&view, 2).mutable_stop();
  stop.set_generation(4);
  stop.set_state("DISABLE_IRQ");
  stop.set_acked(true);
  SnapshotOf(&view, 2).set_irqs_masked(true);
  EXPECT_EQ(ActivityText(view, view.cpus[2]),
            "in stop_machine 4, state DISABLE_IRQ, acknowledged, interrupts "
            "masked");

  SnapshotOf(&view, 3).mutable_running()->set_function("spin");
  EXPECT_THAT(ActivityText(view, view.cpus[3]),
              ::testing::StartsWith("runs spin of CPU 0"));

  view.cpus[3].snapshot.reset();
  EXPECT_EQ(ActivityText(view, view.cpus[3]), "does not answer");
  view.cpus[3].info.set_state(v1::CPU_STATE_CRASHED);
  EXPECT_EQ(ActivityText(view, view.cpus[3]), "crashed");
}

TEST(Dump, HoldsEverything) {
  const v1::DumpReport report = MakeDumpReport(SeedMachine());
  ASSERT_EQ(report.cpus_size(), 4);
  EXPECT_TRUE(report.cpus(3).stranded());
  EXPECT_EQ(report.cpus(3).snapshot().queue_size(), 109);
  EXPECT_EQ(report.cluster().current().id(), 2);
}

TEST(TimeText, Durations) {
  EXPECT_EQ(DurationText(0.000412), "412 us");
  EXPECT_EQ(DurationText(0.037), "37 ms");
  EXPECT_EQ(DurationText(5.21), "5.2 s");
  EXPECT_EQ(DurationText(190), "3 min 10 s");
  EXPECT_EQ(DurationText(7260), "2 h 1 min");
}

TEST(TimeText, ClockAndDifference) {
  EXPECT_EQ(ClockText(At(86'400'000'000 + 3'661'000'005)), "01:01:01.000005");
  EXPECT_DOUBLE_EQ(SecondsBetween(At(1'000'000), At(3'500'000)), 2.5);
  // Clocks of two hosts may disagree; an age is never negative.
  EXPECT_DOUBLE_EQ(SecondsBetween(At(3'500'000), At(1'000'000)), 0);
  EXPECT_DOUBLE_EQ(SecondsBetween({}, At(1'000'000)), 0);
}

TEST(ReportText, MostFrequentFirst) {
  EXPECT_EQ(FunctionsText({{"a", 1}, {"b", 108}, {"c", 1}}), "108 b, 1 a, 1 c");
  EXPECT_EQ(FunctionsText({}), "");
}

TEST(OperationText, SaysHowManyRoundsItTook) {
  v1::Operation op;
  op.set_kind(v1::Operation::KIND_OFFLINE);
  op.set_cpus("3");
  op.set_result("0");
  op.mutable_duration()->set_nanos(12'000'000);
  op.set_rounds(1);
  EXPECT_EQ(OutcomeText(op), "cpu/3 offlined (12 ms)");
  op.set_rounds(2);
  EXPECT_EQ(OutcomeText(op), "cpu/3 offlined (12 ms, 2 rounds)");
  op.set_rounds(5);
  op.set_result("ETIMEDOUT");
  op.set_message("cpu 1 was not stopped throughout");
  EXPECT_EQ(OutcomeText(op),
            "cpu/3 not offlined: ETIMEDOUT: cpu 1 was not stopped throughout "
            "(5 rounds)");
}

}  // namespace
}  // namespace belfry::trace
