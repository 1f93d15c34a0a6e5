#include "node/duration_histogram.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>

namespace belfry::node {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

TEST(DurationHistogramTest, NothingTookNoTime) {
  const DurationHistogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.Quantile(0.5), nanoseconds(0));
  EXPECT_EQ(histogram.Quantile(0.99), nanoseconds(0));
  EXPECT_EQ(histogram.max(), nanoseconds(0));
}

TEST(DurationHistogramTest, QuantilesOfOneToAThousandMicroseconds) {
  DurationHistogram histogram;
  for (int us = 1000; us >= 1; --us) histogram.Add(microseconds(us));
  EXPECT_EQ(histogram.count(), 1000u);
  const struct {
    double q;
    int us;
  } cases[] = {{0.001, 1}, {0.5, 500}, {0.9, 900}, {0.99, 990}, {1.0, 1000}};
  for (const auto& c : cases) {
    const nanoseconds got = histogram.Quantile(c.q);
    const nanoseconds right = microseconds(c.us);
    EXPECT_GE(got, right) << c.q;
    EXPECT_LE(got, right + right / 32) << c.q;
  }
  EXPECT_EQ(histogram.max(), microseconds(1000));
}

// Each alone: a bucket at the wrong place shows.
TEST(DurationHistogramTest, NoDurationIsMisjudgedByMoreThanOneIn32) {
  for (std::int64_t ns = 1; ns < (std::int64_t{1} << 39); ns += ns / 7 + 1) {
    for (const std::int64_t near : {ns - 1, ns}) {
      DurationHistogram histogram;
      histogram.Add(nanoseconds(near));
      // Keeps the maximum from telling it.
      histogram.Add(hours(1));
      const std::int64_t got = histogram.Quantile(0.5).count();
      ASSERT_GE(got, near);
      ASSERT_LE(got, near + near / 32);
    }
  }
}

TEST(DurationHistogramTest, TheMaximumIsExactHoweverLong) {
  DurationHistogram histogram;
  histogram.Add(nanoseconds(-5));
  EXPECT_EQ(histogram.Quantile(1), nanoseconds(0));
  histogram.Add(nanoseconds(1'234'567));
  EXPECT_EQ(histogram.Quantile(1), nanoseconds(1'234'567));
  const nanoseconds longest(std::numeric_limits<std::int64_t>::max());
  histogram.Add(longest);
  EXPECT_EQ(histogram.max(), longest);
}

}  // namespace
}  // namespace belfry::node
