#include "trace/machine_view.h"

#include "belfry/v1/types.pb.h"

namespace belfry::trace {

const CpuView* FindCpu(const MachineView& view, std::uint32_t cpu) {
  for (const CpuView& candidate : view.cpus) {
    if (candidate.info.cpu() == cpu) return &candidate;
  }
  return nullptr;
}

bool IsOnline(const CpuView& cpu) {
  return cpu.info.state() == v1::CPU_STATE_ONLINE;
}

const google::protobuf::Timestamp& TimeOf(const MachineView& view,
                                          const CpuView& cpu) {
  return cpu.snapshot && cpu.snapshot->has_time() ? cpu.snapshot->time()
                                                  : view.now;
}

}  // namespace belfry::trace
