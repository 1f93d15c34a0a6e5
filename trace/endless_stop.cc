#include "trace/endless_stop.h"

#include "kernel/cpumask.h"

namespace belfry::trace {

std::vector<std::uint32_t> CpusThatDiscarded(const MachineView& view) {
  std::vector<std::uint32_t> cpus;
  const v1::StopStatus& round = view.cluster.stop();
  const auto missing = kernel::ParseCpuList(round.missing());
  if (round.state() != "PREPARE" || !missing.ok()) return cpus;
  for (const kernel::CpuId cpu : missing->cpus()) {
    const CpuView* counted = FindCpu(view, cpu.value);
    if (counted == nullptr || !counted->snapshot) continue;
    if (counted->snapshot->stopper().closed_generation() >=
        round.generation()) {
      cpus.push_back(cpu.value);
    }
  }
  return cpus;
}

}  // namespace belfry::trace
