// Searches that keep only bits of the states.
#include "lab/bit_state.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "lab/explorer.h"
#include "lab/schedule.h"

namespace belfry::lab {
namespace {

using Verdict = ExploreResult::Verdict;

ExploreOptions KeepingBits(absl::string_view preset, std::size_t bytes) {
  return {.profile = kernel::PresetByName(preset).value(),
          .scope = {.async_calls = 1},
          .max_bytes = bytes,
          .bit_state = true};
}

constexpr std::size_t kAmple = 32 << 20;

TEST(BitmapTest, KnowsWhatItWasTold) {
  Bitmap bitmap(1024);
  ASSERT_TRUE(bitmap.ok());
  const Digest one = DigestOf(std::uint64_t{1});
  EXPECT_TRUE(bitmap.Insert(one));
  EXPECT_FALSE(bitmap.Insert(one));
  EXPECT_TRUE(bitmap.Insert(DigestOf(std::uint64_t{2})));
}

// The estimate, beside what happens.
TEST(BitmapTest, ExpectsTheMissesThatItHas) {
  Bitmap bitmap(1024);
  std::size_t taken = 0;
  double misses = 0;
  for (std::uint64_t state = 0; state < 2000; ++state) {
    if (bitmap.Insert(DigestOf(state))) {
      ++taken;
    } else {
      ++misses;
    }
  }
  EXPECT_GT(misses, 50);
  EXPECT_NEAR(bitmap.ExpectedMisses(taken), misses, misses / 4);
}

// Where there is room for all it sees all, and still cannot say so.
TEST(BitStateTest, SeesWhatAWholeSearchSees) {
  ExploreOptions options = KeepingBits("belfry", kAmple);
  const ExploreResult bits = Explore(options);
  options.bit_state = false;
  const ExploreResult whole = Explore(options);
  EXPECT_EQ(bits.verdict, Verdict::kNothing);
  EXPECT_NE(bits.cut, "");
  EXPECT_EQ(bits.last.states, whole.last.states);
  EXPECT_LT(bits.expected_misses, 1e-6);
}

TEST(BitStateTest, FindsTheBugByAnyNumberOfThreads) {
  for (const unsigned threads : {1U, 3U}) {
    ExploreOptions options = KeepingBits("linux-3.0", kAmple);
    options.threads = threads;
    const ExploreResult result = Explore(options);
    ASSERT_EQ(result.verdict, Verdict::kHangs);
    EXPECT_EQ(result.cut, "");
    const auto played = Play(MakeSchedule("lost-ipi", options, result));
    ASSERT_TRUE(played.ok()) << played.status();
    EXPECT_TRUE(played->hangs);
  }
}

TEST(BitStateTest, ManyThreadsSeeAll) {
  ExploreOptions options = KeepingBits("linux-3.16", kAmple);
  options.threads = 3;
  const ExploreResult result = Explore(options);
  EXPECT_EQ(result.verdict, Verdict::kNothing);
  // Two that meet a state at once may both take it for new.
  EXPECT_GE(result.last.states, 1001u);
  EXPECT_LT(result.last.states, 1100u);
}

TEST(BitStateTest, ABoundOfMemoryIsSaidToHaveCutTheSearch) {
  const ExploreResult result = Explore(KeepingBits("belfry", 1 << 20));
  EXPECT_EQ(result.verdict, Verdict::kNothing);
  EXPECT_EQ(result.cut, "by the memory bound of 1 MiB");
}

}  // namespace
}  // namespace belfry::lab
