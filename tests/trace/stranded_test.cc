#include "trace/stranded.h"

#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/trace/seed_machine.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::AddCall;
using ::belfry::testing::QuietMachine;
using ::belfry::testing::SnapshotOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct StrandedCase {
  std::string name;
  // Done to a machine whose CPU 3 is online with one call in its queue.
  std::function<void(MachineView*)> change;
  bool stranded = false;
  bool left_behind = false;
};

class Stranded : public ::testing::TestWithParam<StrandedCase> {};

TEST_P(Stranded, IsTold) {
  MachineView view = QuietMachine();
  AddCall(&view, 1, 3, 1, "nop", false);
  GetParam().change(&view);
  EXPECT_EQ(IsStranded(view, 3), GetParam().stranded);
  EXPECT_EQ(IsLeftBehind(view, 3), GetParam().left_behind);
}

INSTANTIATE_TEST_SUITE_P(
    All, Stranded,
    ::testing::Values(
        StrandedCase{"Uncovered", [](MachineView*) {}, true},
        StrandedCase{"MaskedButNotLatched",
                     [](MachineView* view) {
                       SnapshotOf(view, 3).set_irqs_masked(true);
                     },
                     true},
        StrandedCase{
            "Empty",
            [](MachineView* view) { SnapshotOf(view, 3).set_depth(0); }},
        StrandedCase{
            "Latched",
            [](MachineView* view) { SnapshotOf(view, 3).set_latched(true); }},
        StrandedCase{"Flagged",
                     [](MachineView* view) {
                       SnapshotOf(view, 3).set_need_resched(true);
                     }},
        StrandedCase{"DoorbellHeld",
                     [](MachineView* view) {
                       SnapshotOf(view, 3).set_doorbells_in_flight(1);
                     }},
        StrandedCase{"ASenderMayStillRing",
                     [](MachineView* view) {
                       SnapshotOf(view, 1).mutable_outgoing(0)->set_state(
                           v1::OutgoingCall::STATE_SENT);
                     }},
        StrandedCase{"ASenderThatSpinsInAHandlerWillNotRing",
                     [](MachineView* view) {
                       v1::CpuSnapshot& sender = SnapshotOf(view, 1);
                       sender.mutable_outgoing(0)->set_state(
                           v1::OutgoingCall::STATE_SENT);
                       sender.set_irqs_masked(true);
                       v1::OutgoingCall& spins = *sender.add_outgoing();
                       spins.set_wait(true);
                       spins.set_stuck(true);
                     },
                     true},
        StrandedCase{
            "Draining",
            [](MachineView* view) { SnapshotOf(view, 3).set_taken(1); }},
        StrandedCase{"Running",
                     [](MachineView* view) {
                       SnapshotOf(view, 3).mutable_running()->set_seq(9);
                     }},
        StrandedCase{
            "Parked",
            [](MachineView* view) { SnapshotOf(view, 3).set_life("DEAD"); },
            false, true},
        StrandedCase{"Dying",
                     [](MachineView* view) {
                       SnapshotOf(view, 3).set_life("SHOULD_DIE");
                     }},
        StrandedCase{
            "Silent",
            [](MachineView* view) { view->cpus[3].snapshot.reset(); }}),
    [](const auto& param) { return param.param.name; });

TEST(Stranded, SentToAnotherCpuCoversNothing) {
  MachineView view = QuietMachine();
  AddCall(&view, 1, 3, 1, "nop", false);
  AddCall(&view, 0, 2, 1, "nop", false).set_state(v1::OutgoingCall::STATE_SENT);
  EXPECT_THAT(StrandedCpus(view), ElementsAre(3));
  EXPECT_THAT(LeftBehindCpus(view), IsEmpty());
}

TEST(Stranded, TheListBehindTheQueueNeedsAnInterrupt) {
  MachineView view = QuietMachine();
  v1::CpuSnapshot& snapshot = SnapshotOf(&view, 3);
  EXPECT_FALSE(HasStrandedSoftirq(view, 3));
  snapshot.set_blk_cpu_done(2);
  EXPECT_THAT(StrandedSoftirqCpus(view), ElementsAre(3));
  snapshot.set_latched(true);
  EXPECT_THAT(StrandedSoftirqCpus(view), IsEmpty());
}

TEST(Stranded, CallsThatTheQueueDoesNotHoldAreCutOff) {
  MachineView view = QuietMachine();
  v1::CpuSnapshot& snapshot = SnapshotOf(&view, 3);
  snapshot.add_inbound()->set_queued(3);
  snapshot.set_depth(1);
  EXPECT_EQ(CallsCutOff(snapshot), 2u);
  // Those that were taken are in neither.
  snapshot.set_taken(1);
  EXPECT_EQ(CallsCutOff(snapshot), 0u);
}

TEST(Stranded, UnknownCpu) {
  EXPECT_FALSE(IsStranded(QuietMachine(), 99));
  EXPECT_FALSE(IsLeftBehind(QuietMachine(), 99));
}

}  // namespace
}  // namespace belfry::trace
