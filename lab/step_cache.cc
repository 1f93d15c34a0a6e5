#include "lab/step_cache.h"

#include <utility>

namespace belfry::lab {
namespace {

// A machine is mostly containers, most of them empty: what was measured of one
// of a machine of three CPUs.
constexpr std::size_t kMachineBytes = 12288;

}  // namespace

const World::Step& StepStore::Get(const Digest& key,
                                  absl::FunctionRef<World::Step()> make) {
  Shard& shard = shards_[key.high % shards_.size()];
  {
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.steps.find(key);
    if (found != shard.steps.end()) return *found->second;
  }
  // Two threads may make the same one; the first to come back is kept.
  auto step = std::make_unique<World::Step>(make());
  Pooled(step.get());
  const std::lock_guard lock(shard.mutex);
  const auto [found, added] = shard.steps.try_emplace(key, std::move(step));
  if (added) {
    size_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(sizeof(World::Step) +
                         found->second->posted.size() * sizeof(World::Pending) +
                         found->second->happened.size() * sizeof(Happening),
                     std::memory_order_relaxed);
  }
  return *found->second;
}

// Makes it borrow all that it holds from the pools.
void StepStore::Pooled(World::Step* step) {
  std::size_t machines = 0;
  const auto pool = [&](auto& values, auto* value) {
    const auto [pooled, added] = values.Find(*value, renamings_);
    *value = pooled;
    machines += added ? 1 : 0;
  };
  pool(cpus_, &step->cpu);
  pool(coordinators_, &step->coordinator);
  pool(surroundings_, &step->surroundings);
  bytes_.fetch_add(
      machines * (kMachineBytes + renamings_.size() * sizeof(Digest)),
      std::memory_order_relaxed);
  for (World::Pending& posted : step->posted) {
    posted.message = messages_.Find(posted.message, renamings_).first;
  }
  if (!with_happenings_) step->happened = {};
}

}  // namespace belfry::lab
