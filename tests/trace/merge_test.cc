#include "trace/merge.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace belfry::trace {
namespace {

using ::testing::ElementsAre;

ProcessTrace Ring(std::optional<std::uint32_t> cpu,
                  const std::vector<std::pair<int, std::string>>& events) {
  ProcessTrace ring{.cpu = cpu};
  for (const auto& [lamport, name] : events) {
    v1::TraceEvent& event = *ring.trace.add_events();
    event.set_lamport(lamport);
    event.set_name(name);
  }
  return ring;
}

std::vector<std::string> Names(const std::vector<ProcessTrace>& rings) {
  std::vector<std::string> names;
  for (const v1::TraceEvent& event : MergeTraces(rings)) {
    names.push_back(event.name());
  }
  return names;
}

TEST(MergeTraces, OrdersByLamportTime) {
  EXPECT_THAT(
      Names({Ring(1, {{2, "b"}, {5, "d"}}), Ring(0, {{1, "a"}, {4, "c"}})}),
      ElementsAre("a", "b", "c", "d"));
}

TEST(MergeTraces, TiesGoByProcessWhateverTheOrderGiven) {
  EXPECT_THAT(Names({Ring(3, {{1, "cpu3"}}), Ring(std::nullopt, {{1, "coord"}}),
                     Ring(0, {{1, "cpu0"}})}),
              ElementsAre("coord", "cpu0", "cpu3"));
}

TEST(MergeTraces, TiesInOneRingKeepTheirPlace) {
  EXPECT_THAT(Names({Ring(0, {{7, "first"}, {7, "second"}, {7, "third"}})}),
              ElementsAre("first", "second", "third"));
}

TEST(MergeTraces, ARingThatFallsBackKeepsItsOrder) {
  EXPECT_THAT(
      Names({Ring(0, {{9, "old"}, {1, "new"}}), Ring(1, {{5, "other"}})}),
      ElementsAre("other", "old", "new"));
}

TEST(MergeTraces, NothingFromNothing) {
  EXPECT_TRUE(MergeTraces({}).empty());
  EXPECT_TRUE(MergeTraces({Ring(0, {})}).empty());
}

}  // namespace
}  // namespace belfry::trace
