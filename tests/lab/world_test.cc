// The world as a value.
#include "lab/world.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lab/explorer.h"
#include "lab/referee.h"
#include "lab/step_cache.h"

namespace belfry::lab {
namespace {

World Start() {
  return StartOf(kernel::PresetByName("linux-3.0").value(), {.async_calls = 1});
}

TEST(WorldTest, ACopyGoesItsOwnWay) {
  const World before = Start();
  World after = before;
  EXPECT_EQ(before, after);
  after.Apply(after.Enabled().front(), nullptr);
  EXPECT_FALSE(before == after);
  EXPECT_EQ(before, Start());
}

// They are in files and in pinned counts.
TEST(WorldTest, FingerprintsAreTheSameEverywhere) {
  EXPECT_EQ(DigestOf(std::string("belfry")).high, 6621551462010235618u);
}

TEST(WorldTest, ACacheChangesNothing) {
  World plain = Start();
  World cached = Start();
  StepStore store;
  StepCache cache(&store);
  while (!plain.Enabled().empty()) {
    const Move move = plain.Enabled().back();
    plain.Apply(move, nullptr);
    cached.Apply(move, nullptr, &cache);
    ASSERT_EQ(plain, cached);
  }
  EXPECT_GT(store.size(), 0u);
}

// Delivers whatever is not on its way to `deaf` from the coordinator.
void RunBut(std::uint32_t deaf, World* world) {
  const auto next = [&]() -> std::optional<Move> {
    for (const Move move : world->Enabled()) {
      const Lane& lane = world->pending()[move.place].lane;
      if (lane != Lane{Lane::Kind::kControl, 0, deaf}) return move;
    }
    return std::nullopt;
  };
  while (const auto move = next()) world->Apply(*move, nullptr);
}

constexpr std::uint32_t kNobodyDeaf = ~0U;

// Found by the simulator: a new process may call before its target has been
// told of it by the coordinator. The link between them says who it is.
TEST(WorldTest, ANewProcessIntroducesItself) {
  World world({.profile = kernel::PresetByName("belfry").value(), .cpus = 3});
  RunBut(kNobodyDeaf, &world);
  for (std::uint32_t cpu : {1U, 2U}) {
    world.Ask({.kind = kernel::OpKind::kOnline, .cpu = {cpu}});
  }
  RunBut(kNobodyDeaf, &world);
  world.Crash(1, [](std::uint64_t) { return 0; });
  RunBut(kNobodyDeaf, &world);
  world.Restart(1);
  world.Ask({.kind = kernel::OpKind::kOnline, .cpu = {1}});
  RunBut(2, &world);
  ASSERT_EQ(world.cpu(1).life(), kernel::Life::kOnline);
  ASSERT_NE(world.cpu(2).peers().at(kernel::CpuId{1}).incarnation,
            world.cpu(1).incarnation());
  world.Call(1, 2, /*wait=*/true);
  RunBut(2, &world);
  RunBut(kNobodyDeaf, &world);
  EXPECT_TRUE(WaitsOf(world).empty());
}

// What a fingerprint left out, two machines could differ in and be taken for
// one: the kernel's own comparison tells.
TEST(WorldTest, WhatHasOneFingerprintIsEqual) {
  std::map<Digest, kernel::Cpu> cpus;
  std::map<Digest, kernel::Coordinator> coordinators;
  std::vector<World> stack = {Start()};
  std::set<Digest> seen;
  while (!stack.empty() && seen.size() < 20000) {
    const World world = stack.back();
    stack.pop_back();
    for (const kernel::Cpu* cpu : world.Living()) {
      // Two CPUs may be in one state: their numbers are constants.
      const Digest key = DigestOf(std::pair(cpu->id(), DigestOf(*cpu)));
      EXPECT_EQ(cpus.try_emplace(key, *cpu).first->second, *cpu);
    }
    const kernel::Coordinator& coordinator = world.coordinator();
    EXPECT_EQ(coordinators.try_emplace(DigestOf(coordinator), coordinator)
                  .first->second,
              coordinator);
    for (const Move move : world.Enabled()) {
      World next = world;
      next.Apply(move, nullptr);
      if (seen.insert(next.fingerprint()).second) stack.push_back(next);
    }
  }
  EXPECT_GT(cpus.size(), 100u);
}

}  // namespace
}  // namespace belfry::lab
