// The lock that keeps CPUs from coming and going: many readers, or the
// operation that has it for writing. cpu_hotplug of kernel/cpu.c, Linux 3.18: a
// count of readers, and a writer that looks at it and sleeps until it is 0.
#ifndef BELFRY_KERNEL_HOTPLUG_LOCK_H_
#define BELFRY_KERNEL_HOTPLUG_LOCK_H_

#include <cstdint>
#include <utility>

#include "kernel/profile.h"

namespace belfry::kernel {

// A value. Who waits for it as a reader is its owner's business.
class HotplugLock {
 public:
  explicit HotplugLock(LockWakeup wakeup) : wakeup_(wakeup) {}

  // A reader may have it: nobody writes, or the writer sleeps.
  bool CanGet() const {
    return writer_ == Writer::kNone || writer_ == Writer::kAsleep;
  }
  void Get() { ++readers_; }
  // True when the writer has the lock by this.
  bool Put();

  // cpu_hotplug_begin(): the writer looks. True when it has the lock; else it
  // must Sleep() next.
  bool Begin();
  // True when it has the lock after all.
  bool Sleep();
  // cpu_hotplug_done(), also of a writer that gives up.
  void Done() { writer_ = Writer::kNone; }

  // What the lock counts, those among them that have let go, and whether the
  // writer sleeps until it is woken.
  std::uint32_t readers() const { return readers_; }
  std::uint32_t puts_pending() const { return puts_pending_; }
  bool writer_sleeps() const { return writer_ == Writer::kAsleep; }

  friend bool operator==(const HotplugLock&, const HotplugLock&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const HotplugLock& l) {
    return H::combine(std::move(h), l.readers_, l.puts_pending_, l.writer_);
  }

 private:
  // Between its look at the count and its sleep the writer is about to sleep:
  // it holds the mutex, so that no reader can have it to wake it.
  enum class Writer : std::uint8_t { kNone, kAboutToSleep, kAsleep, kHas };

  LockWakeup wakeup_;
  std::uint32_t readers_ = 0;
  std::uint32_t puts_pending_ = 0;
  Writer writer_ = Writer::kNone;
};

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_HOTPLUG_LOCK_H_
