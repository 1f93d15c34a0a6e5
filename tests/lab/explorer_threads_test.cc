// One search on many threads.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lab/explorer.h"

namespace belfry::lab {
namespace {

ExploreOptions Options(absl::string_view preset, std::uint32_t async_calls) {
  return {.profile = kernel::PresetByName(preset).value(),
          .scope = {.async_calls = async_calls}};
}

// A search that finds nothing, two that find the least of many ends, one with
// faults, one that judges the history, and two that exchange CPUs.
std::vector<ExploreOptions> Searches() {
  ExploreOptions drops = Options("linux-3.16", 0);
  drops.scope.drops = 1;
  ExploreOptions any = Options("linux-3.0", 1);
  any.until_any = true;
  ExploreOptions exchanged = Options("linux-3.0", 1);
  exchanged.scope.cpus = 5;
  ExploreOptions exchanged_any = any;
  exchanged_any.scope.cpus = 5;
  exchanged_any.scope.async_calls = 0;
  return {Options("belfry", 1),
          Options("linux-3.0", 1),
          Options("linux-3.0", 2),
          drops,
          any,
          exchanged,
          exchanged_any};
}

TEST(ExplorerThreadsTest, FindsAndCountsTheSameWithAnyNumberOfThreads) {
  for (ExploreOptions options : Searches()) {
    options.threads = 1;
    const ExploreResult alone = Explore(options);
    for (const unsigned threads : {2U, 7U}) {
      SCOPED_TRACE(absl::StrCat(options.profile.name, " ", threads));
      options.threads = threads;
      const ExploreResult together = Explore(options);
      EXPECT_EQ(together.verdict, alone.verdict);
      EXPECT_EQ(together.last.states, alone.last.states);
      EXPECT_EQ(together.last.transitions, alone.last.transitions);
      EXPECT_EQ(together.last.depth, alone.last.depth);
      EXPECT_EQ(together.schedule, alone.schedule);
      EXPECT_EQ(together.point_of_no_return, alone.point_of_no_return);
    }
  }
}

TEST(ExplorerThreadsTest, ABoundOfStatesIsKeptToTheState) {
  ExploreOptions options = Options("belfry", 2);
  options.threads = 3;
  options.max_states = 1000;
  const ExploreResult result = Explore(options);
  EXPECT_EQ(result.last.states, 1000u);
  EXPECT_EQ(result.cut, "after 1000 states");
}

TEST(ExplorerThreadsTest, CanBeStopped) {
  ExploreOptions options = Options("belfry", 8);
  options.threads = 3;
  options.progress = [](const ExploreProgress& progress) {
    return progress.states < 1000;
  };
  EXPECT_EQ(Explore(options).cut, "by request");
}

}  // namespace
}  // namespace belfry::lab
