#include "tests/lab/fake_machine.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernel/profile.h"
#include "lab/gate.h"

namespace belfry::testing {
namespace {

constexpr std::uint32_t kCpus = 4;
constexpr std::uint32_t kTarget = 3;
constexpr std::uint32_t kCaller = 1;

int ProcessOf(const v1::GateAt& at) {
  return at.has_cpu() ? static_cast<int>(at.cpu()) : -1;
}

}  // namespace

FakeMachine::FakeMachine(const FakeOptions& options) : options_(options) {
  const kernel::Profile profile = *kernel::PresetByName(options.preset);
  split_barrier_ = profile.barrier == kernel::Barrier::kSplit;
  flush_ = profile.offline_drain == kernel::OfflineDrain::kDyingFlush;
  profile_.set_name(options.preset);
  for (std::size_t i = 0; i < kernel::Knobs().size(); ++i) {
    v1::Knob& knob = *profile_.add_knobs();
    knob.set_name(std::string(kernel::Knobs()[i].name));
    knob.set_value(std::string(kernel::KnobValue(profile, i)));
  }
}

v1::Gate* FakeMachine::FindGate(int process, const std::string& name) {
  const auto found = gates_.find({process, name});
  return found == gates_.end() ? nullptr : &found->second;
}

bool FakeMachine::Stands(int process, const std::string& name) {
  v1::Gate* gate = FindGate(process, name);
  if (gate == nullptr || !gate->held()) return false;
  if (gate->waiting() == 0) gate->set_reached(gate->reached() + 1);
  gate->set_waiting(1);
  return true;
}

absl::Status FakeMachine::Hold(const v1::GateAt& at) {
  v1::Gate& gate = gates_[{ProcessOf(at), at.gate()}];
  gate.set_name(at.gate());
  gate.set_held(true);
  return absl::OkStatus();
}

absl::Status FakeMachine::Release(const v1::GateAt& at) {
  v1::Gate* gate = FindGate(ProcessOf(at), at.gate());
  if (gate == nullptr || !gate->held()) {
    return absl::FailedPreconditionError("the gate is not held");
  }
  gate->set_held(false);
  gate->set_waiting(0);
  if (at.gate() == "latch" && doorbell_held_) {
    doorbell_held_ = false;
    Ring();
  }
  return absl::OkStatus();
}

absl::Status FakeMachine::Pass(const v1::GateAt&, const std::string& event,
                               v1::PassGateRequest::How) {
  return absl::NotFoundError(absl::StrCat("no ", event, " waits"));
}

absl::StatusOr<std::uint32_t> FakeMachine::StopMachine(const std::string&) {
  return absl::UnimplementedError("no scenario asks for one");
}

absl::StatusOr<std::vector<v1::Gate>> FakeMachine::Gates(const v1::GateAt& at) {
  std::vector<v1::Gate> gates;
  for (const auto& [key, gate] : gates_) {
    if (key.first == ProcessOf(at)) gates.push_back(gate);
  }
  return gates;
}

std::uint32_t FakeMachine::Start(const v1::Hotplug& hotplug, Leg leg,
                                 v1::Operation::Kind kind) {
  v1::Operation& operation = operations_.emplace_back();
  operation.set_id(operations_.size());
  operation.set_kind(kind);
  operation.set_cpus(absl::StrCat(hotplug.cpu()));
  operation.set_control_cpu(hotplug.on());
  leg_ = leg;
  return operation.id();
}

absl::StatusOr<std::uint32_t> FakeMachine::Offline(const v1::Hotplug& hotplug) {
  if (parked_) return absl::InvalidArgumentError("EINVAL: CPU 3 is offline");
  mask_phase_ = 0;
  acked_ = {};
  return Start(hotplug, Leg::kMask, v1::Operation::KIND_OFFLINE);
}

absl::StatusOr<std::uint32_t> FakeMachine::Online(const v1::Hotplug& hotplug) {
  if (!parked_) return absl::InvalidArgumentError("EINVAL: CPU 3 is online");
  return Start(hotplug, Leg::kBoot, v1::Operation::KIND_ONLINE);
}

absl::StatusOr<v1::Operation> FakeMachine::GetOperation(std::uint32_t id) {
  return operations_.at(id - 1);
}

void FakeMachine::EndOperation() {
  leg_ = Leg::kNone;
  operations_.back().set_done(true);
  operations_.back().set_result(options_.operation_result);
}

absl::Status FakeMachine::StartBlockIo(const v1::BlockIo& io) {
  completions_ = 0;
  for (std::uint32_t i = 0; i < io.count(); ++i) {
    Enqueue(false);
    ++completions_;
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::LoadStatus> FakeMachine::BlockIoStatus(std::uint32_t cpu) {
  v1::LoadStatus status;
  status.set_cpu(cpu);
  status.set_completions(completions_);
  return status;
}

absl::Status FakeMachine::StartCall(const v1::ScenarioCall& call) {
  Enqueue(call.wait());
  return absl::OkStatus();
}

absl::Status FakeMachine::StartCallMany(const v1::ScenarioCallMany&) {
  return absl::UnimplementedError("no many-calls here");
}

absl::Status FakeMachine::StartIrqCallMany(const v1::IrqCallMany&) {
  return absl::UnimplementedError("no many-calls here");
}

// Rings only if the queue was empty.
void FakeMachine::Enqueue(bool wait) {
  const bool was_empty = queue_.empty();
  queue_.push_back({++issued_, wait});
  if (!was_empty) return;
  if (Stands(kTarget, "latch")) {
    doorbell_held_ = true;
    fate_ = v1::Doorbell::FATE_IN_FLIGHT;
  } else {
    Ring();
  }
}

void FakeMachine::Ring() {
  latched_ = true;
  fate_ = v1::Doorbell::FATE_LATCHED;
  if (!parked_ && !masked_[kTarget]) Drain();
}

void FakeMachine::Drain() {
  latched_ = false;
  fate_ = v1::Doorbell::FATE_TAKEN;
  completed_ += queue_.size();
  queue_.clear();
}

std::string FakeMachine::StopState() const {
  if (leg_ != Leg::kMask) return "";
  if (!split_barrier_) return "DISABLE_IRQ";
  return mask_phase_ == 0 ? "DISABLE_IRQ_INACTIVE" : "DISABLE_IRQ_ACTIVE";
}

std::vector<std::uint32_t> FakeMachine::Missing() const {
  std::vector<std::uint32_t> missing;
  for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    if (!acked_[cpu]) missing.push_back(cpu);
  }
  return missing;
}

void FakeMachine::AdvanceMask() {
  for (const std::uint32_t cpu : Missing()) {
    const bool active = cpu == kTarget;
    const bool masks = !split_barrier_ || active == (mask_phase_ == 1);
    if (masks && Stands(static_cast<int>(cpu), "ack:DISABLE_IRQ")) continue;
    masked_[cpu] = masked_[cpu] || masks;
    acked_[cpu] = true;
    // One at a time: the runner must see the states between.
    return;
  }
  if (!Missing().empty()) return;
  acked_ = {};
  if (split_barrier_ && mask_phase_++ == 0) return;
  if (flush_) {
    const bool latched = latched_;
    Drain();
    latched_ = latched;
  }
  masked_ = {false, false, false, true};
  leg_ = Leg::kPark;
}

void FakeMachine::Advance() {
  if (options_.frozen) return;
  switch (leg_) {
    case Leg::kNone:
      return;
    case Leg::kMask:
      return AdvanceMask();
    case Leg::kPark:
      parked_ = true;
      return EndOperation();
    case Leg::kBoot:
      if (latched_) fate_ = v1::Doorbell::FATE_CLEARED_BY_RESET;
      latched_ = false;
      parked_ = false;
      masked_[kTarget] = false;
      carried_ += queue_.size();
      leg_ = Leg::kStep;
      return;
    case Leg::kStep:
      for (const char* step : {"step:6", "step:9"}) {
        if (Stands(kCaller, step)) return;
      }
      Enqueue(true);
      leg_ = Leg::kCalling;
      return;
    case Leg::kCalling:
      if (queue_.empty()) return EndOperation();
      if (stuck_after_ > 0) --stuck_after_;
      return;
  }
}

absl::StatusOr<v1::CpuSnapshot> FakeMachine::Snapshot(std::uint32_t cpu) {
  v1::CpuSnapshot snapshot;
  snapshot.set_cpu(cpu);
  snapshot.set_life(cpu == kTarget && parked_ ? "DEAD" : "ONLINE");
  snapshot.set_irqs_masked(masked_[cpu]);
  snapshot.mutable_stop()->set_state(StopState());
  if (cpu == kTarget) {
    snapshot.set_latched(latched_);
    snapshot.set_doorbells_in_flight(doorbell_held_ ? 1 : 0);
    snapshot.mutable_last_doorbell()->set_fate(fate_);
    snapshot.set_depth(queue_.size());
    for (const Queued& queued : queue_) {
      v1::QueuedCall& call = *snapshot.add_queue();
      call.set_src_cpu(kCaller);
      call.set_seq(queued.seq);
      call.set_function(queued.wait ? "nop" : "trigger_softirq");
    }
    if (!queue_.empty()) {
      snapshot.add_by_function()->set_function("trigger_softirq");
      snapshot.mutable_by_function(0)->set_count(queue_.size());
    }
  }
  if (cpu == kCaller) {
    for (const Queued& queued : queue_) {
      v1::OutgoingCall& call = *snapshot.add_outgoing();
      call.set_cpu(kTarget);
      call.set_seq(queued.seq);
      call.set_wait(queued.wait);
      call.set_state(v1::OutgoingCall::STATE_QUEUED);
      call.set_stuck(queued.wait && stuck_after_ == 0);
      if (queued.wait) call.add_frames("cpu_up");
    }
    snapshot.set_outgoing_total(queue_.size());
    v1::LedgerRow& row = *snapshot.add_ledger();
    row.set_src_cpu(kCaller);
    row.set_cpu(kTarget);
    row.set_issued(issued_);
    row.set_completed(completed_);
    row.set_pending(queue_.size());
  }
  return snapshot;
}

absl::StatusOr<v1::Cluster> FakeMachine::GetCluster() {
  if (options_.coordinator_gone) {
    return absl::UnavailableError("the coordinator does not answer");
  }
  v1::Cluster cluster;
  *cluster.mutable_profile() = profile_;
  if (leg_ != Leg::kNone) *cluster.mutable_current() = operations_.back();
  if (leg_ == Leg::kMask) {
    cluster.mutable_stop()->set_generation(1);
    cluster.mutable_stop()->set_state(StopState());
    cluster.mutable_stop()->set_missing(absl::StrJoin(Missing(), ","));
  }
  for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    v1::CpuInfo& info = *cluster.add_cpus();
    info.set_cpu(cpu);
    info.set_state(cpu == kTarget && parked_ ? v1::CPU_STATE_OFFLINE
                                             : v1::CPU_STATE_ONLINE);
    if (cpu == kTarget) info.set_calls_carried(carried_);
  }
  return cluster;
}

absl::StatusOr<trace::MachineView> FakeMachine::View() {
  const absl::StatusOr<v1::Cluster> cluster = GetCluster();
  if (!cluster.ok()) return cluster.status();
  trace::MachineView view;
  view.cluster = *cluster;
  for (const v1::CpuInfo& info : cluster->cpus()) {
    trace::CpuView& cpu = view.cpus.emplace_back();
    cpu.info = info;
    cpu.snapshot = *Snapshot(info.cpu());
  }
  return view;
}

bool FakeMachine::WaitForChange(int) {
  if (++waits_ > options_.patience) return false;
  Advance();
  return true;
}

std::vector<std::string> FakeMachine::HeldGates() const {
  std::vector<std::string> held;
  for (const auto& [key, gate] : gates_) {
    if (gate.held())
      held.push_back(absl::StrCat("cpu/", key.first, " ", gate.name()));
  }
  return held;
}

}  // namespace belfry::testing
