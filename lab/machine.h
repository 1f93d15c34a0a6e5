// What a scenario's runner needs of a machine. The process driver implements it
// over RPC; a simulator can implement it in virtual time.
#ifndef BELFRY_LAB_MACHINE_H_
#define BELFRY_LAB_MACHINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "belfry/v1/coordinator.pb.h"
#include "belfry/v1/debug.pb.h"
#include "belfry/v1/node.pb.h"
#include "belfry/v1/scenario.pb.h"
#include "belfry/v1/types.pb.h"
#include "trace/machine_view.h"

namespace belfry::lab {

// Every method returns at once: what takes time is started, and its end is seen
// by asking. Only StartProcess and WaitForChange wait.
class Machine {
 public:
  virtual ~Machine() = default;

  // Gates. A gate's name is passed on as the scenario writes it.
  virtual absl::Status Hold(const v1::GateAt& at) = 0;
  virtual absl::Status Release(const v1::GateAt& at) = 0;
  // Lets one event that waits there pass, by its name (kernel/event_text.h),
  // once, never or twice, and holds on. NotFound while no such event waits.
  virtual absl::Status Pass(const v1::GateAt& at, const std::string& event,
                            v1::PassGateRequest::How how) = 0;
  // All gates that were ever held at this place; `at.gate` is ignored.
  virtual absl::StatusOr<std::vector<v1::Gate>> Gates(const v1::GateAt& at) = 0;

  // Start an operation and return its id.
  virtual absl::StatusOr<std::uint32_t> Offline(const v1::Hotplug& hotplug) = 0;
  virtual absl::StatusOr<std::uint32_t> Online(const v1::Hotplug& hotplug) = 0;
  // Of these CPUs; empty: the lowest.
  virtual absl::StatusOr<std::uint32_t> StopMachine(
      const std::string& cpus) = 0;
  virtual absl::StatusOr<v1::Operation> GetOperation(std::uint32_t id) = 0;

  // Start interrupts; that they were taken is seen in the status's
  // `completions`.
  virtual absl::Status StartBlockIo(const v1::BlockIo& io) = 0;
  virtual absl::Status StartIrqCallMany(const v1::IrqCallMany& irq) = 0;
  virtual absl::StatusOr<v1::LoadStatus> BlockIoStatus(std::uint32_t cpu) = 0;

  // Issues the calls; nobody waits for the answers here.
  virtual absl::Status StartCall(const v1::ScenarioCall& call) = 0;
  virtual absl::Status StartCallMany(const v1::ScenarioCallMany& call) = 0;

  // Starts a stop_two_cpus(); its end is seen in the snapshot of its CPU.
  virtual absl::Status StartStopTwo(const v1::ScenarioStopTwo& stop) = 0;
  // What a task or a timer does, at once.
  virtual absl::Status Act(const v1::CpuAct& act) = 0;

  // Kills the process of that CPU, or starts a new one, which is ready on
  // return. Nobody: the coordinator's. A machine without processes refuses.
  virtual absl::Status KillProcess(std::optional<std::uint32_t>) {
    return absl::UnimplementedError("its processes live as long as it does");
  }
  virtual absl::Status StartProcess(std::optional<std::uint32_t>) {
    return absl::UnimplementedError("its processes live as long as it does");
  }
  // Breaks the link of that CPU for its calls to another, or to nobody: its
  // control link. It comes up again.
  virtual absl::Status BreakLink(std::uint32_t, std::optional<std::uint32_t>) {
    return absl::UnimplementedError("its links do not break");
  }

  virtual absl::StatusOr<v1::CpuSnapshot> Snapshot(std::uint32_t cpu) = 0;
  // Holds the stop_machine round with the CPUs that it misses.
  virtual absl::StatusOr<v1::Cluster> GetCluster() = 0;
  // Everything, with the merged trace.
  virtual absl::StatusOr<trace::MachineView> View() = 0;

  // Waits for something to change, longer the more often it was asked in vain
  // (`attempt` counts from 0 in each step). False when the machine's time for
  // the whole run is over.
  virtual bool WaitForChange(int attempt) = 0;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_MACHINE_H_
