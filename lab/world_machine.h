// The machine of a scenario, in memory: a lab::World in virtual time. The same
// seed gives the same run, event by event.
#ifndef BELFRY_LAB_WORLD_MACHINE_H_
#define BELFRY_LAB_WORLD_MACHINE_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernel/profile.h"
#include "lab/machine.h"
#include "lab/random.h"
#include "lab/referee.h"
#include "lab/world.h"
#include "trace/call_times.h"

namespace belfry::lab {

class WorldMachine : public Machine {
 public:
  // Every CPU is online when it is made. Where queue and ring travel together,
  // the doorbell is prompt, as that of a process is; else it may be overtaken.
  WorldMachine(const kernel::Profile& profile, const v1::Machine& machine,
               std::uint64_t seed);

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
  absl::StatusOr<v1::CpuSnapshot> Snapshot(std::uint32_t cpu) override;
  absl::StatusOr<v1::Cluster> GetCluster() override;
  absl::StatusOr<trace::MachineView> View() override;
  // Lets everything move that can. Time passes only when nothing does, and
  // nobody would believe any more that something will.
  bool WaitForChange(int attempt) override;

  const World& world() const { return world_; }

 private:
  // A waiting call that is made again when it has returned.
  struct Repeated {
    v1::ScenarioCall call;
    std::uint32_t left = 0;
  };

  // What comes from outside arrives at once.
  template <typename Predicate>
  void DeliverFirst(Predicate is_it);
  template <typename Variant, typename Event>
  void Deliver();
  std::uint32_t Start(kernel::OpKind kind, const v1::Hotplug& hotplug);
  std::uint32_t Start(kernel::Request request);
  absl::Status Issue(const v1::ScenarioCall& call, std::uint32_t left);
  // False when nothing can move.
  bool Step();
  bool Run();
  bool PassTime();
  void Apply(Move move);
  void See(const Happenings& happenings);
  trace::TimePoint now() const;

  World world_;
  std::chrono::microseconds csd_lock_timeout_;
  Random random_;
  // Only the accounts: a scenario is judged by what can be seen of a process.
  Referee referee_;
  std::vector<trace::CallTimes> times_;
  std::vector<v1::TraceEvent> events_;
  // What time has passed beside the events'.
  std::chrono::microseconds passed_{};
  int passed_in_vain_ = 0;
  std::map<kernel::OpId, kernel::Operation> ended_;
  std::map<kernel::Token, Repeated> repeated_;
  kernel::Token last_token_ = 0;
  // Device interrupts taken since the CPU's block I/O was started.
  std::map<std::uint32_t, std::uint64_t> completions_;
  // Gates that were ever held.
  std::set<std::pair<std::uint32_t, std::string>> gates_;
  std::set<std::pair<std::uint32_t, std::string>> held_;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_WORLD_MACHINE_H_
