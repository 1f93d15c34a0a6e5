// Operations through a whole machine, whose processes die under them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "kernel/coordinator.h"
#include "tests/kernel/whole_machine.h"

namespace belfry::kernel {
namespace {

using testing::World;

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
