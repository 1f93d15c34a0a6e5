#include "trace/merge.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trace/recording.h"

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

// They never met: the second may have begun at a time that the first had long
// passed, in messages that nobody else has heard of.
TEST(Recording, TheNextLifeOfAProcessFollowsTheOneBefore) {
  trace::Recording recording;
  recording.Add({.cpu = 0, .incarnation = 1}, Ring(0, {{9, "old"}}).trace);
  recording.Add({.cpu = 0, .incarnation = 2}, Ring(0, {{5, "new"}}).trace);
  recording.Add({.cpu = 1, .incarnation = 1}, Ring(1, {{7, "other"}}).trace);
  std::vector<std::string> names;
  const v1::TraceReport merged = recording.Merge();
  for (const auto& event : merged.events()) {
    names.push_back(event.name());
  }
  EXPECT_THAT(names, ElementsAre("other", "old", "cpu_crashed", "new"));
  // The coordinator has said it: once is enough.
  v1::ReadTraceResponse told = Ring(std::nullopt, {{8, "cpu_crashed"}}).trace;
  told.mutable_events(0)->set_about_cpu(0);
  told.mutable_events(0)->set_value(1);
  recording.Add({.incarnation = 1}, told);
  EXPECT_EQ(recording.Merge().events_size(), 4);
  // What has been read is not asked for again.
  recording.Forget();
  EXPECT_EQ(recording.Merge().events_size(), 0);
  EXPECT_EQ(recording.After({.cpu = 0, .incarnation = 1}), 9);
}

}  // namespace
}  // namespace belfry::trace
