#include "trace/explain.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/trace/golden.h"
#include "tests/trace/seed_machine.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::AddCall;
using ::belfry::testing::At;
using ::belfry::testing::ExpectGolden;
using ::belfry::testing::QuietMachine;
using ::belfry::testing::SeedMachine;
using ::belfry::testing::SnapshotOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// The sentences of the first waiter, one a line, each with its proof.
std::string Story(const v1::ExplainReport& report) {
  std::string text;
  if (report.waiters().empty()) return report.message() + "\n";
  for (const auto& cause : report.waiters(0).causes()) {
    absl::StrAppend(&text, cause.text(), "\n");
    if (cause.has_event()) {
      absl::StrAppend(&text, "    proof: ", cause.event().name(), " at ",
                      cause.event().lamport(), "\n");
    }
  }
  absl::StrAppend(&text, "remedy: ", report.waiters(0).remedy(), "\n");
  return text;
}

// CPU 1 waits for CPU 3, and is stuck.
MachineView WaitingMachine() {
  MachineView view = QuietMachine();
  AddCall(&view, 1, 3, 1, "nop", true).set_stuck(true);
  return view;
}

TEST(Explain, Seed) {
  const v1::ExplainReport report = Explain(SeedMachine());
  ExpectGolden("explain-seed.txt", Story(report));
  EXPECT_THAT(report.stranded_cpus(), ElementsAre(3));
  ASSERT_EQ(report.waiters_size(), 1);
  EXPECT_EQ(report.waiters(0).cpu(), 1);
  EXPECT_EQ(report.waiters(0).target_cpu(), 3);
  EXPECT_EQ(report.waiters(0).doorbell().fate(),
            v1::Doorbell::FATE_CLEARED_BY_RESET);
}

TEST(Explain, SeedLate) {
  ExpectGolden("explain-seed-late.txt",
               Story(Explain(SeedMachine({.late = true}))));
}

TEST(Explain, SeedWithoutTrace) {
  MachineView view = SeedMachine();
  view.events.clear();
  view.overwritten = 4096;
  ExpectGolden("explain-seed-no-trace.txt", Story(Explain(view)));
}

TEST(Explain, SeedWithoutTraceOrRecord) {
  MachineView view = SeedMachine();
  view.events.clear();
  SnapshotOf(&view, 3).clear_last_doorbell();
  const std::string story = Story(Explain(view));
  EXPECT_THAT(story, HasSubstr("Whether that call rang is not known"));
  EXPECT_THAT(story, HasSubstr("What became of that doorbell is not known"));
  EXPECT_THAT(story, Not(HasSubstr("reset")));
}

TEST(Explain, SaysNothingOfAMaskOrderThatWasNotSo) {
  // CPU 1 had masked as well before the call was queued: no such sentence.
  MachineView view = SeedMachine();
  for (v1::TraceEvent& event : view.events) {
    if (event.name() == "stop_ack" && event.cpu() == 1) {
      event.set_irqs_masked(false);
    }
  }
  EXPECT_THAT(Story(Explain(view)), Not(HasSubstr("still took interrupts")));
}

TEST(Explain, ADrainIsNotDenied) {
  MachineView view = SeedMachine();
  for (v1::TraceEvent& event : view.events) {
    if (event.name() == "cpu_life" && event.detail() == "SHOULD_DIE") {
      event.set_name("csd_flush_entry");
      event.set_detail("flush");
      event.set_value(2);
    }
  }
  const std::string story = Story(Explain(view));
  EXPECT_THAT(story, Not(HasSubstr("without draining")));
  EXPECT_THAT(story, HasSubstr("drained its queue"));
}

TEST(Explain, DoorbellOnTheWire) {
  MachineView view = WaitingMachine();
  v1::CpuSnapshot& target = SnapshotOf(&view, 3);
  target.set_doorbells_in_flight(1);
  target.mutable_last_doorbell()->set_fate(v1::Doorbell::FATE_IN_FLIGHT);
  target.mutable_last_doorbell()->set_src_cpu(1);
  target.mutable_last_doorbell()->set_seq(1);
  const std::string story = Story(Explain(view));
  EXPECT_THAT(story, HasSubstr("1 doorbell for CPU 3 is still on the wire, "
                               "held at its gate latch (the last from CPU 1, "
                               "its call 1)."));
  EXPECT_THAT(story, HasSubstr("remedy: release the gate latch of CPU 3"));
}

TEST(Explain, LatchedAndMasked) {
  MachineView view = WaitingMachine();
  v1::CpuSnapshot& target = SnapshotOf(&view, 3);
  target.set_latched(true);
  target.set_irqs_masked(true);
  target.mutable_stop()->set_generation(6);
  target.mutable_stop()->set_state("DISABLE_IRQ");
  target.mutable_last_doorbell()->set_src_cpu(1);
  target.mutable_last_doorbell()->set_seq(1);
  v1::StopStatus& round = *view.cluster.mutable_stop();
  round.set_generation(6);
  round.set_state("DISABLE_IRQ");
  round.set_missing("2");
  const std::string story = Story(Explain(view));
  EXPECT_THAT(story, HasSubstr("is latched at CPU 3, which has its interrupts "
                               "masked."));
  EXPECT_THAT(story, HasSubstr("stop_machine 6 is in state DISABLE_IRQ and "
                               "waits for CPU 2 to acknowledge it."));
}

TEST(Explain, TargetRunsSomethingElse) {
  MachineView view = WaitingMachine();
  v1::QueuedCall& running = *SnapshotOf(&view, 3).mutable_running();
  running.set_src_cpu(2);
  running.set_seq(77);
  running.set_function("spin");
  *running.mutable_queue_time() = At(1'003'000'000);
  EXPECT_THAT(Story(Explain(view)),
              HasSubstr("CPU 3 is busy with CPU 2's spin, queued 7.0 s ago."));
}

TEST(Explain, TargetRunsTheCallItself) {
  MachineView view = WaitingMachine();
  v1::CpuSnapshot& target = SnapshotOf(&view, 3);
  *target.mutable_running() = target.queue(0);
  target.clear_queue();
  target.set_depth(0);
  const std::string story = Story(Explain(view));
  EXPECT_THAT(story, HasSubstr("CPU 3 is running it: nop"));
  EXPECT_THAT(story, Not(HasSubstr("in CPU 3's queue")));
}

TEST(Explain, TargetCrashed) {
  MachineView view = WaitingMachine();
  view.cpus[3].snapshot.reset();
  view.cpus[3].info.set_state(v1::CPU_STATE_CRASHED);
  EXPECT_THAT(Story(Explain(view)), HasSubstr("CPU 3 has no process any more"));
}

TEST(Explain, TargetDoesNotAnswer) {
  MachineView view = WaitingMachine();
  view.cpus[3].snapshot.reset();
  view.cpus[3].problem = "deadline exceeded";
  EXPECT_THAT(Story(Explain(view)),
              HasSubstr("CPU 3's process does not answer: deadline exceeded."));
}

TEST(Explain, NotQueuedYet) {
  MachineView view = WaitingMachine();
  v1::CpuSnapshot& target = SnapshotOf(&view, 3);
  target.clear_queue();
  target.set_depth(0);
  target.mutable_stop()->set_generation(6);
  target.mutable_stop()->set_state("RUN");
  view.cluster.mutable_stop()->set_generation(6);
  view.cluster.mutable_stop()->set_state("RUN");
  view.cluster.mutable_stop()->set_missing("0");
  SnapshotOf(&view, 1).mutable_outgoing(0)->set_state(
      v1::OutgoingCall::STATE_SENT);
  const std::string story = Story(Explain(view));
  EXPECT_THAT(story, HasSubstr("has not acknowledged the call"));
  EXPECT_THAT(story, HasSubstr("CPU 3 stands in stop_machine 6, state RUN."));
  EXPECT_THAT(story, HasSubstr("waits for CPU 0 to acknowledge"));
}

TEST(Explain, QueueFull) {
  MachineView view = WaitingMachine();
  v1::CpuSnapshot& target = SnapshotOf(&view, 3);
  target.mutable_queue(0)->set_seq(99);
  SnapshotOf(&view, 1).mutable_outgoing(0)->set_state(
      v1::OutgoingCall::STATE_BACKED_OFF);
  const std::string story = Story(Explain(view));
  EXPECT_THAT(story, HasSubstr("CPU 3's queue is full (1 call: 1 nop)"));
  EXPECT_THAT(story, HasSubstr("remedy: belfry kick 3"));
}

TEST(Explain, Parked) {
  MachineView view = WaitingMachine();
  SnapshotOf(&view, 3).set_life("DEAD");
  const std::string story = Story(Explain(view));
  EXPECT_THAT(story, HasSubstr("CPU 3 is parked"));
  EXPECT_THAT(story, HasSubstr("remedy: belfry cpu online 3, then belfry kick "
                               "3"));
}

TEST(Explain, AnswerOnItsWay) {
  MachineView view = WaitingMachine();
  SnapshotOf(&view, 3).clear_queue();
  SnapshotOf(&view, 3).set_depth(0);
  EXPECT_THAT(Story(Explain(view)), HasSubstr("its answer is on the way"));
}

TEST(Explain, PlaceBeyondTheListedEntries) {
  MachineView view = SeedMachine();
  SnapshotOf(&view, 3).mutable_queue()->DeleteSubrange(10, 99);
  EXPECT_THAT(Story(Explain(view)), HasSubstr("behind the first 10 of 109."));
}

TEST(Explain, OnlyTheStuckAndTheOverdue) {
  MachineView view = WaitingMachine();
  v1::OutgoingCall& call = *SnapshotOf(&view, 1).mutable_outgoing(0);
  call.set_stuck(false);
  EXPECT_EQ(Explain(view).waiters_size(), 1) << "5.2 s are overdue";
  EXPECT_EQ(Explain(view, {.overdue_s = 6}).waiters_size(), 0);
  call.set_wait(false);
  EXPECT_EQ(Explain(view).waiters_size(), 0) << "nobody waits for it";
}

TEST(Explain, StrandedThoughNobodyWaits) {
  MachineView view = QuietMachine();
  AddCall(&view, 1, 3, 1, "nop", false);
  EXPECT_EQ(Story(Explain(view)),
            "nobody waits, but the queue of CPU 3 is stranded: belfry kick "
            "3\n");
}

TEST(Explain, NothingIsStuck) {
  EXPECT_EQ(Story(Explain(QuietMachine())), "nothing is stuck\n");
}

}  // namespace
}  // namespace belfry::trace
