#include "kernel/hotplug_lock.h"

namespace belfry::kernel {

bool HotplugLock::Put() {
  if (writer_ == Writer::kAboutToSleep && wakeup_ == LockWakeup::kPutsPending) {
    // mutex_trylock() fails.
    ++puts_pending_;
    return false;
  }
  --readers_;
  // Who is about to sleep looks again before it does.
  return readers_ == 0 && writer_ == Writer::kAsleep && Begin();
}

bool HotplugLock::Begin() {
  readers_ -= std::exchange(puts_pending_, 0);
  writer_ = readers_ == 0 ? Writer::kHas : Writer::kAboutToSleep;
  return writer_ == Writer::kHas;
}

bool HotplugLock::Sleep() {
  if (writer_ != Writer::kAboutToSleep) return false;
  // A wait queue looks once more when the sleeper is on it; a writer that
  // relies on being woken does not.
  if (wakeup_ == LockWakeup::kAlways && Begin()) return true;
  writer_ = Writer::kAsleep;
  return false;
}

}  // namespace belfry::kernel
