#include "kernel/gate.h"

#include <gtest/gtest.h>

#include <string>

namespace belfry::kernel {
namespace {

Cpu Make(RingRule rule = RingRule::kWasEmpty) {
  return Cpu({.id = CpuId{3},
              .incarnation = Incarnation{1},
              .profile = {.ring_rule = rule}});
}

std::string At(CpuEvent event, const Cpu& cpu = Make()) {
  return GateOf(event, cpu);
}

StopPublish Publish(MultiStopState state, CpuMask active) {
  return {.state = state, .active = std::move(active)};
}

TEST(GateTest, EventsOfACpu) {
  EXPECT_EQ(At(Enqueue{}), "enqueue");
  EXPECT_EQ(At(Doorbell{}), "latch");
  EXPECT_EQ(At(IrqEntry{}), "irq_entry");
  EXPECT_EQ(At(IdleExit{}), "idle_exit");
  EXPECT_EQ(At(Kick{}), "reset");
  EXPECT_EQ(At(StopperRuns{}), "stopper");
  EXPECT_EQ(At(RunStep{.step = 6}), "step:6");
  EXPECT_EQ(At(Call{}), "task");
  EXPECT_EQ(At(CallMany{}), "task");
  EXPECT_EQ(At(PowerOff{}), "order");
  EXPECT_EQ(At(RunStage{OfflineStage::kReportDead}), "report_dead");
  EXPECT_EQ(At(RunStage{OfflineStage::kFixupIrqs}), "fixup_irqs");
  EXPECT_EQ(At(DeviceIrq{}), "io");
  EXPECT_EQ(At(Done{}), "answer");
  EXPECT_EQ(At(Latched{}), "answer");
  EXPECT_EQ(At(WalkSteps{}), "order");
  EXPECT_EQ(At(BringOnline{}), "order");
  EXPECT_EQ(At(SetView{}), "order");
  EXPECT_EQ(At(Overdue{}), "overdue");
  EXPECT_EQ(GateOf(CpuEffect(RunFunction{})), "run");
  EXPECT_EQ(GateOf(CpuEffect(RaiseIrq{})), "");
}

TEST(GateTest, TheNewsOfProcesses) {
  EXPECT_EQ(At(PeerIs{}), "peer");
  EXPECT_EQ(At(PeerGone{}), "peer");
  EXPECT_EQ(At(CoordinatorLost{}), "link");
  EXPECT_EQ(At(LinkUp{.again = true}), "link");
  EXPECT_EQ(GateOf(CoordinatorEvent(Attached{})), "link");
  EXPECT_EQ(GateOf(CoordinatorEvent(ProcessLost{})), "link");
}

// What people ask for is answered at once, and links must come up.
TEST(GateTest, RequestsAndTheNewsOfLinksPassNone) {
  EXPECT_EQ(At(OperatorKick{}), "");
  EXPECT_EQ(At(LinkUp{}), "");
  EXPECT_EQ(At(Confirmed{}), "");
  EXPECT_EQ(GateOf(CoordinatorEvent(Request{})), "");
  EXPECT_EQ(At(Throttle{}), "");
  EXPECT_EQ(At(ReadLock{}), "");
}

TEST(GateTest, ARingIsHeldOnlyWhereOneIsOwed) {
  EXPECT_EQ(At(Enqueued{.was_empty = true}), "ring");
  EXPECT_EQ(At(Enqueued{.was_empty = true, .rung = true}), "answer");
  EXPECT_EQ(At(Enqueued{.was_empty = false}), "answer");
  EXPECT_EQ(At(Enqueued{.was_empty = true, .error = Errno::kEnobufs}),
            "answer");
  EXPECT_EQ(At(Enqueued{}, Make(RingRule::kAlways)), "ring");
}

TEST(GateTest, NoRingIsOwedForACallThatHasRung) {
  for (const RingOrder order : {RingOrder::kAfterData, RingOrder::kWithData}) {
    Cpu cpu({.id = CpuId{3},
             .incarnation = Incarnation{1},
             .profile = {.ring_order = order},
             .split_doorbell = true});
    CpuEffects effects;
    cpu.Step(PeerIs{CpuId{1}, Incarnation{1}}, effects);
    cpu.Step(Kick{OpId{1}}, effects);
    cpu.Step(BringOnline{OpId{1}}, effects);
    cpu.Step(SetView{{1, {1, 3}}}, effects);
    cpu.Step(Call{.dst = CpuId{1}}, effects);
    EXPECT_EQ(At(Enqueued{.from = CpuId{1}, .seq = 1, .was_empty = true}, cpu),
              order == RingOrder::kAfterData ? "ring" : "answer");
  }
}

TEST(GateTest, TheMaskOfThisCpuWhateverTheBarrierCallsIt) {
  using enum MultiStopState;
  EXPECT_EQ(At(Publish(kPrepare, {1})), "ack:PREPARE");
  EXPECT_EQ(At(Publish(kDisableIrq, {1})), "ack:DISABLE_IRQ");
  EXPECT_EQ(At(Publish(kDisableIrqInactive, {1})), "ack:DISABLE_IRQ");
  EXPECT_EQ(At(Publish(kDisableIrqActive, {3})), "ack:DISABLE_IRQ");
  EXPECT_EQ(At(Publish(kDisableIrqActive, {1})), "ack:DISABLE_IRQ_ACTIVE");
  EXPECT_EQ(At(Publish(kRun, {3})), "ack:RUN");
}

TEST(GateTest, EventsOfTheCoordinator) {
  EXPECT_EQ(GateOf(CoordinatorEvent(Journaled{.leg = Leg::kDead})),
            "journal:dead");
  EXPECT_EQ(GateOf(CoordinatorEvent(Journaled{.leg = Leg::kCommit})), "commit");
  EXPECT_EQ(
      GateOf(CoordinatorEvent(PublishState{.state = MultiStopState::kRun})),
      "publish:RUN");
  EXPECT_EQ(GateOf(CoordinatorEvent(FromCpuEvent{})), "report");
  EXPECT_EQ(GateOf(CoordinatorEvent(HandoffTimeout{})), "timeout");
}

TEST(GateTest, NamesAreReadAndRefused) {
  const CpuhpTable table(Steps::kNotifiers);
  for (std::string name :
       {"task", "enqueue", "ring", "latch", "irq_entry", "run", "reset", "io",
        "order", "answer", "overdue", "peer", "link", "attach", "all",
        "ack:PREPARE", "ack:DISABLE_IRQ"}) {
    EXPECT_EQ(ParseCpuGate(name, table).value(), name);
  }
  EXPECT_EQ(ParseCpuGate("step:9", table).value(), "step:9");
  EXPECT_EQ(ParseCpuGate("step:calls:online", table).value(), "step:9");
  for (std::string name : {"", "Enqueue", "ack:", "ack:WAIT", "step:", "step:x",
                           "step:11", "commit"}) {
    EXPECT_FALSE(ParseCpuGate(name, table).ok()) << name;
  }
  for (std::string name :
       {"commit", "journal:dead", "publish:EXIT", "report", "timeout", "all"}) {
    EXPECT_EQ(ParseCoordinatorGate(name).value(), name);
  }
  EXPECT_EQ(ParseCoordinatorGate("journal:commit").value(), "commit");
  for (std::string name : {"", "journal:", "journal:x", "publish:", "run"}) {
    EXPECT_FALSE(ParseCoordinatorGate(name).ok()) << name;
  }
}

}  // namespace
}  // namespace belfry::kernel
