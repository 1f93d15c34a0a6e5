#include "coordinator/metrics.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "kernel/errno.h"
#include "kernel/multi_stop.h"
#include "rpc/codec.h"
#include "rpc/version.h"

namespace belfry::coordinator {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using Seconds = std::chrono::duration<double>;

// 100 us to 26 s.
prometheus::Histogram::BucketBoundaries Buckets() {
  prometheus::Histogram::BucketBoundaries buckets;
  for (double s = 100e-6; s < 30; s *= 2) buckets.push_back(s);
  return buckets;
}

constexpr v1::CpuState kStates[] = {
    v1::CPU_STATE_ABSENT, v1::CPU_STATE_OFFLINE,    v1::CPU_STATE_GOING_UP,
    v1::CPU_STATE_ONLINE, v1::CPU_STATE_GOING_DOWN, v1::CPU_STATE_CRASHED};

// "going_up".
std::string StateLabel(v1::CpuState state) {
  return absl::AsciiStrToLower(
      absl::StripPrefix(v1::CpuState_Name(state), "CPU_STATE_"));
}

// How operations end again and again. There from the start: Prometheus does not
// see the increase that a series begins with, and an alert counts them.
constexpr kernel::Errno kUsualResults[] = {
    kernel::Errno::kOk,        kernel::Errno::kEagain,
    kernel::Errno::kEbusy,     kernel::Errno::kEtimedout,
    kernel::Errno::kEcanceled, kernel::Errno::kEownerdead};

// Why a process was turned away; Nodes::Claim() has the reasons.
const char* RejectionLabel(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kAlreadyExists:
      return "taken";
    case absl::StatusCode::kAborted:
      return "dead";
    case absl::StatusCode::kResourceExhausted:
      return "full";
    default:
      return "out_of_range";
  }
}

double SecondsOf(const google::protobuf::Timestamp& t) {
  return static_cast<double>(t.seconds()) + t.nanos() * 1e-9;
}

const char* Direction(v1::Operation::Kind kind) {
  return kind == v1::Operation::KIND_ONLINE ? "up" : "down";
}

}  // namespace

prometheus::Gauge* AddIdentity(prometheus::Registry* registry,
                               const kernel::Profile& profile) {
  BuildGauge()
      .Name("belfry_build_info")
      .Help("Constant 1; which version runs, under which profile.")
      .Register(*registry)
      .Add({{"version", rpc::Version()},
            {"revision", rpc::Revision()},
            {"profile", profile.name}})
      .Set(1);
  return &BuildGauge()
              .Name("belfry_leader")
              .Help("1 on the coordinator that leads.")
              .Register(*registry)
              .Add({});
}

Metrics::Metrics(prometheus::Registry* registry,
                 const kernel::Coordinator& machine, std::uint64_t epoch) {
  BuildGauge()
      .Name("belfry_epoch")
      .Help("Counts the coordinators that have run on this journal.")
      .Register(*registry)
      .Add({})
      .Set(static_cast<double>(epoch));
  rejected_ = &BuildCounter()
                   .Name("belfry_processes_rejected_total")
                   .Help("Processes that wanted to be a CPU and may not.")
                   .Register(*registry);
  for (const absl::StatusCode why :
       {absl::StatusCode::kAlreadyExists, absl::StatusCode::kAborted,
        absl::StatusCode::kResourceExhausted,
        absl::StatusCode::kInvalidArgument}) {
    rejected_->Add({{"reason", RejectionLabel(why)}});
  }
  AddCpus(registry, machine.possible());
  AddCanary(registry);
  AddHotplug(registry, machine.possible());
  AddStop(registry, kernel::StopOrderOf(machine.profile()));
}

void Metrics::OnRejected(const absl::Status& why) {
  rejected_->Add({{"reason", RejectionLabel(why.code())}}).Increment();
}

void Metrics::AddCpus(prometheus::Registry* registry, std::uint32_t possible) {
  const auto gauge =
      [&](const char* name,
          const char* help) -> prometheus::Family<prometheus::Gauge>& {
    return BuildGauge().Name(name).Help(help).Register(*registry);
  };
  auto& online = gauge("belfry_cpu_online", "1 while the CPU is in the view.");
  auto& state =
      gauge("belfry_cpu_state", "1 for the state that the CPU is in.");
  auto& incarnation =
      gauge("belfry_cpu_incarnation", "The process that is the CPU; 0: none.");
  auto& depth = gauge("belfry_queue_depth",
                      "Length of the CPU's call queue, as last reported.");
  auto& head = gauge(
      "belfry_queue_head_timestamp_seconds",
      "When the oldest queued call was queued, as last reported; 0: empty.");
  auto& carried =
      gauge("belfry_calls_carried",
            "Calls still queued when the CPU came online, as last reported.");
  auto& latched = gauge("belfry_doorbell_latched",
                        "1 while the CPU's doorbell is pending, as last "
                        "reported.");
  auto& stuck = gauge("belfry_waiters_stuck",
                      "Waiting calls of the CPU older than the timeout, as "
                      "last reported.");
  auto& waiter = gauge("belfry_waiter_oldest_timestamp_seconds",
                       "When the oldest waiting call of the CPU was made, as "
                       "last reported; 0: none.");
  auto& progress =
      gauge("belfry_hotplug_in_progress_start_timestamp_seconds",
            "When the operation on the CPU that runs now began; 0: none.");
  auto& crashes = BuildCounter()
                      .Name("belfry_cpu_crashes_total")
                      .Help("Processes of the CPU that died or were cut off.")
                      .Register(*registry);
  for (std::uint32_t i = 0; i < possible; ++i) {
    const prometheus::Labels label = {{"cpu", std::to_string(i)}};
    Cpu cpu{.online = &online.Add(label),
            .incarnation = &incarnation.Add(label),
            .depth = &depth.Add(label),
            .head_time = &head.Add(label),
            .carried = &carried.Add(label),
            .latched = &latched.Add(label),
            .waiters_stuck = &stuck.Add(label),
            .waiter_oldest = &waiter.Add(label),
            .in_progress = &progress.Add(label),
            .crashes = &crashes.Add(label)};
    for (v1::CpuState s : kStates) {
      cpu.states[s] =
          &state.Add({{"cpu", std::to_string(i)}, {"state", StateLabel(s)}});
    }
    cpus_.push_back(std::move(cpu));
  }
  // As a CPU that is online and that nobody rings: the rules need not know it.
  const prometheus::Labels canary = {{"cpu", "canary"}};
  online.Add(canary).Set(1);
  latched.Add(canary).Set(0);
  canary_depth_ = &depth.Add(canary);
  canary_head_time_ = &head.Add(canary);
}

void Metrics::AddCanary(prometheus::Registry* registry) {
  const auto counter = [registry](const char* name, const char* help) {
    return &BuildCounter().Name(name).Help(help).Register(*registry).Add({});
  };
  canary_injected_ = counter("belfry_canary_injected_total",
                             "Leaks that were made on purpose.");
  canary_detected_ = counter("belfry_canary_detected_total",
                             "Of these, those whose alert came back.");
}

void Metrics::SetCanary(const Canary& canary) {
  const auto raise = [](prometheus::Counter* counter, std::uint64_t to) {
    counter->Increment(static_cast<double>(to) - counter->Value());
  };
  raise(canary_injected_, canary.injected());
  raise(canary_detected_, canary.detected());
}

void Metrics::RefreshCanary(const google::protobuf::Timestamp* since) {
  canary_depth_->Set(since != nullptr ? 1 : 0);
  canary_head_time_->Set(since != nullptr ? SecondsOf(*since) : 0);
}

void Metrics::AddHotplug(prometheus::Registry* registry,
                         std::uint32_t possible) {
  operations_ = &BuildCounter()
                     .Name("belfry_hotplug_operations_total")
                     .Help("Hotplug operations that have ended, by result.")
                     .Register(*registry);
  for (std::uint32_t i = 0; i < possible; ++i) {
    for (const char* direction : {"up", "down"}) {
      for (const kernel::Errno result : kUsualResults) {
        operations_->Add({{"cpu", std::to_string(i)},
                          {"direction", direction},
                          {"result", std::string(kernel::ErrnoName(result))}});
      }
    }
  }
  auto& duration = BuildHistogram()
                       .Name("belfry_hotplug_operation_duration_seconds")
                       .Help("From the request to the end of the operation.")
                       .Register(*registry);
  up_ = &duration.Add({{"direction", "up"}}, Buckets());
  down_ = &duration.Add({{"direction", "down"}}, Buckets());
}

void Metrics::AddStop(prometheus::Registry* registry, kernel::StopOrder order) {
  stop_ = &BuildHistogram()
               .Name("belfry_stop_machine_duration_seconds")
               .Help("Whole stop_machine rounds.")
               .Register(*registry)
               .Add({}, Buckets());
  phases_ = &BuildHistogram()
                 .Name("belfry_stop_machine_phase_duration_seconds")
                 .Help("From the publication of a state to its last ack.")
                 .Register(*registry);
  using kernel::MultiStopState;
  for (auto s = kernel::NextState(order, MultiStopState::kNone);
       s != MultiStopState::kNone; s = kernel::NextState(order, s)) {
    Phase(std::string(kernel::MultiStopStateName(s)));
  }
  aborted_ = &BuildCounter()
                  .Name("belfry_stop_machine_aborted_total")
                  .Help("Rounds that were given up, by reason.")
                  .Register(*registry);
  for (const char* reason :
       {"participant_died", "cancelled", "restart", "lease"}) {
    aborted_->Add({{"reason", reason}});
  }
  retried_ = &BuildCounter()
                  .Name("belfry_stop_machine_retried_total")
                  .Help(
                      "Rounds begun for one in which a CPU was too slow, by "
                      "operations that have ended.")
                  .Register(*registry)
                  .Add({});
}

prometheus::Histogram& Metrics::Phase(const std::string& phase) {
  return phases_->Add({{"phase", phase}}, Buckets());
}

void Metrics::OnTrace(const kernel::TraceEvent& event) {
  const auto now = std::chrono::steady_clock::now();
  switch (event.kind) {
    case kernel::TraceKind::kStopPublish:
      if (!phase_.empty()) {
        Phase(phase_).Observe(Seconds(now - phase_start_).count());
      } else {
        round_start_ = now;
      }
      phase_start_ = now;
      phase_ = event.detail == "NONE" ? "" : event.detail;
      if (phase_.empty()) stop_->Observe(Seconds(now - round_start_).count());
      return;
    case kernel::TraceKind::kStopAbort: {
      phase_.clear();
      const char* reason =
          event.detail == "cancelled"                       ? "cancelled"
          : event.detail == "the coordinator was restarted" ? "restart"
          : event.value2 == static_cast<std::int64_t>(kernel::Errno::kEtimedout)
              ? "lease"
              : "participant_died";
      aborted_->Add({{"reason", reason}}).Increment();
      return;
    }
    case kernel::TraceKind::kCpuCrashed:
      // A process that ends after its CPU went offline has not crashed.
      if (event.detail != "parked") {
        cpus_[event.about->value].crashes->Increment();
      }
      return;
    default:
      return;
  }
}

void Metrics::OnOpEnded(const v1::Operation& op) {
  if (op.rounds() > 1) retried_->Increment(op.rounds() - 1);
  if (op.kind() == v1::Operation::KIND_STOP_MACHINE) return;
  std::uint32_t cpu = 0;
  if (!absl::SimpleAtoi(op.cpus(), &cpu) || cpu >= cpus_.size()) return;
  operations_
      ->Add({{"cpu", op.cpus()},
             {"direction", Direction(op.kind())},
             {"result", op.result()}})
      .Increment();
  if (!op.has_duration() || op.unchanged()) return;
  const Seconds took = rpc::FromDuration(op.duration());
  (op.kind() == v1::Operation::KIND_ONLINE ? up_ : down_)
      ->Observe(took.count());
}

void Metrics::Refresh(const v1::CpuInfo& info) {
  const Cpu& cpu = cpus_[info.cpu()];
  // A CPU on its way up is in the view before its last step, and one on its way
  // down until the commit.
  cpu.online->Set(info.online() ? 1 : 0);
  for (const auto& [state, gauge] : cpu.states) {
    gauge->Set(state == info.state() ? 1 : 0);
  }
  cpu.incarnation->Set(static_cast<double>(info.incarnation()));
  cpu.depth->Set(info.report().depth());
  cpu.head_time->Set(
      info.report().has_head_time() ? SecondsOf(info.report().head_time()) : 0);
  cpu.carried->Set(static_cast<double>(info.calls_carried()));
  cpu.latched->Set(info.report().latched() ? 1 : 0);
  cpu.waiters_stuck->Set(info.report().waiters_stuck());
  cpu.waiter_oldest->Set(info.report().has_oldest_waiter_time()
                             ? SecondsOf(info.report().oldest_waiter_time())
                             : 0);
}

void Metrics::SetInProgress(const v1::Operation* op) {
  for (std::size_t i = 0; i < cpus_.size(); ++i) {
    const bool running = op != nullptr && op->cpus() == std::to_string(i);
    cpus_[i].in_progress->Set(
        running ? static_cast<double>(op->create_time().seconds()) : 0);
  }
}

}  // namespace belfry::coordinator
