// What clients see of the coordinator.
#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/process_impl.h"
#include "rpc/codec.h"
#include "rpc/version.h"
#include "trace/cluster.h"
#include "trace/findings.h"

namespace belfry::coordinator {

using kernel::CpuId;

std::string Process::Impl::DescribeOp(const kernel::Operation& op) const {
  if (op.leg == kernel::Leg::kQueued) {
    const auto& holder = machine_->current();
    if (holder && holder->id == op.id) {
      return "waits for the readers of the hotplug lock";
    }
    if (!holder) return "waits for the coordinator's recovery";
    return absl::StrCat("waits for the hotplug lock, held by operation ",
                        holder->id.value, " (",
                        std::string(kernel::OpKindName(holder->kind)), " cpu ",
                        holder->cpu.value, ")");
  }
  if (const auto& stop = machine_->stop()) {
    return absl::StrCat("stop_machine ", stop->generation().value, " in ",
                        std::string(kernel::MultiStopStateName(stop->state())),
                        ", waits for the ack of cpu ",
                        kernel::FormatCpuList(stop->missing()));
  }
  const kernel::CpuMask waiting = machine_->waiting_for();
  if (waiting.empty()) return "";
  std::string text =
      absl::StrCat("waits for cpu ", kernel::FormatCpuList(waiting));
  const NodeInfo* node = nodes_->Find(*waiting.first());
  const bool walks =
      op.leg == kernel::Leg::kPrepare || op.leg == kernel::Leg::kAp;
  const kernel::CpuhpStep* step =
      node != nullptr ? machine_->table().Find(node->report.step()) : nullptr;
  if (walks && step != nullptr) {
    absl::StrAppend(&text, " in step ", step->state, " (",
                    std::string(step->name), ")");
  }
  return text;
}

v1::CpuInfo Process::Impl::DescribeCpu(CpuId cpu) const {
  v1::CpuInfo info = trace::DescribeCpu(*machine_, cpu);
  if (const NodeInfo* node = nodes_->Find(cpu)) {
    info.set_address(node->hello.address());
    info.set_metrics_address(node->hello.metrics_address());
    info.set_pid(node->hello.pid());
    *info.mutable_functions() = node->hello.functions();
    *info.mutable_report() = node->report;
    *info.mutable_report_time() = rpc::ToTimestamp(node->report_time);
    info.set_calls_carried(node->report.calls_carried());
  }
  return info;
}

v1::Cluster Process::Impl::DescribeCluster() const {
  v1::Cluster cluster = trace::DescribeCluster(*machine_);
  for (v1::CpuInfo& info : *cluster.mutable_cpus()) {
    info = DescribeCpu(CpuId{info.cpu()});
  }
  if (machine_->current()) {
    if (auto op = operations_->Get(machine_->current()->id)) {
      *cluster.mutable_current() = *std::move(op);
    }
  }
  cluster.set_version(rpc::Version());
  cluster.set_epoch(journal_->epoch());
  *cluster.mutable_start_time() = rpc::ToTimestamp(start_time_);
  cluster.set_gates(options_.gates);
  cluster.set_split_doorbell(options_.split_doorbell);
  cluster.set_metrics_address(metrics_address_->Get());
  return cluster;
}

v1::Canary Process::Impl::DescribeCanary() const {
  v1::Canary canary;
  canary.set_injected(canary_.injected());
  canary.set_detected(canary_.detected());
  for (const auto& [cpu, record] : machine_->cpus()) {
    const NodeInfo* node = nodes_->Find(cpu);
    if (node == nullptr || !nodes_->attached(cpu)) continue;
    if (!node->report.has_canary_time()) continue;
    canary.set_cpu(cpu.value);
    *canary.mutable_time() = node->report.canary_time();
  }
  return canary;
}

v1::LiveState Process::Impl::DescribeAll() const {
  v1::LiveState state;
  *state.mutable_time() = rpc::ToTimestamp(std::chrono::system_clock::now());
  for (const v1::LiveState::Event& event : events_.all()) {
    *state.add_events() = event;
  }
  // One that stands by knows of itself only.
  if (!machine_) {
    state.mutable_cluster()->set_metrics_address(metrics_address_->Get());
    return state;
  }
  *state.mutable_cluster() = DescribeCluster();
  *state.mutable_ledger() = trace::SumOfCalls(state.cluster());
  for (std::string& text : trace::FindingsOf(state.cluster(), state.time())) {
    state.add_findings(std::move(text));
  }
  *state.mutable_canary() = DescribeCanary();
  return state;
}

}  // namespace belfry::coordinator
