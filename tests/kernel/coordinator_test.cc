// Operations through a whole machine: refused, failed, cancelled, and with
// processes that die under them.
#include "kernel/coordinator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/at_rest.h"
#include "tests/support/world.h"

namespace belfry::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Unrest;
using testing::World;

constexpr std::uint32_t kVictim = 3;
constexpr std::uint32_t kCoordinator = World::kCoordinator;

Profile Preset(absl::string_view name) { return PresetByName(name).value(); }

World Booted(absl::string_view preset = "belfry", std::uint64_t seed = 1) {
  World w({.profile = Preset(preset), .seed = seed});
  w.BootAll();
  return w;
}

const Operation& End(World& w, OpId id) {
  w.Run();
  const auto op = w.ended_ops().find(id);
  if (op == w.ended_ops().end()) {
    ADD_FAILURE() << "operation " << id.value << " has not ended\n"
                  << w.trace();
    static const Operation kNone;
    return kNone;
  }
  return op->second;
}

void ExpectAtRest(World& w) {
  w.Settle();
  w.Judge(true);
  EXPECT_EQ(Unrest(w), "") << w.trace();
  for (const auto& [invariant, what] : w.violated()) {
    ADD_FAILURE() << InvariantName(invariant) << ": " << what;
  }
}

// The rest of the machine must work as if nothing had been.
void ExpectCycle(World& w, std::uint32_t cpu) {
  if (!w.alive(cpu)) w.Restart(cpu);
  w.Run();
  if (!w.coordinator().view().online.Has({cpu})) {
    EXPECT_EQ(End(w, w.Online(cpu)).error, Errno::kOk);
  }
  EXPECT_EQ(End(w, w.Offline(cpu)).error, Errno::kOk);
  EXPECT_EQ(End(w, w.Online(cpu)).error, Errno::kOk);
  ExpectAtRest(w);
}

// ---- Views and introductions.

TEST(ViewTest, IsToldToThoseWhoAreInIt) {
  World w = Booted();
  ASSERT_EQ(End(w, w.Offline(kVictim)).error, Errno::kOk);
  const std::uint64_t left_at = w.cpu(kVictim).view().number;
  ASSERT_EQ(left_at, w.coordinator().view().number);
  ASSERT_EQ(End(w, w.Offline(2)).error, Errno::kOk);
  ASSERT_EQ(End(w, w.Online(2)).error, Errno::kOk);
  EXPECT_EQ(w.coordinator().view().number, left_at + 2);
  for (std::uint32_t cpu : {0U, 1U, 2U}) {
    EXPECT_EQ(w.cpu(cpu).view(), w.coordinator().view()) << cpu;
  }
  EXPECT_EQ(w.cpu(kVictim).view().number, left_at);
  ExpectCycle(w, kVictim);
  EXPECT_EQ(w.cpu(kVictim).view(), w.coordinator().view());
}

// What `cpu` is told when it attaches, while CPU 0 is there and 2 and 3 are
// not.
CoordinatorEffects Introductions(std::uint64_t view_number) {
  Coordinator coordinator(Preset("belfry"), 4);
  CoordinatorEffects out;
  coordinator.Step(Attached{{0}, {.incarnation = {7}}}, out);
  out.clear();
  coordinator.Step(
      Attached{{1}, {.incarnation = {8}, .view_number = view_number}}, out);
  return out;
}

template <typename Message>
std::vector<std::uint32_t> About(const CoordinatorEffects& effects,
                                 std::uint32_t told) {
  std::vector<std::uint32_t> cpus;
  for (const CoordinatorEffect& effect : effects) {
    const auto* tell = std::get_if<TellCpu>(&effect);
    if (tell == nullptr || tell->cpu.value != told) continue;
    const auto* message = std::get_if<Message>(&tell->message);
    if (message != nullptr) cpus.push_back(message->cpu.value);
  }
  return cpus;
}

// One that comes back may have missed that another died.
TEST(IntroductionTest, WhoHasNoViewHearsOnlyOfThoseWhoAreThere) {
  EXPECT_THAT(About<PeerIs>(Introductions(0), 1), ElementsAre(0));
  EXPECT_THAT(About<PeerIs>(Introductions(0), 0), ElementsAre(1));
  EXPECT_THAT(About<PeerGone>(Introductions(0), 1), IsEmpty());
  EXPECT_THAT(About<PeerGone>(Introductions(5), 1), ElementsAre(2, 3));
}

// ---- Refusals.

struct RefusalCase {
  std::string preset;
  Request request;
  Errno error;
  bool unchanged = false;
};

TEST(RefusalTest, AsTheKernelAnswers) {
  const auto up = [](std::uint32_t cpu, std::optional<CpuId> control = {}) {
    return Request{
        .kind = OpKind::kOnline, .cpu = CpuId{cpu}, .control = control};
  };
  const auto down = [](std::uint32_t cpu, std::optional<CpuId> control = {}) {
    return Request{
        .kind = OpKind::kOffline, .cpu = CpuId{cpu}, .control = control};
  };
  const RefusalCase cases[] = {
      {"belfry", up(9), Errno::kEinval},
      {"belfry", down(9), Errno::kEinval},
      {"linux-3.0", up(1), Errno::kEinval},
      {"linux-3.16", up(1), Errno::kOk, true},
      {"belfry", up(1), Errno::kOk, true},
      {"linux-3.0", down(2), Errno::kEinval},
      {"linux-3.16", down(2), Errno::kOk, true},
      {"belfry", up(3), Errno::kEinval},  // it has no process
      // A wrong control CPU is told also where it would have nothing to do.
      {"belfry", up(1, CpuId{9}), Errno::kEinval},
      {"belfry", up(1, CpuId{1}), Errno::kEinval},
      {"belfry", down(2, CpuId{2}), Errno::kEinval},
      {"belfry", up(2, CpuId{2}), Errno::kEinval},
      {"belfry", up(2, CpuId{3}), Errno::kEinval},
      {"belfry", down(1, CpuId{1}), Errno::kEinval},
      {"belfry", down(1, CpuId{2}), Errno::kEinval},
      {"belfry", {.kind = OpKind::kStop, .active = {0, 2}}, Errno::kEinval},
  };
  for (const RefusalCase& c : cases) {
    // CPUs 0 and 1 are online, 2 is parked, 3 has no process.
    World w = Booted(c.preset);
    w.Crash(3);
    End(w, w.Offline(2));
    const View before = w.coordinator().view();
    const Operation& op = End(w, w.Ask(c.request));
    SCOPED_TRACE(absl::StrCat(c.preset, " ", OpKindName(c.request.kind), " ",
                              c.request.cpu.value, ": ", op.message));
    EXPECT_EQ(op.error, c.error);
    EXPECT_EQ(op.unchanged, c.unchanged);
    EXPECT_FALSE(op.message.empty());
    EXPECT_EQ(w.coordinator().view(), before);
    ExpectAtRest(w);
  }
}

TEST(RefusalTest, TheLastOnlineCpuStays) {
  World w = Booted();
  for (std::uint32_t cpu : {1U, 2U, 3U}) {
    EXPECT_EQ(End(w, w.Offline(cpu)).error, Errno::kOk);
  }
  EXPECT_EQ(End(w, w.Offline(0)).error, Errno::kEbusy);
  ExpectAtRest(w);
}

TEST(RefusalTest, OneMoreThanMayWait) {
  World w = Booted();
  w.Hold(kCoordinator, "journal:ap");
  const OpId holder = w.Offline(kVictim);
  w.Run();
  for (std::size_t i = 0; i < Coordinator::kQueuedMax; ++i) w.Online(1);
  EXPECT_EQ(End(w, w.Online(1)).error, Errno::kEbusy);
  w.Release(kCoordinator, "journal:ap");
  EXPECT_EQ(End(w, holder).error, Errno::kOk);
  ExpectAtRest(w);
}

// control_cpu=worker: whoever asks for an offline, the victim too, the lowest
// other online CPU runs its control steps. An online is the asker's.
TEST(ControlTest, AWorkerRunsTheControlStepsOfAnOffline) {
  World w = Booted("linux-6.12");
  const auto ask = [&](OpKind kind, std::uint32_t asker) {
    return End(
        w,
        w.Ask({.kind = kind, .cpu = CpuId{kVictim}, .control = CpuId{asker}}));
  };
  const Operation down = ask(OpKind::kOffline, kVictim);
  EXPECT_EQ(down.error, Errno::kOk) << down.message;
  EXPECT_EQ(down.control, CpuId{0});
  const Operation up = ask(OpKind::kOnline, 2);
  EXPECT_EQ(up.error, Errno::kOk) << up.message;
  EXPECT_EQ(up.control, CpuId{2});
  ExpectAtRest(w);
}

// ---- Failing steps.

TEST(RollbackTest, EveryStepThatMayFailIsRolledBackBothWays) {
  for (absl::string_view preset : {"linux-3.0+flush", "linux-6.12", "belfry"}) {
    const CpuhpTable table(Preset(preset).steps);
    for (const CpuhpStep& step : table.steps()) {
      for (bool up : {true, false}) {
        SCOPED_TRACE(
            absl::StrCat(preset, " ", step.name, up ? " up" : " down"));
        World w = Booted(preset);
        if (up) End(w, w.Offline(kVictim));
        const bool runs =
            (up ? step.startup : step.teardown) != StepAction::kNone &&
            (up || step.state > table.bringup());
        const Errno allowed =
            w.coordinator().SetFail(CpuId{kVictim}, step.state);
        if (allowed != Errno::kOk || !runs) continue;
        const auto ask = [&] {
          return up ? w.Online(kVictim) : w.Offline(kVictim);
        };
        const Operation& op = End(w, ask());
        EXPECT_EQ(op.error, Errno::kEagain);
        EXPECT_EQ(op.failed_step, step.state);
        EXPECT_EQ(w.coordinator().cpus().at(CpuId{kVictim}).state,
                  up ? 0 : table.online());
        EXPECT_EQ(w.coordinator().view().online.Has({kVictim}), !up);
        // Once: the next time it goes.
        EXPECT_EQ(End(w, ask()).error, Errno::kOk);
        ExpectAtRest(w);
      }
    }
  }
}

TEST(RollbackTest, FailWrittenForStepsThatMustNotFail) {
  World w = Booted();
  EXPECT_EQ(w.coordinator().SetFail(CpuId{1}, 3), Errno::kEinval);
  EXPECT_EQ(w.coordinator().SetFail(CpuId{1}, 1), Errno::kEinval);
  EXPECT_EQ(w.coordinator().SetFail(CpuId{9}, 5), Errno::kEinval);
  EXPECT_EQ(w.coordinator().SetFail(CpuId{1}, 5), Errno::kOk);
  EXPECT_EQ(w.coordinator().SetFail(CpuId{1}, kCpuhpInvalid), Errno::kOk);
  EXPECT_EQ(End(w, w.Offline(1)).error, Errno::kOk);
}

// ---- Cancel.

TEST(CancelTest, AQueuedOperationNeverBegins) {
  World w = Booted();
  w.Hold(kCoordinator, "journal:ap");
  w.Offline(kVictim);
  const OpId queued = w.Offline(2);
  w.Run();
  w.TellCoordinator(CancelOp{queued});
  EXPECT_EQ(End(w, queued).error, Errno::kEcanceled);
  w.Release(kCoordinator, "journal:ap");
  ExpectAtRest(w);
  EXPECT_TRUE(w.coordinator().view().online.Has({2}));
}

TEST(CancelTest, ARoundUntilRunIsOut) {
  for (std::string state :
       {"PREPARE", "DISABLE_IRQ", "RUN", "CONFIRM", "EXIT"}) {
    SCOPED_TRACE(state);
    World w = Booted();
    w.Hold(kCoordinator, "publish:" + state);
    const OpId down = w.Offline(kVictim);
    w.Run();
    w.TellCoordinator(CancelOp{down});
    w.Run();
    w.Release(kCoordinator, "publish:" + state);
    EXPECT_EQ(End(w, down).error, Errno::kEcanceled);
    // After RUN it is too late for the round; the way back goes all the way.
    EXPECT_TRUE(w.coordinator().view().online.Has({kVictim}));
    ExpectAtRest(w);
    ExpectCycle(w, kVictim);
  }
}

TEST(CancelTest, AWalkWhenItsStepReturns) {
  World w = Booted();
  End(w, w.Offline(kVictim));
  w.Hold(0, "step:6");
  const OpId up = w.Online(kVictim);
  w.Run();
  w.TellCoordinator(CancelOp{up});
  w.Run();
  EXPECT_TRUE(w.ended_ops().find(up) == w.ended_ops().end());
  w.Release(0, "step:6");
  EXPECT_EQ(End(w, up).error, Errno::kEcanceled);
  EXPECT_FALSE(w.coordinator().view().online.Has({kVictim}));
  ExpectAtRest(w);
}

// ---- stop_machine with a function.

TEST(StopMachineTest, RunsWhereItIsAskedTo) {
  for (const CpuMask& active : {CpuMask{}, CpuMask{2}, CpuMask{0, 1, 2, 3}}) {
    World w = Booted();
    const Operation& op =
        End(w, w.Ask({.kind = OpKind::kStop, .active = active, .func = "nop"}));
    EXPECT_EQ(op.error, Errno::kOk);
    EXPECT_EQ(op.active, active.empty() ? CpuMask{0} : active);
    ExpectAtRest(w);
  }
}

// ---- Processes that die.

TEST(DeathTest, AParticipantInEveryStateOfTheRound) {
  for (std::string state :
       {"PREPARE", "DISABLE_IRQ", "RUN", "CONFIRM", "EXIT"}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      SCOPED_TRACE(absl::StrCat(state, " seed ", seed));
      World w = Booted("belfry", seed);
      w.Hold(kCoordinator, "publish:" + state);
      const OpId down = w.Offline(kVictim);
      w.Run();
      w.Crash(2);
      w.Run();
      w.Release(kCoordinator, "publish:" + state);
      const Operation& op = End(w, down);
      // Who has died cannot confirm; what is committed goes on.
      const bool aborted = state != "EXIT";
      EXPECT_EQ(op.error, aborted ? Errno::kEownerdead : Errno::kOk);
      EXPECT_EQ(w.coordinator().view().online,
                aborted ? (CpuMask{0, 1, 3}) : (CpuMask{0, 1}));
      ExpectCycle(w, 2);
    }
  }
}

TEST(DeathTest, TheControlCpuInAWalkAndBetweenThem) {
  for (std::string gate : {"journal:ap", "journal:takedown", "journal:dead"}) {
    SCOPED_TRACE(gate);
    World w = Booted();
    w.Hold(kCoordinator, gate);
    const OpId down = w.Offline(kVictim);
    w.Run();
    w.Crash(0);
    w.Run();
    w.Release(kCoordinator, gate);
    const Operation& op = End(w, down);
    EXPECT_EQ(op.error, Errno::kOk) << op.message;
    EXPECT_EQ(op.control, CpuId{1});
    ExpectCycle(w, 0);
  }
  for (std::string gate : {"step:6", "step:1"}) {
    SCOPED_TRACE(gate);
    World w = Booted();
    w.Hold(0, gate);
    const OpId down = w.Offline(kVictim);
    w.Run();
    w.Crash(0);
    EXPECT_EQ(End(w, down).error, Errno::kOk);
    EXPECT_EQ(End(w, down).control, CpuId{1});
    ExpectCycle(w, 0);
  }
}

struct LegCase {
  bool up;
  Leg leg;
};

constexpr LegCase kLegs[] = {
    {true, Leg::kPrepare},   {true, Leg::kBringup}, {true, Leg::kOnline},
    {true, Leg::kAp},        {true, Leg::kDone},    {false, Leg::kAp},
    {false, Leg::kTakedown}, {false, Leg::kRun},    {false, Leg::kCommit},
    {false, Leg::kDead},     {false, Leg::kDone},
};

std::string GateOfLeg(Leg leg) {
  return leg == Leg::kCommit ? "commit"
                             : absl::StrCat("journal:", LegName(leg));
}

TEST(DeathTest, TheTargetInEveryLeg) {
  for (const LegCase& c : kLegs) {
    for (bool back_at_once : {false, true}) {
      SCOPED_TRACE(absl::StrCat(c.up ? "online " : "offline ", LegName(c.leg)));
      World w = Booted();
      if (c.up) End(w, w.Offline(kVictim));
      w.Hold(kCoordinator, GateOfLeg(c.leg));
      const OpId id = c.up ? w.Online(kVictim) : w.Offline(kVictim);
      w.Run();
      w.Crash(kVictim);
      if (back_at_once) w.Restart(kVictim);
      w.Run();
      w.Release(kCoordinator, GateOfLeg(c.leg));
      const Operation& op = End(w, id);
      const bool decided = c.leg >= Leg::kCommit;
      EXPECT_EQ(op.error, decided ? Errno::kOk : Errno::kEownerdead)
          << op.message;
      EXPECT_FALSE(w.coordinator().view().online.Has({kVictim}));
      ExpectCycle(w, kVictim);
    }
  }
}

// ---- A coordinator that dies. Whatever the journal has then, the operation
// finishes or rolls back, and all agree.

TEST(RecoveryTest, AtEveryJournalRecord) {
  for (const LegCase& c : kLegs) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      SCOPED_TRACE(absl::StrCat(c.up ? "online " : "offline ", LegName(c.leg),
                                " seed ", seed));
      World w = Booted("belfry", seed);
      if (c.up) End(w, w.Offline(kVictim));
      w.Hold(kCoordinator, GateOfLeg(c.leg));
      c.up ? w.Online(kVictim) : w.Offline(kVictim);
      w.Run();
      w.CrashCoordinator();
      w.Release(kCoordinator, GateOfLeg(c.leg));
      for (std::uint32_t cpu : {0U, 1U, 2U}) w.Call(cpu, kVictim, true);
      w.Run();
      w.RestartCoordinator();
      ExpectAtRest(w);
      ExpectCycle(w, kVictim);
      if (HasFailure()) return;
    }
  }
}

TEST(RecoveryTest, InEveryStateOfARound) {
  for (bool takedown : {true, false}) {
    for (std::string state :
         {"PREPARE", "DISABLE_IRQ", "RUN", "CONFIRM", "EXIT"}) {
      for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        SCOPED_TRACE(absl::StrCat(state, " seed ", seed));
        World w = Booted("belfry", seed);
        w.Hold(kCoordinator, "publish:" + state);
        takedown ? w.Offline(kVictim)
                 : w.Ask({.kind = OpKind::kStop, .active = {1, 2}});
        w.Run();
        w.CrashCoordinator();
        w.Release(kCoordinator, "publish:" + state);
        w.Run();
        w.RestartCoordinator();
        ExpectAtRest(w);
        // What is committed is finished, all else is taken back.
        EXPECT_EQ(w.coordinator().view().online.Has({kVictim}),
                  !takedown || state != "EXIT");
        ExpectCycle(w, kVictim);
        if (HasFailure()) return;
      }
    }
  }
}

// Its answer is lost with the coordinator that asked for it: the round ends
// when the function has, and in ABORT.
TEST(RecoveryTest, AFunctionThatRunsIsWaitedFor) {
  World w = Booted();
  w.Hold(1, "run");
  const OpId stop =
      w.Ask({.kind = OpKind::kStop, .active = {1}, .func = "spin"});
  w.Run();
  ASSERT_TRUE(w.IsHeldAt(1, "run"));
  w.CrashCoordinator();
  w.RestartCoordinator();
  w.Run();
  EXPECT_FALSE(w.ended_ops().contains(stop));
  EXPECT_TRUE(w.cpu(0).irqs_masked());
  w.Release(1, "run");
  EXPECT_EQ(End(w, stop).error, Errno::kEcanceled);
  ExpectAtRest(w);
}

// Found by the simulator: the CPU that takes a dead one's steps over is still
// at them when the coordinator dies as well. The one that comes back asks for
// the walk by its number, which must be that of the walk under way.
TEST(RecoveryTest, AWalkThatWasTakenOver) {
  for (const bool up : {true, false}) {
    for (std::string gate : {"step:6", "step:1"}) {
      for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        SCOPED_TRACE(
            absl::StrCat(up ? "online " : "offline ", gate, " seed ", seed));
        World w = Booted("belfry", seed);
        if (up) End(w, w.Offline(kVictim));
        for (std::uint32_t cpu : {0U, 1U}) w.Hold(cpu, gate);
        up ? w.Online(kVictim) : w.Offline(kVictim);
        w.Run();
        w.Crash(0);
        w.Run();
        ASSERT_TRUE(w.IsHeldAt(1, gate));
        w.CrashCoordinator();
        w.RestartCoordinator();
        w.Run();
        w.PassTime();
        w.Run();
        w.Release(1, gate);
        ExpectAtRest(w);
        EXPECT_EQ(w.coordinator().view().online.Has({kVictim}), up);
        ExpectCycle(w, kVictim);
        if (HasFailure()) return;
      }
    }
  }
}

TEST(RecoveryTest, AVictimThatDiesMeanwhile) {
  for (const LegCase& c : kLegs) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      SCOPED_TRACE(absl::StrCat(c.up ? "online " : "offline ", LegName(c.leg),
                                " seed ", seed));
      World w = Booted("belfry", seed);
      if (c.up) End(w, w.Offline(kVictim));
      w.Hold(kCoordinator, GateOfLeg(c.leg));
      c.up ? w.Online(kVictim) : w.Offline(kVictim);
      w.Run();
      w.CrashCoordinator();
      w.Release(kCoordinator, GateOfLeg(c.leg));
      w.Crash(kVictim);
      if (seed % 2 == 0) w.Restart(kVictim);
      w.RestartCoordinator();
      ExpectAtRest(w);
      EXPECT_FALSE(w.coordinator().view().online.Has({kVictim}));
      ExpectCycle(w, kVictim);
      if (HasFailure()) return;
    }
  }
}

// Its death was known, and another process has its number when the coordinator
// comes back.
TEST(RecoveryTest, AVictimThatDiedBefore) {
  for (const LegCase& c : kLegs) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      SCOPED_TRACE(absl::StrCat(c.up ? "online " : "offline ", LegName(c.leg),
                                " seed ", seed));
      World w = Booted("belfry", seed);
      if (c.up) End(w, w.Offline(kVictim));
      for (const std::string& gate :
           {GateOfLeg(c.leg), GateOfLeg(Leg::kAbort)}) {
        w.Hold(kCoordinator, gate);
      }
      c.up ? w.Online(kVictim) : w.Offline(kVictim);
      w.Run();
      w.Crash(kVictim);
      w.Run();
      w.CrashCoordinator();
      for (const std::string& gate :
           {GateOfLeg(c.leg), GateOfLeg(Leg::kAbort)}) {
        w.Release(kCoordinator, gate);
      }
      w.Restart(kVictim);
      w.RestartCoordinator();
      ExpectAtRest(w);
      // A CPU that was to come up may: its new process is as good.
      if (!c.up) {
        EXPECT_FALSE(w.coordinator().view().online.Has({kVictim}));
      }
      ExpectCycle(w, kVictim);
      if (HasFailure()) return;
    }
  }
}

TEST(RecoveryTest, NobodyComesBack) {
  World w = Booted();
  w.CrashCoordinator();
  for (std::uint32_t cpu : {0U, 1U, 2U, 3U}) w.Crash(cpu);
  w.RestartCoordinator();
  w.Settle();
  EXPECT_TRUE(w.coordinator().view().online.empty());
  for (std::uint32_t cpu : {0U, 1U, 2U, 3U}) w.Restart(cpu);
  w.Settle();
  EXPECT_EQ(w.coordinator().view().online, CpuMask{0});
  ExpectCycle(w, 1);
}

}  // namespace
}  // namespace belfry::kernel
