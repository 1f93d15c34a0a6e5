// The metrics that a CPU has about each CPU it may call. There are as many as
// CPUs, most of them 0 for ever: so each is a number here, and its series, with
// its labels, is made for who scrapes it.
#ifndef BELFRY_NODE_PAIR_METRICS_H_
#define BELFRY_NODE_PAIR_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "kernel/errno.h"
#include "kernel/ids.h"

namespace belfry::node {

// Written by one thread, read by any.
template <typename T>
class Published {
 public:
  T get() const { return value_.load(std::memory_order_relaxed); }
  void Set(T value) { value_.store(value, std::memory_order_relaxed); }
  void Increment() { Set(get() + 1); }

 private:
  std::atomic<T> value_{};
};

// Of the calls to one CPU.
struct PairMetrics {
  Published<std::uint64_t> issued_wait;
  Published<std::uint64_t> issued_nowait;
  Published<std::uint64_t> completed;
  Published<std::uint64_t> lost_target_died;
  Published<std::uint64_t> rings_sent;
  Published<std::uint64_t> rings_suppressed;
  Published<std::uint64_t> outstanding;
  // When the oldest of these was issued, seconds since 1970; 0: none.
  Published<double> outstanding_oldest;
};

// Collect() on any thread, the rest on the loop's.
class PairMetricsTable : public prometheus::Collectable {
 public:
  PairMetricsTable(kernel::CpuId self, std::uint32_t possible);

  // Null for a CPU that is not possible.
  PairMetrics* Find(kernel::CpuId dst);
  void CountRefused(kernel::CpuId dst, kernel::Errno error);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  prometheus::MetricFamily Refused() const;

  std::string self_;
  std::vector<PairMetrics> pairs_;
  // Those that there were: of every errno it would be many zeros.
  mutable std::mutex mutex_;
  std::map<std::pair<kernel::CpuId, kernel::Errno>, std::uint64_t> refused_;
};

}  // namespace belfry::node

#endif  // BELFRY_NODE_PAIR_METRICS_H_
