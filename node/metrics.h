// A node's metrics, fed by the same trace events as the ledger. Names and
// labels: docs/METRICS.md.
#ifndef BELFRY_NODE_METRICS_H_
#define BELFRY_NODE_METRICS_H_

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

namespace belfry::node {

// Written on the loop's thread; read by the scraper's at any time.
class Metrics {
 public:
  // Every series exists from the start, with 0.
  Metrics(prometheus::Registry* registry, const kernel::CpuConfig& cpu,
          std::uint32_t possible, const Functions& functions);

  void Apply(const kernel::TraceEvent& event, const CpuDriver& driver);
  void OnClockSet() { clock_set_->Increment(); }
  // Gauges that follow the state rather than an event.
  void Refresh(const CpuDriver& driver);

 private:
  // Of the calls to one CPU.
  struct Target {
    prometheus::Counter* issued_wait;
    prometheus::Counter* issued_nowait;
    prometheus::Counter* completed;
    prometheus::Counter* rings_sent;
    prometheus::Counter* rings_suppressed;
    prometheus::Gauge* outstanding;
    prometheus::Gauge* outstanding_oldest;
  };

  void AddTargets(prometheus::Registry* registry, std::uint32_t possible);
  void AddQueue(prometheus::Registry* registry, const Functions& functions,
                kernel::Steps steps);
  void ApplyAtSource(const kernel::TraceEvent& event, const CpuDriver& driver);
  void ApplyAtTarget(const kernel::TraceEvent& event, const CpuDriver& driver);
  void RefreshTarget(kernel::CpuId dst, const kernel::Peer& peer,
                     const CpuDriver& driver);
  prometheus::Gauge& Pending(kernel::FuncId func, const CpuDriver& driver);
  prometheus::Histogram& Step(const std::string& step);

  std::string cpu_;
  std::vector<Target> targets_;
  prometheus::Family<prometheus::Counter>* refused_;
  prometheus::Family<prometheus::Counter>* lost_;
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
