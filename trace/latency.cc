#include "trace/latency.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace belfry::trace {
namespace {

double Seconds(std::int64_t micros) {
  return static_cast<double>(micros) / 1e6;
}

std::int64_t NearestRank(const std::vector<std::int64_t>& sorted, double p) {
  const auto rank = static_cast<std::size_t>(
      std::ceil(p * static_cast<double>(sorted.size())));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

}  // namespace

v1::AnalysisReport::Latency MakeLatency(std::vector<std::int64_t> micros) {
  v1::AnalysisReport::Latency latency;
  std::sort(micros.begin(), micros.end());
  const auto begin = std::lower_bound(micros.begin(), micros.end(), 0);
  latency.set_backwards(static_cast<std::uint64_t>(begin - micros.begin()));
  micros.erase(micros.begin(), begin);
  latency.set_count(micros.size());
  if (micros.empty()) return latency;
  latency.set_min_s(Seconds(micros.front()));
  latency.set_p50_s(Seconds(NearestRank(micros, 0.5)));
  latency.set_p99_s(Seconds(NearestRank(micros, 0.99)));
  latency.set_max_s(Seconds(micros.back()));
  std::int64_t up_to = 1;
  while (up_to < micros.front()) up_to *= 2;
  for (auto from = micros.begin(); from != micros.end(); up_to *= 2) {
    const auto to = std::upper_bound(from, micros.end(), up_to);
    v1::AnalysisReport::Latency::Bucket* bucket = latency.add_buckets();
    bucket->set_up_to_s(Seconds(up_to));
    bucket->set_count(static_cast<std::uint64_t>(to - from));
    from = to;
  }
  return latency;
}

}  // namespace belfry::trace
