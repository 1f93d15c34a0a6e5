#include "node/metrics.h"

#include <chrono>
#include <optional>

#include "kernel/errno.h"
#include "rpc/codec.h"
#include "rpc/version.h"

namespace belfry::node {
namespace {

using kernel::TraceKind;
using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

// 16 us to 4 s.
prometheus::Histogram::BucketBoundaries LatencyBuckets() {
  prometheus::Histogram::BucketBoundaries buckets;
  for (double s = 16e-6; s < 5; s *= 2) buckets.push_back(s);
  return buckets;
}

double Seconds(const google::protobuf::Timestamp& t) {
  return static_cast<double>(t.seconds()) + t.nanos() * 1e-9;
}

}  // namespace

Metrics::Metrics(prometheus::Registry* registry, const kernel::CpuConfig& cpu,
                 std::uint32_t possible, const Functions& functions)
    : cpu_(std::to_string(cpu.id.value)),
      pairs_(std::make_shared<PairMetricsTable>(cpu.id, possible)) {
  BuildGauge()
      .Name("belfry_build_info")
      .Help("Constant 1; which version runs, under which profile.")
      .Register(*registry)
      .Add({{"version", rpc::Version()},
            {"revision", rpc::Revision()},
            {"profile", cpu.profile.name}})
      .Set(1);
  BuildGauge()
      .Name("belfry_cpu_incarnation")
      .Help("The process that is this CPU, by its number.")
      .Register(*registry)
      .Add({{"cpu", cpu_}})
      .Set(static_cast<double>(cpu.incarnation.value));
  AddQueue(registry, functions, cpu.profile.steps);
}

void Metrics::AddQueue(prometheus::Registry* registry,
                       const Functions& functions, kernel::Steps steps) {
  const prometheus::Labels own = {{"cpu", cpu_}};
  const auto counter = [&](const char* name, const char* help,
                           prometheus::Labels labels) {
    return &BuildCounter().Name(name).Help(help).Register(*registry).Add(
        labels);
  };
  const auto gauge = [&](const char* name, const char* help) {
    return &BuildGauge().Name(name).Help(help).Register(*registry).Add(own);
  };
  pending_family_ =
      &BuildGauge()
           .Name("belfry_calls_pending")
           .Help("Calls to this CPU that are queued and have not run.")
           .Register(*registry);
  for (const std::string& function : functions.names()) {
    pending_family_->Add({{"cpu", cpu_}, {"func", function}});
  }
  carried_ =
      counter("belfry_calls_carried_total",
              "Calls still queued when this CPU came online again.", own);
  prometheus::Labels flush = own;
  flush["phase"] = "dying";
  flushed_ =
      counter("belfry_calls_flushed_total",
              "Calls that ran in a drain of the queue on the way down.", flush);
  ran_late_ =
      counter("belfry_calls_ran_offline_total",
              "Calls that ran on this CPU after it had gone offline.", own);
  duplicates_ = counter("belfry_calls_duplicate_total",
                        "Retransmitted calls that were recognised.", own);
  doorbells_taken_ = counter("belfry_doorbells_taken_total",
                             "Call-function interrupts taken.", own);
  doorbells_flagged_ = counter(
      "belfry_doorbells_flagged_total",
      "Doorbells that set need_resched in place of the pending bit: the "
      "CPU was idle, and polled.",
      own);
  doorbells_coalesced_ =
      counter("belfry_doorbells_coalesced_total",
              "Doorbells that found the pending bit set already.", own);
  prometheus::Labels reset = own;
  reset["reason"] = "reset";
  doorbells_dropped_ =
      counter("belfry_doorbells_dropped_total",
              "Doorbells that were pending and were never taken.", reset);
  device_irqs_ = counter("belfry_io_completions_total",
                         "Block-I/O completions taken as interrupts.", own);
  clock_set_ = counter("belfry_clock_set_total",
                       "Times that the host's clock was set, by a second or "
                       "more.",
                       own);
  backed_off_ = gauge("belfry_calls_backed_off",
                      "Waiting calls of this CPU that found a queue full, and "
                      "try again.");
  irqs_lost_ =
      counter("belfry_device_interrupts_lost_total",
              "Device interrupts that came to a silenced controller.", own);
  prometheus::Labels no_room = own;
  no_room["errno"] = std::string(kernel::ErrnoName(kernel::Errno::kEnobufs));
  irqs_refused_ =
      counter("belfry_device_interrupts_refused_total",
              "Device interrupts that found no room to wait.", no_room);
  latched_ =
      gauge("belfry_doorbell_latched", "1 while the pending bit is set.");
  head_time_ = gauge("belfry_queue_head_timestamp_seconds",
                     "When the oldest queued call was queued; 0: queue empty.");
  waiters_stuck_ = gauge("belfry_waiters_stuck",
                         "Waiting calls of this CPU older than the timeout.");
  waiter_oldest_ =
      gauge("belfry_waiter_oldest_timestamp_seconds",
            "When the oldest waiting call of this CPU was made; 0: none.");
  online_ = gauge("belfry_cpu_self_online",
                  "1 while this CPU holds itself for online.");
  steps_ = &BuildHistogram()
                .Name("belfry_hotplug_step_duration_seconds")
                .Help("Hotplug steps that this CPU ran, for itself or another.")
                .Register(*registry);
  for (const kernel::CpuhpStep& step : kernel::CpuhpSteps(steps)) {
    Step(std::string(step.name));
  }
  auto& duration = BuildHistogram()
                       .Name("belfry_call_duration_seconds")
                       .Help("From the issue of a call to its answer.")
                       .Register(*registry);
  duration_wait_ = &duration.Add({{"kind", "wait"}}, LatencyBuckets());
  duration_nowait_ = &duration.Add({{"kind", "nowait"}}, LatencyBuckets());
}

prometheus::Gauge& Metrics::Pending(kernel::FuncId func,
                                    const CpuDriver& driver) {
  if (func.value >= pending_.size()) pending_.resize(func.value + 1u);
  prometheus::Gauge*& gauge = pending_[func.value];
  if (gauge == nullptr) {
    gauge = &pending_family_->Add(
        {{"cpu", cpu_}, {"func", driver.functions().NameOf(func)}});
  }
  return *gauge;
}

prometheus::Histogram& Metrics::Step(const std::string& step) {
  return steps_->Add({{"step", step}}, LatencyBuckets());
}

void Metrics::Apply(const kernel::TraceEvent& event, const CpuDriver& driver) {
  ApplyAtSource(event, driver);
  ApplyAtTarget(event, driver);
}

void Metrics::ApplyAtSource(const kernel::TraceEvent& event,
                            const CpuDriver& driver) {
  if (!event.about) return;
  PairMetrics* pair = pairs_->Find(*event.about);
  if (pair == nullptr) return;
  const auto count_issued = [&] {
    (event.detail == "wait" ? pair->issued_wait : pair->issued_nowait)
        .Increment();
  };
  switch (event.kind) {
    case TraceKind::kCsdQueueCpu:
      if (event.value == 0) count_issued();
      return;
    case TraceKind::kCsdRefused:
      if (event.value2 == 0) count_issued();
      pairs_->CountRefused(*event.about,
                           static_cast<kernel::Errno>(event.value));
      return;
    case TraceKind::kCsdLost:
      pair->lost_target_died.Increment();
      return;
    case TraceKind::kCsdDone: {
      pair->completed.Increment();
      const std::chrono::duration<double> took =
          driver.now() - driver.times().issued(*event.about, event.csd->seq);
      (event.detail == "wait" ? duration_wait_ : duration_nowait_)
          ->Observe(took.count());
      return;
    }
    case TraceKind::kIpiSendCpu:
    case TraceKind::kCsdLockResend:
      pair->rings_sent.Increment();
      return;
    case TraceKind::kIpiSuppressed:
      pair->rings_suppressed.Increment();
      return;
    default:
      return;
  }
}

void Metrics::ApplyAtTarget(const kernel::TraceEvent& event,
                            const CpuDriver& driver) {
  switch (event.kind) {
    case TraceKind::kCsdEnqueued:
      Pending(event.func, driver).Increment();
      return;
    case TraceKind::kCsdFunctionExit:
      if (event.detail == "self") return;
      Pending(event.func, driver).Decrement();
      if (event.detail == "flush") flushed_->Increment();
      if (event.detail == "late") ran_late_->Increment();
      return;
    case TraceKind::kCsdDropped:
    case TraceKind::kCsdReturned:
      Pending(event.func, driver).Decrement();
      return;
    case TraceKind::kCsdDuplicate:
      duplicates_->Increment();
      return;
    case TraceKind::kCallFunctionSingleEntry:
      doorbells_taken_->Increment();
      return;
    case TraceKind::kSchedWakeIdleWithoutIpi:
      doorbells_flagged_->Increment();
      return;
    case TraceKind::kIpiCoalesced:
      doorbells_coalesced_->Increment();
      return;
    case TraceKind::kIpiCleared:
      doorbells_dropped_->Increment();
      return;
    case TraceKind::kDeviceIrq:
      device_irqs_->Increment();
      return;
    case TraceKind::kIrqLost:
      irqs_lost_->Increment();
      return;
    case TraceKind::kIrqRefused:
      irqs_refused_->Increment();
      return;
    case TraceKind::kCpuhpEnter:
    case TraceKind::kCpuhpMultiEnter:
      step_start_ = std::chrono::steady_clock::now();
      return;
    case TraceKind::kCpuhpExit: {
      const std::chrono::duration<double> took =
          std::chrono::steady_clock::now() - step_start_;
      Step(event.detail).Observe(took.count());
      return;
    }
    case TraceKind::kCpuLife:
      if (event.detail == "ALIVE") {
        carried_->Increment(static_cast<double>(event.value));
      }
      return;
    default:
      return;
  }
}

void Metrics::Refresh(const v1::NodeReport& report, const CpuDriver& driver) {
  latched_->Set(report.latched() ? 1 : 0);
  head_time_->Set(report.has_head_time() ? Seconds(report.head_time()) : 0);
  waiters_stuck_->Set(report.waiters_stuck());
  waiter_oldest_->Set(report.has_oldest_waiter_time()
                          ? Seconds(report.oldest_waiter_time())
                          : 0);
  backed_off_->Set(static_cast<double>(driver.cpu().backed_off().size()));
  online_->Set(driver.cpu().life() == kernel::Life::kOnline ? 1 : 0);
  // Of CPUs that were never called there is nothing new.
  for (const auto& [dst, issues] : driver.times().issues()) {
    RefreshPair(dst, driver);
  }
}

void Metrics::RefreshPair(kernel::CpuId dst, const CpuDriver& driver) {
  PairMetrics* pair = pairs_->Find(dst);
  if (pair == nullptr) return;
  const std::uint64_t outstanding = trace::CallsUnderWay(driver.cpu(), dst);
  if (outstanding == 0 && pair->outstanding.get() == 0) return;
  std::optional<TimePoint> oldest;
  const auto look_at = [&](kernel::Seq seq) {
    const TimePoint time = driver.times().issued(dst, seq);
    if (!oldest || time < *oldest) oldest = time;
  };
  const auto peer = driver.cpu().peers().find(dst);
  if (peer != driver.cpu().peers().end()) {
    peer->second.out.ForEach(
        [&](kernel::Seq seq, const kernel::Outgoing&) { look_at(seq); });
  }
  for (const kernel::HeldCall& call : driver.cpu().backed_off()) {
    if (call.dst == dst && call.issued_as != 0) look_at(call.issued_as);
  }
  pair->outstanding.Set(outstanding);
  pair->outstanding_oldest.Set(oldest ? Seconds(rpc::ToTimestamp(*oldest)) : 0);
}

}  // namespace belfry::node
