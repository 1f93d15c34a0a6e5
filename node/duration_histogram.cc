#include "node/duration_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace belfry::node {

// Below kLinear each nanosecond has a bucket. From there on the highest set bit
// names the group, and the kLinearBits below it the bucket in it.
std::size_t DurationHistogram::BucketOf(std::uint64_t ns) {
  ns = std::min(ns, (std::uint64_t{1} << kBits) - 1);
  const int shift =
      std::max(static_cast<int>(std::bit_width(ns)) - (kLinearBits + 1), 0);
  return static_cast<std::size_t>(shift) * kLinear + (ns >> shift);
}

std::uint64_t DurationHistogram::EndOf(std::size_t bucket) {
  if (bucket < 2 * kLinear) return bucket;
  const std::size_t shift = bucket / kLinear - 1;
  return ((bucket - shift * kLinear + 1) << shift) - 1;
}

void DurationHistogram::Add(std::chrono::nanoseconds duration) {
  duration = std::max(duration, std::chrono::nanoseconds(0));
  ++buckets_[BucketOf(static_cast<std::uint64_t>(duration.count()))];
  ++count_;
  max_ = std::max(max_, duration);
}

std::chrono::nanoseconds DurationHistogram::Quantile(double q) const {
  const auto rank =
      static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen < rank || seen == 0) continue;
    return std::min(max_, std::chrono::nanoseconds(EndOf(bucket)));
  }
  return max_;
}

}  // namespace belfry::node
