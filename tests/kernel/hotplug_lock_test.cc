#include "kernel/hotplug_lock.h"

#include <gtest/gtest.h>

#include <string>

namespace belfry::kernel {
namespace {

// What happens to the lock, a letter each: g(et), p(ut), b(egin), s(leep),
// d(one). In capitals: by this the writer has the lock.
struct LockCase {
  LockWakeup wakeup;
  std::string story;
  bool sleeps;
  std::uint32_t readers;
  std::uint32_t pending;
};

TEST(HotplugLockTest, WriterAndReaders) {
  constexpr LockWakeup kAlways = LockWakeup::kAlways;
  constexpr LockWakeup kPending = LockWakeup::kPutsPending;
  const LockCase cases[] = {
      // Nobody reads.
      {kAlways, "B", false, 0, 0},
      {kPending, "B", false, 0, 0},
      {kPending, "gpB", false, 0, 0},
      // The last reader lets go when the writer sleeps.
      {kAlways, "gbsP", false, 0, 0},
      {kPending, "gbsP", false, 0, 0},
      {kPending, "ggbspP", false, 0, 0},
      // It lets go when the writer is about to sleep.
      {kAlways, "gbpS", false, 0, 0},
      {kPending, "gbps", true, 1, 1},
      // One did, and the last does not know of it.
      {kAlways, "ggbpsP", false, 0, 0},
      {kPending, "ggbpsp", true, 1, 1},
      // Who comes while the writer sleeps is before it. The next to let go last
      // may wake it, if no note is left.
      {kPending, "gbsgpP", false, 0, 0},
      {kPending, "gbpsgp", true, 1, 1},
      // A writer that gives up leaves the notes to the next.
      {kPending, "gbpsdB", false, 0, 0},
      {kAlways, "gbpSdgbsP", false, 0, 0},
  };
  for (const LockCase& c : cases) {
    SCOPED_TRACE(c.story);
    HotplugLock lock(c.wakeup);
    std::string told;
    for (const char letter : c.story) {
      const char what = static_cast<char>(letter | 0x20);
      bool has_it = false;
      if (what == 'g') {
        EXPECT_TRUE(lock.CanGet());
        lock.Get();
      } else if (what == 'd') {
        lock.Done();
      } else {
        has_it = what == 'p'   ? lock.Put()
                 : what == 'b' ? lock.Begin()
                               : lock.Sleep();
      }
      told += has_it ? static_cast<char>(what & ~0x20) : what;
    }
    EXPECT_EQ(told, c.story);
    EXPECT_EQ(lock.writer_sleeps(), c.sleeps);
    EXPECT_EQ(lock.readers(), c.readers);
    EXPECT_EQ(lock.puts_pending(), c.pending);
  }
}

TEST(HotplugLockTest, NoReaderComesWhileSomebodyWritesOrLooks) {
  HotplugLock lock(LockWakeup::kAlways);
  EXPECT_TRUE(lock.CanGet());
  lock.Get();
  lock.Begin();
  EXPECT_FALSE(lock.CanGet());
  lock.Sleep();
  EXPECT_TRUE(lock.CanGet());
  lock.Put();
  EXPECT_FALSE(lock.CanGet());
  lock.Done();
  EXPECT_TRUE(lock.CanGet());
}

}  // namespace
}  // namespace belfry::kernel
