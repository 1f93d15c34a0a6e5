// Whole machines that a CPU leaves: readers of the hotplug lock, and a death
// that is announced too early, with links and processes that break meanwhile.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "kernel/coordinator.h"
#include "tests/support/at_rest.h"
#include "tests/support/world.h"

namespace belfry::kernel {
namespace {

using testing::Unrest;
using testing::World;

constexpr std::uint32_t kReader = 1;
constexpr std::uint32_t kLeaver = 3;

World Start(Profile profile, std::uint64_t seed = 1) {
  World w({.profile = std::move(profile), .seed = seed});
  w.BootAll();
  return w;
}

Profile Rules(LockWakeup wakeup) {
  Profile profile = PresetByName("belfry").value();
  profile.lock_wakeup = wakeup;
  return profile;
}

Profile Rules(DeathReport report) {
  Profile profile = PresetByName("belfry").value();
  profile.death_report = report;
  return profile;
}

bool HasEnded(const World& w, OpId id, Errno error = Errno::kOk) {
  const auto op = w.ended_ops().find(id);
  return op != w.ended_ops().end() && op->second.error == error;
}

// A reader, and an operation that waits for it.
OpId BlockOffline(World& w) {
  w.Tell(kReader, ReadLock{});
  w.Run();
  EXPECT_EQ(w.cpu(kReader).readers(), 1U);
  const OpId id = w.Offline(kLeaver);
  w.Run();
  EXPECT_FALSE(w.ended_ops().contains(id));
  return id;
}

void ExpectRest(World& w) {
  w.Settle();
  w.Judge(true);
  EXPECT_EQ(Unrest(w), "") << w.trace();
  EXPECT_EQ(w.coordinator().lock().readers(), 0U);
  EXPECT_FALSE(w.coordinator().lock().writer_sleeps());
}

TEST(ReadersTest, AnOperationWaitsForThemAndTheyForIt) {
  for (const LockWakeup wakeup :
       {LockWakeup::kAlways, LockWakeup::kPutsPending}) {
    World w = Start(Rules(wakeup));
    const OpId id = BlockOffline(w);
    EXPECT_EQ(w.coordinator().awaits(), "readers");
    w.Tell(kReader, ReadUnlock{});
    w.Hold(World::kCoordinator, "commit");
    w.Run();
    // The operation has it now.
    w.Tell(kReader, ReadLock{});
    w.Run();
    EXPECT_EQ(w.cpu(kReader).readers(), 0U);
    w.Release(World::kCoordinator, "commit");
    w.Run();
    EXPECT_TRUE(HasEnded(w, id));
    EXPECT_EQ(w.cpu(kReader).readers(), 1U);
    w.Tell(kReader, ReadUnlock{});
    ExpectRest(w);
  }
}

TEST(ReadersTest, OneThatDiesLetsGo) {
  World w = Start(Rules(LockWakeup::kAlways));
  const OpId id = BlockOffline(w);
  w.Crash(kReader);
  w.Run();
  EXPECT_TRUE(HasEnded(w, id));
  ExpectRest(w);
}

TEST(ReadersTest, ABrokenLinkLosesNeitherLockNorWakeUp) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    World w = Start(Rules(LockWakeup::kAlways), seed);
    const OpId id = BlockOffline(w);
    w.BreakControl(kReader);
    w.Run();
    EXPECT_FALSE(w.ended_ops().contains(id));
    w.Tell(kReader, ReadUnlock{});
    w.Step();
    w.BreakControl(kReader);
    w.Run();
    EXPECT_TRUE(HasEnded(w, id));
    ExpectRest(w);
  }
}

TEST(ReadersTest, ANewCoordinatorHearsOfThem) {
  World w = Start(Rules(LockWakeup::kAlways));
  const OpId id = BlockOffline(w);
  w.CrashCoordinator();
  // It had no more than a place in the queue.
  EXPECT_TRUE(w.ended_ops().contains(id));
  w.RestartCoordinator();
  w.Run();
  EXPECT_EQ(w.coordinator().lock().readers(), 1U);
  w.Tell(kReader, ReadUnlock{});
  const OpId again = w.Offline(kLeaver);
  w.Run();
  EXPECT_TRUE(HasEnded(w, again));
  ExpectRest(w);
}

TEST(ReadersTest, AnOperationThatWaitsCanBeCancelled) {
  for (const LockWakeup wakeup :
       {LockWakeup::kAlways, LockWakeup::kPutsPending}) {
    World w = Start(Rules(wakeup));
    w.Hold(World::kCoordinator, "lock_sleep");
    const OpId id = BlockOffline(w);
    w.Tell(kReader, ReadUnlock{});
    w.Run();
    w.Release(World::kCoordinator, "lock_sleep");
    w.Run();
    const bool lost = wakeup == LockWakeup::kPutsPending;
    EXPECT_EQ(HasEnded(w, id), !lost);
    if (lost) {
      w.TellCoordinator(CancelOp{id});
      w.Run();
      EXPECT_TRUE(HasEnded(w, id, Errno::kEcanceled));
      // The next writer counts the note off.
      const OpId next = w.Offline(kLeaver);
      w.Run();
      EXPECT_TRUE(HasEnded(w, next));
    }
    ExpectRest(w);
  }
}

// ---- A death that is announced.

TEST(DepartureTest, AnnouncedFirstItHangsOnlyIfSwitchedOffBeforeTheReport) {
  int hung = 0;
  int ended = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE(seed);
    World w = Start(Rules(DeathReport::kAnnounceFirst), seed);
    const OpId id = w.Offline(kLeaver);
    w.Run();
    const bool owed = w.cpu(kLeaver).report_owed();
    EXPECT_EQ(HasEnded(w, id), !owed) << w.trace();
    EXPECT_EQ(w.coordinator().awaits(), owed ? "grace_period" : "");
    ++(owed ? hung : ended);
  }
  EXPECT_GT(hung, 0);
  EXPECT_GT(ended, 0);
}

TEST(DepartureTest, ABrokenLinkDoesNotStandInForTheReport) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    World w = Start(Rules(DeathReport::kAnnounceFirst), seed);
    w.Hold(kLeaver, "report_dead");
    const OpId id = w.Offline(kLeaver);
    w.RunUntil([&] { return w.IsHeldAt(kLeaver, "report_dead"); });
    w.BreakControl(kLeaver);
    w.Run();
    EXPECT_EQ(w.coordinator().awaits(), "grace_period");
    EXPECT_EQ(w.cpu(kLeaver).life(), Life::kDead);
    w.BreakControl(kLeaver);
    w.Release(kLeaver, "report_dead");
    w.Run();
    EXPECT_FALSE(w.ended_ops().contains(id));
    // Nobody counts a process that is gone.
    w.Crash(kLeaver);
    w.Run();
    EXPECT_TRUE(w.ended_ops().contains(id));
    ExpectRest(w);
  }
}

}  // namespace
}  // namespace belfry::kernel
