#include "lab/verdict.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lab/quiet.h"

namespace belfry::lab {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// CPU 0 waits for CPU 1; what became of that is the test's.
trace::MachineView TwoCpus() {
  trace::MachineView view;
  for (std::uint32_t cpu = 0; cpu < 2; ++cpu) {
    trace::CpuView& entry = view.cpus.emplace_back();
    entry.info.set_cpu(cpu);
    entry.info.set_state(v1::CPU_STATE_ONLINE);
    entry.snapshot.emplace().set_cpu(cpu);
    entry.snapshot->set_life("ONLINE");
  }
  v1::OutgoingCall& call = *view.cpus[0].snapshot->add_outgoing();
  call.set_cpu(1);
  call.set_seq(1);
  call.set_wait(true);
  call.set_stuck(true);
  call.set_state(v1::OutgoingCall::STATE_QUEUED);
  view.cpus[1].snapshot->set_depth(1);
  view.cpus[1].snapshot->add_queue()->set_seq(1);
  return view;
}

v1::ScenarioResult JudgeIt(const trace::MachineView& view,
                           const Before& before = {}) {
  v1::ScenarioResult result;
  Judge(view, before, 1, &result);
  return result;
}

TEST(Verdict, StuckAndStrandedIsAHang) {
  const v1::ScenarioResult result = JudgeIt(TwoCpus());
  EXPECT_EQ(result.verdict(), "hang");
  EXPECT_THAT(result.violated(),
              ElementsAre("no_stranded_queue", "every_wait_ends"));
}

TEST(Verdict, StuckBehindABusyTargetIsNoHang) {
  trace::MachineView view = TwoCpus();
  view.cpus[1].snapshot->mutable_running()->set_seq(7);
  const v1::ScenarioResult result = JudgeIt(view);
  EXPECT_EQ(result.verdict(), "inconclusive");
  EXPECT_EQ(result.message(), "CPU 0 is stuck, but no queue is stranded");
}

TEST(Verdict, NotYetStuckIsViolatedOnly) {
  trace::MachineView view = TwoCpus();
  view.cpus[0].snapshot->mutable_outgoing(0)->set_stuck(false);
  const v1::ScenarioResult result = JudgeIt(view);
  EXPECT_EQ(result.verdict(), "violated");
  EXPECT_THAT(result.violated(), ElementsAre("no_stranded_queue"));
}

TEST(Verdict, CarriedCallsOfThisRunOnly) {
  trace::MachineView view = TwoCpus();
  view.cpus[0].snapshot->clear_outgoing();
  view.cpus[1].snapshot->set_depth(0);
  view.cpus[1].info.set_calls_carried(5);
  EXPECT_THAT(JudgeIt(view, RememberBefore(view)).violated(), IsEmpty());
  EXPECT_EQ(JudgeIt(view, RememberBefore(view)).verdict(), "holds");
  EXPECT_THAT(JudgeIt(view, {.calls_carried = 4}).violated(),
              ElementsAre("nothing_left_behind"));
}

TEST(Verdict, CarriedCallsThatOnlyTheTraceTellsOf) {
  trace::MachineView view = TwoCpus();
  view.cpus[0].snapshot->clear_outgoing();
  view.cpus[1].snapshot->set_depth(0);
  v1::TraceEvent& life = view.events.emplace_back();
  life.set_name("cpu_life");
  life.set_cpu(1);
  life.set_detail("ALIVE");
  life.set_value(1);
  life.set_lamport(9);
  EXPECT_THAT(JudgeIt(view, {.lamport = 8}).violated(),
              ElementsAre("nothing_left_behind"));
  EXPECT_THAT(JudgeIt(view, {.lamport = 9}).violated(), IsEmpty());
}

TEST(Verdict, CallsThatDiedWithAProcessBreakNoInvariant) {
  trace::MachineView view = TwoCpus();
  view.cpus[0].snapshot->clear_outgoing();
  view.cpus[1].snapshot->set_depth(0);
  v1::LedgerRow& row = *view.cpus[0].snapshot->add_ledger();
  row.set_issued(1);
  row.set_lost(1);
  const v1::ScenarioResult result = JudgeIt(view);
  EXPECT_EQ(result.verdict(), "holds");
  EXPECT_EQ(result.ledger().lost(), 1);
}

TEST(Settled, Cases) {
  trace::MachineView view = TwoCpus();
  EXPECT_TRUE(IsSettled(view)) << "stuck for good";
  v1::OutgoingCall& call = *view.cpus[0].snapshot->mutable_outgoing(0);
  call.set_stuck(false);
  EXPECT_FALSE(IsSettled(view)) << "the watchdog has not spoken yet";
  call.set_wait(false);
  EXPECT_TRUE(IsSettled(view)) << "nobody waits, and nobody will take it";
  view.cpus[1].snapshot->set_latched(true);
  EXPECT_FALSE(IsSettled(view)) << "it will be taken";
}

}  // namespace
}  // namespace belfry::lab
