// What a CPU that goes hands over, and what becomes of what it does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernel/cpu.h"
#include "tests/support/lone_cpu.h"

namespace belfry::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using enum MultiStopState;

constexpr CpuId kSubmitter{1};

// CPU `id` of CPUs 0, 1 and 3, brought online.
struct Machine : testing::LoneCpu {
  explicit Machine(Profile profile, std::uint32_t id = 3,
                   std::size_t queue_capacity = 16)
      : LoneCpu({.id = CpuId{id},
                 .incarnation = testing::kFirstLife,
                 .profile = std::move(profile),
                 .queue_capacity = queue_capacity},
                {}, {0, 1, 3}) {}

  void BringUp(std::uint32_t op, std::uint64_t view) {
    LoneCpu::BringUp(op);
    Do(SetView{{view, {0, 1, 3}}});
  }

  // CPU 3 takes itself down in round 1.
  std::vector<std::string> Publish(MultiStopState state,
                                   Handover handover = {}) {
    StopPublish publish{.generation = Generation{1},
                        .state = state,
                        .active = {3},
                        .takedown = true,
                        .handover = std::move(handover)};
    if (state == kExit) publish.view = View{2, {0, 1}};
    std::vector<std::string> lines = Do(std::move(publish));
    if (lines != std::vector<std::string>{"hold lease", "look at window"}) {
      return lines;
    }
    return Do(WindowIs{Generation{1}, true});
  }

  int irqs_taken() { return traced[TraceKind::kDeviceIrq]; }
};

Profile With(IrqMigration migration) {
  Profile profile = PresetByName("belfry").value();
  profile.irq_migration = migration;
  return profile;
}

struct IrqCase {
  IrqMigration migration;
  // Interrupts: those that the RUN acknowledgement hands over, those that wait
  // for the CPU, and those that nobody will take.
  std::size_t handed_over;
  std::size_t waiting;
  std::uint64_t lost;
};

// One interrupt comes while interrupts are masked, one when the online bit is
// cleared and the affinity has not moved, one when it has.
TEST(DeviceIrqTest, OnTheWayOut) {
  const IrqCase cases[] = {
      {IrqMigration::kAtDevice, 0, 3, 0},
      {IrqMigration::kScanFirst, 2, 1, 0},
      {IrqMigration::kSilenceFirst, 1, 1, 1},
  };
  for (const IrqCase& c : cases) {
    SCOPED_TRACE(static_cast<int>(c.migration));
    Machine m(With(c.migration));
    m.Publish(kPrepare);
    m.Publish(kDisableIrq);
    m.Do(DeviceIrq{kSubmitter});
    m.Publish(kRun);
    m.Do(DeviceIrq{kSubmitter});
    m.Do(RunStage{OfflineStage::kFixupIrqs});
    m.Do(DeviceIrq{kSubmitter});
    ASSERT_TRUE(m.cpu.stop().has_value());
    EXPECT_TRUE(m.cpu.stop()->acked);
    EXPECT_EQ(m.cpu.stop()->handover.device_irqs.size(), c.handed_over);
    EXPECT_EQ(m.cpu.device_irqs(), c.waiting);
    EXPECT_EQ(m.ledger.irqs_lost(), c.lost);
    // What waits is taken when the CPU is back.
    m.Publish(kExit);
    EXPECT_EQ(m.irqs_taken(), 0);
    m.BringUp(2, 3);
    EXPECT_EQ(m.irqs_taken(), static_cast<int>(c.waiting));
    EXPECT_EQ(m.cpu.device_irqs(), 0U);
  }
}

// A device is told; those that wait are taken when they can be.
TEST(DeviceIrqTest, BeyondTheBoundItIsRefused) {
  Machine m(With(IrqMigration::kAtDevice), 3, /*queue_capacity=*/2);
  m.Publish(kPrepare);
  m.Publish(kDisableIrq);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(m.Do(DeviceIrq{kSubmitter}), IsEmpty());
  }
  CpuEffects effects;
  m.cpu.Step(DeviceIrq{kSubmitter}, effects);
  ASSERT_EQ(effects.size(), 1U);
  const auto* refused = std::get_if<Trace>(&effects.front());
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(refused->event.kind, TraceKind::kIrqRefused);
  EXPECT_EQ(refused->event.about, kSubmitter);
  EXPECT_EQ(refused->event.value, static_cast<int>(Errno::kEnobufs));
  m.Do(DeviceIrq{kSubmitter});
  EXPECT_EQ(m.ledger.irqs_refused(), 1U) << "Step() has not told it";
  EXPECT_EQ(m.cpu.device_irqs(), 2U);
  m.Do(StopAbort{.generation = Generation{1}});
  EXPECT_EQ(m.irqs_taken(), 2);
  EXPECT_EQ(m.ledger.irqs_lost(), 0U);
}

TEST(DeviceIrqTest, RunIsAcknowledgedOnlyAfterTheMigration) {
  Machine m(With(IrqMigration::kScanFirst));
  m.Publish(kPrepare);
  m.Publish(kDisableIrq);
  m.Do(DeviceIrq{kSubmitter});
  EXPECT_THAT(m.Publish(kRun), ElementsAre("next_stage fixup_irqs"));
  EXPECT_EQ(m.cpu.life(), Life::kShouldDie);
  EXPECT_THAT(m.Do(RunStage{OfflineStage::kFixupIrqs}),
              ElementsAre("tell ack RUN irqs 1"));
  // Repeated, it says the same.
  EXPECT_THAT(m.Publish(kRun),
              ElementsAre("hold lease", "tell ack RUN irqs 1"));
  EXPECT_THAT(m.Do(RunStage{OfflineStage::kFixupIrqs}), IsEmpty());
}

TEST(DeviceIrqTest, TheLowestThatStaysTakesThemOnceItUnmasks) {
  for (const std::uint32_t id : {0U, 1U}) {
    Machine m(With(IrqMigration::kScanFirst), id);
    for (const MultiStopState state : {kPrepare, kDisableIrq, kRun}) {
      m.Publish(state);
    }
    const Handover handover{.device_irqs = {CpuId{id}, CpuId{id}}};
    m.Publish(kExit, handover);
    EXPECT_EQ(m.irqs_taken(), id == 0 ? 2 : 0);
    // Repeated: it has had them.
    m.Publish(kExit, handover);
    EXPECT_EQ(m.irqs_taken(), id == 0 ? 2 : 0);
  }
}

// ---- The last report.

Profile With(DeathReport report) {
  Profile profile = PresetByName("belfry").value();
  profile.death_report = report;
  return profile;
}

std::vector<std::string> TakeDown(Machine& m) {
  for (const MultiStopState state : {kPrepare, kDisableIrq, kRun}) {
    m.Publish(state);
  }
  return m.Publish(kExit);
}

TEST(DeathTest, ReportFirstIsOneMessage) {
  Machine m(With(DeathReport::kReportFirst));
  EXPECT_THAT(TakeDown(m), ElementsAre("tell ack EXIT", "tell dead"));
  EXPECT_EQ(m.cpu.life(), Life::kDead);
  EXPECT_FALSE(m.cpu.report_owed());
  EXPECT_THAT(m.Do(PowerOff{OpId{2}}), IsEmpty());
}

TEST(DeathTest, AnnouncedFirstTheReportFollows) {
  Machine m(With(DeathReport::kAnnounceFirst));
  EXPECT_THAT(TakeDown(m),
              ElementsAre("tell ack EXIT", "tell dead, report owed",
                          "next_stage report_dead"));
  EXPECT_EQ(m.cpu.life(), Life::kShouldDie);
  EXPECT_TRUE(m.cpu.status().report_owed);
  EXPECT_THAT(m.Do(RunStage{OfflineStage::kReportDead}),
              ElementsAre("tell dead"));
  EXPECT_EQ(m.cpu.life(), Life::kDead);
  EXPECT_FALSE(m.cpu.report_owed());
}

TEST(DeathTest, SwitchedOffItNeverReports) {
  Machine m(With(DeathReport::kAnnounceFirst));
  TakeDown(m);
  EXPECT_THAT(m.Do(PowerOff{OpId{2}}), IsEmpty());
  EXPECT_EQ(m.cpu.life(), Life::kDead);
  EXPECT_THAT(m.Do(RunStage{OfflineStage::kReportDead}), IsEmpty());
  EXPECT_TRUE(m.cpu.report_owed());
  // A new boot owes nothing.
  m.BringUp(3, 3);
  EXPECT_FALSE(m.cpu.report_owed());
  EXPECT_EQ(m.cpu.life(), Life::kOnline);
}

// ---- Timers, and a task that waits for one.

Profile With(TimerMigration migration, ControlCpu control) {
  Profile profile = PresetByName("belfry").value();
  profile.timer_migration = migration;
  profile.control_cpu = control;
  return profile;
}

TEST(TimerTest, LeaveWithTheirCpuOrStayThere) {
  for (const TimerMigration migration :
       {TimerMigration::kDying, TimerMigration::kDead}) {
    const bool dying = migration == TimerMigration::kDying;
    SCOPED_TRACE(dying);
    Machine m(With(migration, ControlCpu::kAsker));
    m.Do(ArmTimer{CpuId{1}});
    m.Publish(kPrepare);
    m.Publish(kDisableIrq);
    m.Publish(kRun);
    ASSERT_TRUE(m.cpu.stop().has_value());
    EXPECT_THAT(m.cpu.stop()->handover.timers, ElementsAre(CpuId{1}));
    m.Publish(kExit);
    EXPECT_EQ(m.cpu.timers().size(), dying ? 0U : 1U);
    // A dead CPU takes no timer's interrupt.
    EXPECT_THAT(m.Do(ExpireTimers{}), IsEmpty());
    // Nor does it have any when it is back.
    m.BringUp(2, 3);
    EXPECT_TRUE(m.cpu.timers().empty());
  }
}

TEST(TimerTest, ComeToTheOneThatStaysOrToTheOneThatWalks) {
  for (const TimerMigration migration :
       {TimerMigration::kDying, TimerMigration::kDead}) {
    const bool dying = migration == TimerMigration::kDying;
    SCOPED_TRACE(dying);
    Machine m(With(migration, ControlCpu::kAsker), 0);
    m.Do(PeerIs{CpuId{1}, Incarnation{1}});
    m.Publish(kPrepare);
    m.Publish(kDisableIrq);
    m.Publish(kRun);
    const Handover left{.timers = {CpuId{1}}};
    m.Publish(kExit, left);
    EXPECT_EQ(m.cpu.timers().size(), dying ? 1U : 0U);
    m.Do(WalkSteps{
        .walk = {1}, .about = CpuId{3}, .from = 2, .to = 0, .handover = left});
    m.Do(RunStep{{1}, 2});
    m.Do(RunStep{{1}, 1});
    EXPECT_FALSE(m.cpu.walk().has_value());
    EXPECT_EQ(m.cpu.timers().size(), 1U);
    // It lets the tasks of CPU 1 run by a call.
    EXPECT_THAT(m.Do(ExpireTimers{}), ElementsAre("enqueue 1#1"));
    EXPECT_TRUE(m.cpu.timers().empty());
  }
}

struct ThrottleCase {
  ControlCpu control;
  bool up;
  CpuId about;
  bool stands;
};

// The task that asked is in the group; a worker and a hotplug thread are not.
TEST(ThrottleTest, WhoseWalkStandsStill) {
  const ThrottleCase cases[] = {
      {ControlCpu::kAsker, false, CpuId{1}, true},
      {ControlCpu::kWorker, false, CpuId{1}, false},
      {ControlCpu::kWorker, true, CpuId{1}, true},
      {ControlCpu::kAsker, false, CpuId{3}, false},
  };
  for (const ThrottleCase& c : cases) {
    SCOPED_TRACE(static_cast<int>(c.control));
    Machine m(With(TimerMigration::kDying, c.control));
    m.Do(Throttle{});
    m.Do(WalkSteps{.walk = {1},
                   .about = c.about,
                   .from = c.up ? 0 : 1,
                   .to = c.up ? 1 : 0});
    EXPECT_EQ(m.cpu.walk_throttled(), c.stands);
    m.Do(RunStep{{1}, 1});
    EXPECT_EQ(m.cpu.walk().has_value(), c.stands);
    // Its own timer lets it go on where it was.
    m.Do(ArmTimer{CpuId{3}});
    m.Do(ExpireTimers{});
    m.Do(RunStep{{1}, 1});
    EXPECT_FALSE(m.cpu.walk().has_value());
  }
}

// ---- Readers of the hotplug lock.

TEST(ReaderTest, AskIsTold) {
  Machine m(PresetByName("belfry").value());
  EXPECT_THAT(m.Do(ReadLock{}), ElementsAre("tell readers 1"));
  // Nothing to let go of yet.
  EXPECT_THAT(m.Do(ReadUnlock{}), IsEmpty());
  m.Do(ReadersGranted{1});
  EXPECT_EQ(m.cpu.readers(), 1U);
  EXPECT_EQ(m.cpu.status().readers, 1U);
  EXPECT_THAT(m.Do(ReadUnlock{}), ElementsAre("tell readers 0"));
  // Until the coordinator has heard of it.
  EXPECT_EQ(m.cpu.readers(), 1U);
  m.Do(ReadersGranted{0});
  EXPECT_EQ(m.cpu.readers(), 0U);
}

}  // namespace
}  // namespace belfry::kernel
