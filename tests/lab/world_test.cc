// The world as a value.
#include "lab/world.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lab/explorer.h"

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
  StepCache cache;
  while (!plain.Enabled().empty()) {
    const Move move = plain.Enabled().back();
    plain.Apply(move, nullptr);
    cached.Apply(move, nullptr, &cache);
    ASSERT_EQ(plain, cached);
  }
  EXPECT_GT(cache.size(), 0u);
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
