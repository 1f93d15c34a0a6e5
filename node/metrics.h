// A node's metrics, fed by the same trace events as the ledger. Names and
// labels: docs/METRICS.md.
#ifndef BELFRY_NODE_METRICS_H_
#define BELFRY_NODE_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernel/trace_event.h"
#include "node/cpu_driver.h"
#include "node/pair_metrics.h"

namespace belfry::node {

// Written on the loop's thread; read by the scraper's at any time.
class Metrics {
 public:
  // Every series exists from the start, with 0. All are in `registry`, but
  // those about the CPUs that this one calls, which are in pairs().
  Metrics(prometheus::Registry* registry, const kernel::CpuConfig& cpu,
          std::uint32_t possible, const Functions& functions);

  // May outlive the metrics, for who scrapes them.
  std::shared_ptr<const prometheus::Collectable> pairs() const {
    return pairs_;
  }

  void Apply(const kernel::TraceEvent& event, const CpuDriver& driver);
  void OnClockSet() { clock_set_->Increment(); }
  // Gauges that follow the state rather than an event.
  void Refresh(const v1::NodeReport& report, const CpuDriver& driver);

 private:
  void AddQueue(prometheus::Registry* registry, const Functions& functions,
                kernel::Steps steps);
  void ApplyAtSource(const kernel::TraceEvent& event, const CpuDriver& driver);
  void ApplyAtTarget(const kernel::TraceEvent& event, const CpuDriver& driver);
  void RefreshPair(kernel::CpuId dst, const CpuDriver& driver);
  prometheus::Gauge& Pending(kernel::FuncId func, const CpuDriver& driver);
  prometheus::Histogram& Step(const std::string& step);

  std::string cpu_;
  std::shared_ptr<PairMetricsTable> pairs_;
  prometheus::Family<prometheus::Gauge>* pending_family_;
  // By function; made when it is first called. Finding one by its labels takes
  // longer than the call.
  std::vector<prometheus::Gauge*> pending_;
  prometheus::Counter* carried_;
  prometheus::Counter* flushed_;
  prometheus::Counter* ran_late_;
  prometheus::Counter* duplicates_;
  prometheus::Counter* doorbells_taken_;
  prometheus::Counter* doorbells_flagged_;
  prometheus::Counter* doorbells_coalesced_;
  prometheus::Counter* doorbells_dropped_;
  prometheus::Counter* device_irqs_;
  prometheus::Counter* irqs_lost_;
  prometheus::Counter* irqs_refused_;
  prometheus::Counter* clock_set_;
  prometheus::Gauge* backed_off_;
  prometheus::Gauge* latched_;
  prometheus::Gauge* head_time_;
  prometheus::Gauge* waiters_stuck_;
  prometheus::Gauge* waiter_oldest_;
  prometheus::Gauge* online_;
  prometheus::Family<prometheus::Histogram>* steps_;
  std::chrono::steady_clock::time_point step_start_;
  prometheus::Histogram* duration_wait_;
  prometheus::Histogram* duration_nowait_;
};

}  // namespace belfry::node

#endif  // BELFRY_NODE_METRICS_H_
