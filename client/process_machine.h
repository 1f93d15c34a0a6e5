// The machine of a scenario, on real processes: every step is an RPC.
#ifndef BELFRY_CLIENT_PROCESS_MACHINE_H_
#define BELFRY_CLIENT_PROCESS_MACHINE_H_

#include <grpcpp/completion_queue.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "belfry/v1/debug.grpc.pb.h"
#include "belfry/v1/node.grpc.pb.h"
#include "client/coordinator.h"
#include "client/local_cluster.h"
#include "client/temporary_cluster.h"
#include "kernel/cpu_event.h"
#include "lab/machine.h"

namespace belfry::client {

class ProcessMachine : public lab::Machine {
 public:
  // The time of the whole run ends with the patience. Without a cluster of its
  // own it kills no process. Both outlive the machine.
  ProcessMachine(Coordinator& coordinator, const Patience& patience,
                 TemporaryCluster* cluster = nullptr);
  ~ProcessMachine() override;

  absl::Status Hold(const v1::GateAt& at) override;
  absl::Status Release(const v1::GateAt& at) override;
  absl::Status Pass(const v1::GateAt& at, const std::string& event,
                    v1::PassGateRequest::How how) override;
  absl::StatusOr<std::vector<v1::Gate>> Gates(const v1::GateAt& at) override;
  absl::StatusOr<std::uint32_t> Offline(const v1::Hotplug& hotplug) override;
  absl::StatusOr<std::uint32_t> Online(const v1::Hotplug& hotplug) override;
  absl::StatusOr<std::uint32_t> StopMachine(const std::string& cpus) override;
  absl::StatusOr<v1::Operation> GetOperation(std::uint32_t id) override;
  absl::Status StartBlockIo(const v1::BlockIo& io) override;
  absl::Status StartIrqCallMany(const v1::IrqCallMany& irq) override;
  absl::StatusOr<v1::LoadStatus> BlockIoStatus(std::uint32_t cpu) override;
  absl::Status StartCall(const v1::ScenarioCall& call) override;
  absl::Status StartStopTwo(const v1::ScenarioStopTwo& stop) override;
  absl::Status Act(const v1::CpuAct& act) override;
  absl::Status StartCallMany(const v1::ScenarioCallMany& call) override;
  absl::Status KillProcess(std::optional<std::uint32_t> cpu) override;
  absl::Status StartProcess(std::optional<std::uint32_t> cpu) override;
  absl::Status BreakLink(std::uint32_t cpu,
                         std::optional<std::uint32_t> to) override;
  absl::StatusOr<v1::CpuSnapshot> Snapshot(std::uint32_t cpu) override;
  absl::StatusOr<v1::Cluster> GetCluster() override;
  absl::StatusOr<trace::MachineView> View() override;
  bool WaitForChange(int attempt) override;

 private:
  struct Process {
    std::unique_ptr<v1::DebugService::Stub> debug;
    // Null for the coordinator.
    std::unique_ptr<v1::CpuService::Stub> cpu;
  };
  template <typename Response>
  struct Started;

  // Found anew when a CPU's process has come back elsewhere.
  absl::StatusOr<Process*> FindCpu(std::uint32_t cpu);
  Process* Connect(std::uint32_t cpu, const std::string& address);
  absl::StatusOr<v1::DebugService::Stub*> FindDebug(const v1::GateAt& at);
  // Calls that the CPU has issued to the other, so far.
  absl::StatusOr<std::uint64_t> Issued(std::uint32_t from, std::uint32_t cpu);
  absl::StatusOr<bool> StandsAtGate(std::uint32_t from,
                                    const kernel::CpuEvent& call);
  // Makes `from` call, and waits until it has issued so many more to `cpu`.
  // `call` is what its node is told.
  absl::Status Start(std::uint32_t from, std::uint32_t cpu,
                     const kernel::CpuEvent& call,
                     const v1::CallRequest& request, std::uint64_t count);
  absl::Status AwaitIssued(std::uint32_t from, std::uint32_t cpu,
                           const kernel::CpuEvent& call, std::uint64_t count);

  Coordinator& coordinator_;
  TemporaryCluster* cluster_;
  Patience patience_;
  Process coordinator_process_;
  std::map<std::uint32_t, Process> processes_;
  // When the last event passed, in Lamport time.
  std::uint64_t lamport_ = 0;
  // Calls whose answers nobody waits for; they end with the machine.
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Started<v1::CallResponse>>> calls_;
  std::vector<std::unique_ptr<Started<v1::StopTwoResponse>>> stop_twos_;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_PROCESS_MACHINE_H_
