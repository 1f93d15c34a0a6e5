// Remembers what the delivery of a message does: the machines of kernel/ are
// values without a clock or chance, so the same message to the same machine
// does the same. A search over interleavings meets few states of each machine,
// and each of them very often.
#ifndef BELFRY_LAB_STEP_CACHE_H_
#define BELFRY_LAB_STEP_CACHE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "lab/fingerprint.h"
#include "lab/shared.h"
#include "lab/world.h"

namespace belfry::lab {

// All steps that the threads of a search have met. Thread-safe. Worlds that
// were moved with its help borrow from it: it outlives them.
class StepStore {
 public:
  // With happenings these are remembered, which take memory. The renamings are
  // those by which the search asks for fingerprints; they outlive it.
  explicit StepStore(bool with_happenings = false,
                     std::span<const Renaming> renamings = {})
      : with_happenings_(with_happenings), renamings_(renamings) {}

  bool with_happenings() const { return with_happenings_; }
  // The step of that key; made when nobody has met it yet. Good for ever.
  const World::Step& Get(const Digest& key,
                         absl::FunctionRef<World::Step()> make);

  // Steps that it remembers, and about what they take.
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  // One of each value, whatever number of steps lead to it.
  template <typename T>
  class Pool {
   public:
    // The borrower of the one, and whether it is new.
    std::pair<Shared<T>, bool> Find(const Shared<T>& value,
                                    std::span<const Renaming> renamings) {
      if (!value) return {};
      const std::lock_guard lock(mutex_);
      const auto [found, added] =
          values_.try_emplace(value.fingerprint(), value);
      // Asked for before others may ask at the same time.
      if (added && !renamings.empty()) (void)value.fingerprint(renamings, 0);
      return {found->second.Borrowed(), added};
    }

   private:
    // Guards what is below.
    std::mutex mutex_;
    absl::flat_hash_map<Digest, Shared<T>> values_;
  };
  struct Shard {
    // Guards what is below.
    std::mutex mutex;
    absl::flat_hash_map<Digest, std::unique_ptr<const World::Step>> steps;
  };

  void Pooled(World::Step* step);

  const bool with_happenings_;
  const std::span<const Renaming> renamings_;
  std::array<Shard, 64> shards_;
  Pool<kernel::Cpu> cpus_;
  Pool<kernel::Coordinator> coordinators_;
  Pool<World::Surroundings> surroundings_;
  Pool<Message> messages_;
  std::atomic<std::size_t> size_ = 0;
  std::atomic<std::size_t> bytes_ = 0;
};

// One thread's way to the store: what it has met before it finds without a
// lock. Not thread-safe.
class StepCache {
 public:
  explicit StepCache(StepStore* store) : store_(store) {}

  bool with_happenings() const { return store_->with_happenings(); }
  const World::Step& Get(const Digest& key,
                         absl::FunctionRef<World::Step()> make) {
    const auto [found, added] = steps_.try_emplace(key, nullptr);
    if (added) found->second = &store_->Get(key, make);
    return *found->second;
  }

 private:
  StepStore* store_;
  absl::flat_hash_map<Digest, const World::Step*> steps_;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_STEP_CACHE_H_
