// The states that a breadth-first search has met, by fingerprint, and how each
// is reached: the shortest way, and of those of one length always the same one,
// whichever thread came first.
#ifndef BELFRY_LAB_VISITED_H_
#define BELFRY_LAB_VISITED_H_

#include <array>
#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace belfry::lab {

// Thread-safe.
class Visited {
 public:
  using Fingerprint = std::uint64_t;

  // How a state is reached. The least is the one that is kept.
  struct Way {
    // From the start.
    std::uint32_t moves = 0;
    // Of the choice that was made in the state before it: of ways of one length
    // the schedule is one of early choices.
    std::uint32_t rank = 0;
    // The state before it.
    Fingerprint parent = 0;

    friend auto operator<=>(const Way&, const Way&) = default;
  };

  enum class Meeting : std::uint8_t {
    kNew,
    // By a way that has fewer moves than any before.
    kShorter,
    kKnown,
    // It would be new, and there is no room.
    kNoRoom,
  };

  // `room`: states that may be kept.
  explicit Visited(std::size_t room) : room_(room) {}

  Meeting Meet(Fingerprint state, const Way& way);
  // No more states are kept from now on.
  void Close() { room_.store(0, std::memory_order_relaxed); }

  // Of a state that was met.
  Way WayTo(Fingerprint state);

  std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  std::size_t bytes() const {
    return slots_.load(std::memory_order_relaxed) * kBytesPerSlot;
  }
  // With its one byte of control.
  static constexpr std::size_t kBytesPerSlot =
      sizeof(std::pair<const Fingerprint, Way>) + 1;

 private:
  struct Shard {
    // Guards what is below.
    std::mutex mutex;
    absl::flat_hash_map<Fingerprint, Way> ways;
  };

  Shard& ShardOf(Fingerprint state) { return shards_[state >> 56]; }

  std::array<Shard, 256> shards_;
  std::atomic<std::size_t> room_;
  std::atomic<std::size_t> size_ = 0;
  // Of all tables, empty ones too.
  std::atomic<std::size_t> slots_ = 0;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_VISITED_H_
