// The coordinator's metrics: the state of every CPU as last known (so that a
// leak does not vanish with the process that holds it), hotplug, stop_machine.
// Names and labels: docs/METRICS.md.
#ifndef BELFRY_COORDINATOR_METRICS_H_
#define BELFRY_COORDINATOR_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "belfry/v1/coordinator.pb.h"
#include "coordinator/canary.h"
#include "kernel/coordinator.h"

namespace belfry::coordinator {

// What every coordinator exports, also one that stands by: which version it is,
// and whether it leads. Returns the latter, 0 at first.
prometheus::Gauge* AddIdentity(prometheus::Registry* registry,
                               const kernel::Profile& profile);

// Written on the loop's thread; read by the scraper's at any time.
class Metrics {
 public:
  // Every series exists from the start, with 0. Of the one that leads only: its
  // word on the CPUs is to be the only one.
  Metrics(prometheus::Registry* registry, const kernel::Coordinator& machine,
          std::uint64_t epoch);

  void OnTrace(const kernel::TraceEvent& event);
  void OnOpEnded(const v1::Operation& op);
  // A process was turned away.
  void OnRejected(const absl::Status& why);
  // What is known of one CPU.
  void Refresh(const v1::CpuInfo& info);
  void SetCanary(const Canary& canary);
  // Since when a node reports one; null: none does.
  void RefreshCanary(const google::protobuf::Timestamp* since);
  // The operation under way; null for none.
  void SetInProgress(const v1::Operation* op);

 private:
  struct Cpu {
    prometheus::Gauge* online;
    std::map<v1::CpuState, prometheus::Gauge*> states;
    prometheus::Gauge* incarnation;
    prometheus::Gauge* depth;
    prometheus::Gauge* head_time;
    prometheus::Gauge* carried;
    prometheus::Gauge* latched;
    prometheus::Gauge* waiters_stuck;
    prometheus::Gauge* waiter_oldest;
    prometheus::Gauge* in_progress;
    prometheus::Counter* crashes;
  };

  void AddCpus(prometheus::Registry* registry, std::uint32_t possible);
  void AddHotplug(prometheus::Registry* registry, std::uint32_t possible);
  void AddCanary(prometheus::Registry* registry);
  void AddStop(prometheus::Registry* registry, kernel::StopOrder order);
  prometheus::Histogram& Phase(const std::string& phase);

  std::vector<Cpu> cpus_;
  // The CPU that is none.
  prometheus::Gauge* canary_depth_;
  prometheus::Gauge* canary_head_time_;
  prometheus::Counter* canary_injected_;
  prometheus::Counter* canary_detected_;
  prometheus::Family<prometheus::Counter>* rejected_;
  prometheus::Family<prometheus::Counter>* operations_;
  prometheus::Histogram* up_;
  prometheus::Histogram* down_;
  prometheus::Histogram* stop_;
  prometheus::Family<prometheus::Histogram>* phases_;
  prometheus::Family<prometheus::Counter>* aborted_;
  prometheus::Counter* retried_;

  // The round that is measured.
  std::chrono::steady_clock::time_point round_start_;
  std::chrono::steady_clock::time_point phase_start_;
  std::string phase_;
};

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_METRICS_H_
