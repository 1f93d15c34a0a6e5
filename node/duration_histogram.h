// How long many things took, in a fixed space: what a quantile needs, and cheap
// enough to be kept while they are measured.
#ifndef BELFRY_NODE_DURATION_HISTOGRAM_H_
#define BELFRY_NODE_DURATION_HISTOGRAM_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace belfry::node {

// Log-linear, as HdrHistogram's are: each doubling of the time has 32 buckets
// of the same width, so that a quantile is at most 1/32 too high.
class DurationHistogram {
 public:
  void Add(std::chrono::nanoseconds duration);

  std::uint64_t count() const { return count_; }
  std::chrono::nanoseconds max() const { return max_; }
  // No duration of the lowest `q` (0 to 1) of them was longer; 0 of none.
  std::chrono::nanoseconds Quantile(double q) const;

 private:
  static constexpr int kLinearBits = 5;
  static constexpr std::uint64_t kLinear = 1 << kLinearBits;
  // About 18 minutes; what takes longer counts as that, but for the maximum.
  static constexpr int kBits = 40;

  static std::size_t BucketOf(std::uint64_t ns);
  // The longest duration that falls in it.
  static std::uint64_t EndOf(std::size_t bucket);

  std::array<std::uint32_t, (kBits - kLinearBits + 1) * kLinear> buckets_{};
  std::uint64_t count_ = 0;
  std::chrono::nanoseconds max_{0};
};

}  // namespace belfry::node

#endif  // BELFRY_NODE_DURATION_HISTOGRAM_H_
