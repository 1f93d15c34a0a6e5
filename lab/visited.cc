#include "lab/visited.h"

namespace belfry::lab {

Visited::Meeting Visited::Meet(Fingerprint state, const Way& way) {
  Shard& shard = ShardOf(state);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.ways.find(state);
  if (found != shard.ways.end()) {
    const bool shorter = way.moves < found->second.moves;
    if (way < found->second) found->second = way;
    return shorter ? Meeting::kShorter : Meeting::kKnown;
  }
  if (size_.fetch_add(1, std::memory_order_relaxed) >=
      room_.load(std::memory_order_relaxed)) {
    size_.fetch_sub(1, std::memory_order_relaxed);
    return Meeting::kNoRoom;
  }
  const std::size_t before = shard.ways.capacity();
  shard.ways.emplace(state, way);
  slots_.fetch_add(shard.ways.capacity() - before, std::memory_order_relaxed);
  return Meeting::kNew;
}

Visited::Way Visited::WayTo(Fingerprint state) {
  Shard& shard = ShardOf(state);
  const std::lock_guard lock(shard.mutex);
  return shard.ways.at(state);
}

}  // namespace belfry::lab
