// A machine of four CPUs that knows just enough of the protocol for the
// lost-ipi scenarios: CPU 3 goes down and comes up again, and CPU 1 calls it.
// It moves one step each time the runner waits.
#ifndef BELFRY_TESTS_LAB_FAKE_MACHINE_H_
#define BELFRY_TESTS_LAB_FAKE_MACHINE_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lab/machine.h"

namespace belfry::testing {

struct FakeOptions {
  std::string preset = "linux-3.0";
  // How often the runner may wait in all.
  int patience = 1000;
  // What operations end with.
  std::string operation_result = "0";
  // Operations never end, for no reason that anybody could see.
  bool frozen = false;
  // Every question to this process fails.
  bool coordinator_gone = false;
};

class FakeMachine : public lab::Machine {
 public:
  explicit FakeMachine(const FakeOptions& options = {});

  absl::Status Hold(const v1::GateAt& at) override;
  absl::Status Release(const v1::GateAt& at) override;
  // No scenario leads it event by event.
  absl::Status Pass(const v1::GateAt& at, const std::string& event,
                    v1::PassGateRequest::How how) override;
  absl::StatusOr<std::vector<v1::Gate>> Gates(const v1::GateAt& at) override;
  absl::StatusOr<std::uint32_t> Offline(const v1::Hotplug& hotplug) override;
  absl::StatusOr<std::uint32_t> Online(const v1::Hotplug& hotplug) override;
  absl::StatusOr<std::uint32_t> StopMachine(const std::string& cpus) override;
  absl::StatusOr<v1::Operation> GetOperation(std::uint32_t id) override;
  absl::Status StartBlockIo(const v1::BlockIo& io) override;
  absl::StatusOr<v1::LoadStatus> BlockIoStatus(std::uint32_t cpu) override;
  absl::Status StartCall(const v1::ScenarioCall& call) override;
  absl::Status StartStopTwo(const v1::ScenarioStopTwo&) override {
    return absl::UnimplementedError("it has no stoppers");
  }
  absl::Status Act(const v1::CpuAct&) override { return absl::OkStatus(); }
  // Its CPUs call one at a time.
  absl::Status StartCallMany(const v1::ScenarioCallMany& call) override;
  absl::Status StartIrqCallMany(const v1::IrqCallMany& irq) override;
  absl::StatusOr<v1::CpuSnapshot> Snapshot(std::uint32_t cpu) override;
  absl::StatusOr<v1::Cluster> GetCluster() override;
  absl::StatusOr<trace::MachineView> View() override;
  bool WaitForChange(int attempt) override;

  // Gates that are held now: "cpu/1 step:9".
  std::vector<std::string> HeldGates() const;
  int waits() const { return waits_; }

 private:
  enum class Leg { kNone, kMask, kPark, kBoot, kStep, kCalling };
  struct Queued {
    std::uint64_t seq = 0;
    bool wait = false;
  };
  // The process, or -1 for the coordinator, and the gate's name.
  using GateKey = std::pair<int, std::string>;

  v1::Gate* FindGate(int process, const std::string& name);
  // The CPU stands at the gate if it is held.
  bool Stands(int process, const std::string& name);
  std::string StopState() const;
  std::vector<std::uint32_t> Missing() const;
  void Advance();
  void AdvanceMask();
  void Enqueue(bool wait);
  void Ring();
  void Drain();
  std::uint32_t Start(const v1::Hotplug& hotplug, Leg leg,
                      v1::Operation::Kind kind);
  void EndOperation();

  const FakeOptions options_;
  v1::Profile profile_;
  bool split_barrier_ = false;
  bool flush_ = false;
  std::map<GateKey, v1::Gate> gates_;
  std::vector<v1::Operation> operations_;
  Leg leg_ = Leg::kNone;
  // In the split barrier: 0, inactive CPUs mask; 1, active ones.
  int mask_phase_ = 0;
  std::array<bool, 4> acked_{};
  std::array<bool, 4> masked_{};
  bool parked_ = false;
  bool latched_ = false;
  bool doorbell_held_ = false;
  v1::Doorbell::Fate fate_ = v1::Doorbell::FATE_NONE;
  std::vector<Queued> queue_;
  std::uint64_t issued_ = 0;
  std::uint64_t completed_ = 0;
  std::uint64_t carried_ = 0;
  std::uint64_t completions_ = 0;
  int stuck_after_ = 20;
  int waits_ = 0;
};

}  // namespace belfry::testing

#endif  // BELFRY_TESTS_LAB_FAKE_MACHINE_H_
