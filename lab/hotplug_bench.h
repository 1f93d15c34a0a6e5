// A machine in memory that nothing disturbs: real kernel::Cpus, a real
// kernel::Coordinator, and one queue of messages between them, first in first
// out. For hotplug alone: it carries no calls.
#ifndef BELFRY_LAB_HOTPLUG_BENCH_H_
#define BELFRY_LAB_HOTPLUG_BENCH_H_

#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "kernel/coordinator.h"
#include "kernel/cpu.h"
#include "trace/ftrace_reader.h"

namespace belfry::lab {

// A value: a copy is another machine in the same state.
class HotplugBench {
 public:
  // These are present, and online. CPU 0 is the one that boots: it is among
  // them.
  HotplugBench(const kernel::Profile& profile, const kernel::CpuMask& present);

  // Writes the CPU's `fail` file.
  kernel::Errno SetFail(kernel::CpuId cpu, kernel::CpuhpState step);
  // Takes the CPU off or on, to the operation's end.
  kernel::Errno Change(kernel::CpuId cpu, bool online);

  const kernel::CpuMask& online() const { return coordinator_.view().online; }
  kernel::CpuhpState StateOf(kernel::CpuId cpu) const;

  // The cpuhp events of the last Change(), those that a kernel's tracepoints
  // would show: they are silent on a CPU that is not online
  // (trace_cpuhp_enter() asks cpu_online()), so STARTING and DYING do not show.
  const std::vector<trace::CpuhpEvent>& events() const { return events_; }

 private:
  struct ForCpu {
    kernel::CpuId cpu;
    kernel::CpuEvent event;
  };
  using Message = std::variant<ForCpu, kernel::CoordinatorEvent>;

  void Run();
  void Deliver(ForCpu& message);
  void Deliver(kernel::CoordinatorEvent& event);
  void Do(kernel::CpuId cpu, kernel::CpuEffect& effect);
  void Do(kernel::CoordinatorEffect& effect);
  void Record(const kernel::TraceEvent& event);

  std::map<kernel::CpuId, kernel::Cpu> cpus_;
  // Whom tracepoints hold for online.
  kernel::CpuMask traced_;
  kernel::Coordinator coordinator_;
  std::deque<Message> queue_;
  std::uint32_t last_op_ = 0;
  kernel::Errno ended_ = kernel::Errno::kOk;
  std::vector<trace::CpuhpEvent> events_;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_HOTPLUG_BENCH_H_
