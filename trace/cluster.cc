#include "trace/cluster.h"

#include <string>

#include "kernel/cpumask.h"
#include "trace/codec.h"

namespace belfry::trace {
namespace {

v1::CpuState StateOf(const kernel::Coordinator& coordinator,
                     kernel::CpuId cpu) {
  const kernel::CpuRecord& record = coordinator.cpus().at(cpu);
  if (record.crashed) return v1::CPU_STATE_CRASHED;
  if (record.incarnation.value == 0) return v1::CPU_STATE_ABSENT;
  const auto& op = coordinator.current();
  if (op && op->kind != kernel::OpKind::kStop && op->cpu == cpu) {
    return op->up ? v1::CPU_STATE_GOING_UP : v1::CPU_STATE_GOING_DOWN;
  }
  return coordinator.view().online.Has(cpu) ? v1::CPU_STATE_ONLINE
                                            : v1::CPU_STATE_OFFLINE;
}

}  // namespace

v1::CpuInfo DescribeCpu(const kernel::Coordinator& coordinator,
                        kernel::CpuId cpu) {
  const kernel::CpuRecord& record = coordinator.cpus().at(cpu);
  v1::CpuInfo info;
  info.set_cpu(cpu.value);
  info.set_online(coordinator.view().online.Has(cpu));
  info.set_state(StateOf(coordinator, cpu));
  info.set_incarnation(record.incarnation.value);
  info.set_cpuhp_state(record.state);
  if (const auto* step = coordinator.table().Find(record.state)) {
    info.set_cpuhp_name(std::string(step->name));
  }
  info.set_fail(record.fail);
  return info;
}

v1::Cluster DescribeCluster(const kernel::Coordinator& coordinator) {
  v1::Cluster cluster;
  *cluster.mutable_profile() = ToProto(coordinator.profile());
  *cluster.mutable_view() = ToProto(coordinator.view());
  cluster.set_possible(
      kernel::FormatCpuList(kernel::CpuMask::FirstN(coordinator.possible())));
  cluster.set_present(kernel::FormatCpuList(coordinator.present()));
  for (const auto& [cpu, record] : coordinator.cpus()) {
    *cluster.add_cpus() = DescribeCpu(coordinator, cpu);
  }
  if (coordinator.current()) {
    *cluster.mutable_current() = ToProto(*coordinator.current());
  }
  cluster.set_queued_operations(
      static_cast<std::uint32_t>(coordinator.queued().size()));
  if (const auto& stop = coordinator.stop()) {
    v1::StopStatus* status = cluster.mutable_stop();
    status->set_generation(stop->generation().value);
    status->set_state(std::string(kernel::MultiStopStateName(stop->state())));
    status->set_missing(kernel::FormatCpuList(stop->missing()));
    status->set_active(kernel::FormatCpuList(stop->active()));
  }
  cluster.set_awaits(std::string(coordinator.awaits()));
  v1::HotplugLock* lock = cluster.mutable_hotplug_lock();
  lock->set_readers(coordinator.lock().readers());
  lock->set_puts_pending(coordinator.lock().puts_pending());
  lock->set_writer_sleeps(coordinator.lock().writer_sleeps());
  cluster.set_recovering(coordinator.recovering());
  return cluster;
}

}  // namespace belfry::trace
