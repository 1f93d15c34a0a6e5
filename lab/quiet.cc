#include "lab/quiet.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kernel/cpumask.h"
#include "lab/gate.h"
#include "trace/endless.h"
#include "trace/endless_stop.h"
#include "trace/stranded.h"

namespace belfry::lab {
namespace {

constexpr absl::string_view kAnyMaskingAck = "ack:DISABLE_IRQ";

bool IsSameGate(absl::string_view name, absl::string_view wanted) {
  return name == wanted ||
         (wanted == kAnyMaskingAck && absl::StartsWith(name, wanted));
}

v1::GateAt AtCpu(std::uint32_t cpu) {
  v1::GateAt at;
  at.set_cpu(cpu);
  return at;
}

// The held gate at which the process stands, if it does.
absl::StatusOr<std::optional<v1::GateAt>> StandsAt(Machine& machine,
                                                   v1::GateAt at) {
  const absl::StatusOr<std::vector<v1::Gate>> gates = machine.Gates(at);
  if (!gates.ok()) return gates.status();
  for (const v1::Gate& gate : *gates) {
    if (gate.held() && gate.waiting() > 0 && StopsItsProcess(gate.name())) {
      at.set_gate(gate.name());
      return std::optional(at);
    }
  }
  return std::optional<v1::GateAt>();
}

// The gate before its target's queue at which the call stands, if it does.
absl::StatusOr<std::optional<v1::GateAt>> StandsBeforeQueue(
    Machine& machine, const v1::OutgoingCall& call) {
  if (call.state() != v1::OutgoingCall::STATE_SENT) {
    return std::optional<v1::GateAt>();
  }
  v1::GateAt at = AtCpu(call.cpu());
  at.set_gate("enqueue");
  const absl::StatusOr<v1::Gate> gate = FindGate(machine, at);
  if (!gate.ok()) return gate.status();
  const bool stands = gate->held() && gate->waiting() > 0;
  return stands ? std::optional(at) : std::nullopt;
}

// A CPU that holds a guard acts on no state of a stop before all its calls are
// queued: it stands where the last of them does.
absl::StatusOr<std::optional<v1::GateAt>> GuardStandsAt(Machine& machine,
                                                        kernel::CpuId cpu) {
  const absl::StatusOr<v1::CpuSnapshot> snapshot = machine.Snapshot(cpu.value);
  if (!snapshot.ok()) return snapshot.status();
  std::optional<v1::GateAt> last;
  if (snapshot->guards() == 0) return last;
  for (const v1::OutgoingCall& call : snapshot->outgoing()) {
    const auto at = StandsBeforeQueue(machine, call);
    if (!at.ok()) return at.status();
    const bool moves = call.state() == v1::OutgoingCall::STATE_SENT && !*at;
    if (moves) return std::optional<v1::GateAt>();
    if (*at) last = *at;
  }
  return last;
}

// All of these CPUs stand; the answer is the first one's gate.
absl::StatusOr<std::optional<Standstill>> AllStand(
    Machine& machine, const kernel::CpuMask& cpus) {
  std::optional<Standstill> first;
  for (const kernel::CpuId cpu : cpus.cpus()) {
    auto stands = StandsAt(machine, AtCpu(cpu.value));
    if (stands.ok() && !*stands) stands = GuardStandsAt(machine, cpu);
    if (!stands.ok()) return stands.status();
    if (!*stands) return std::optional<Standstill>();
    if (!first) first = Standstill{**stands};
  }
  return first;
}

// An operation outside of a barrier waits for its control CPU or for the CPU it
// is about.
absl::StatusOr<std::optional<Standstill>> OperationStands(
    Machine& machine, const v1::Operation& operation) {
  const auto about = kernel::ParseCpuList(operation.cpus());
  if (!about.ok()) return about.status();
  std::vector<kernel::CpuId> cpus = about->cpus();
  cpus.push_back({operation.control_cpu()});
  for (const kernel::CpuId cpu : cpus) {
    const auto stands = StandsAt(machine, AtCpu(cpu.value));
    if (!stands.ok()) return stands.status();
    if (*stands && (absl::StartsWith((*stands)->gate(), "step:") ||
                    (*stands)->gate() == "reset")) {
      return std::optional(Standstill{**stands});
    }
  }
  return std::optional<Standstill>();
}

// Nobody will ever take the queue that this call is in. `seen` are CPUs that
// wait for it.
bool IsForsaken(const trace::MachineView& view, const v1::CpuSnapshot& source,
                const v1::OutgoingCall& call,
                std::set<std::uint32_t> seen = {}) {
  // One that spins in a handler has no eyes for what its calls are told.
  if (call.state() != v1::OutgoingCall::STATE_QUEUED &&
      !(call.state() == v1::OutgoingCall::STATE_SENT &&
        trace::SpinsInHandler(source))) {
    return false;
  }
  if (trace::IsStranded(view, call.cpu()) ||
      trace::IsLeftBehind(view, call.cpu())) {
    return true;
  }
  const trace::CpuView* target = trace::FindCpu(view, call.cpu());
  if (target == nullptr || !target->snapshot) return false;
  if (trace::CallsCutOff(*target->snapshot) > 0 &&
      target->snapshot->depth() == 0) {
    return true;
  }
  if (!trace::SpinsInHandler(*target->snapshot)) return false;
  // Handlers that spin for one another, in a ring.
  if (!seen.insert(call.cpu()).second) return true;
  const auto& calls = target->snapshot->outgoing();
  return std::any_of(
      calls.begin(), calls.end(), [&](const v1::OutgoingCall& other) {
        return other.wait() && IsForsaken(view, *target->snapshot, other, seen);
      });
}

// A task that stops two CPUs, and what of it stands at a held gate: the answer
// that has come to its CPU and not been told.
absl::StatusOr<bool> StopTwoMoves(Machine& machine,
                                  const v1::CpuSnapshot& snapshot) {
  if (!snapshot.has_stop_two()) return snapshot.stop_two_tasks() > 0;
  v1::GateAt at = AtCpu(snapshot.cpu());
  at.set_gate("second_work");
  const absl::StatusOr<v1::Gate> gate = FindGate(machine, at);
  if (!gate.ok()) return gate.status();
  return !gate->held() || gate->waiting() == 0;
}

bool HasStuckCall(const trace::MachineView& view) {
  for (const trace::CpuView& cpu : view.cpus) {
    if (!cpu.snapshot) continue;
    for (const v1::OutgoingCall& call : cpu.snapshot->outgoing()) {
      if (call.wait() && call.stuck()) return true;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<std::optional<Standstill>> FindStandstill(Machine& machine) {
  const absl::StatusOr<v1::Cluster> cluster = machine.GetCluster();
  if (!cluster.ok()) return cluster.status();
  const auto coordinator = StandsAt(machine, v1::GateAt());
  if (!coordinator.ok()) return coordinator.status();
  if (*coordinator) return std::optional(Standstill{**coordinator});
  if (!cluster->stop().state().empty()) {
    const auto missing = kernel::ParseCpuList(cluster->stop().missing());
    if (!missing.ok()) return missing.status();
    return AllStand(machine, *missing);
  }
  const bool runs = cluster->has_current() && !cluster->current().done();
  if (runs) return OperationStands(machine, cluster->current());
  if (cluster->queued_operations() > 0) return std::optional<Standstill>();
  return std::optional(Standstill{});
}

absl::StatusOr<v1::Gate> FindGate(Machine& machine, const v1::GateAt& at) {
  const absl::StatusOr<std::vector<v1::Gate>> gates = machine.Gates(at);
  if (!gates.ok()) return gates.status();
  v1::Gate found;
  found.set_name(at.gate());
  for (const v1::Gate& gate : *gates) {
    if (!IsSameGate(gate.name(), at.gate())) continue;
    found.set_held(found.held() || gate.held());
    found.set_waiting(found.waiting() + gate.waiting());
    found.set_reached(found.reached() + gate.reached());
  }
  return found;
}

absl::StatusOr<trace::MachineView> ViewWithoutTrace(Machine& machine) {
  absl::StatusOr<v1::Cluster> cluster = machine.GetCluster();
  if (!cluster.ok()) return cluster.status();
  trace::MachineView view;
  view.cluster = *std::move(cluster);
  for (const v1::CpuInfo& info : view.cluster.cpus()) {
    trace::CpuView& cpu = view.cpus.emplace_back();
    cpu.info = info;
    absl::StatusOr<v1::CpuSnapshot> snapshot = machine.Snapshot(info.cpu());
    if (snapshot.ok()) {
      cpu.snapshot = *std::move(snapshot);
    } else {
      cpu.problem = std::string(snapshot.status().message());
    }
  }
  return view;
}

bool NoDoorbellComes(const trace::MachineView& view, std::uint32_t cpu) {
  const trace::CpuView* target = trace::FindCpu(view, cpu);
  if (target == nullptr || !target->snapshot) return false;
  if (target->snapshot->depth() > 0 || target->snapshot->latched()) {
    return false;
  }
  for (const trace::CpuView& source : view.cpus) {
    if (source.snapshot && source.snapshot->io_completions_held() > 0) {
      return false;
    }
  }
  return trace::DoorbellsInFlight(view, cpu) == 0;
}

absl::StatusOr<bool> NoCallMoves(Machine& machine,
                                 const trace::MachineView& view) {
  for (const trace::CpuView& cpu : view.cpus) {
    if (!cpu.snapshot) continue;
    const v1::CpuSnapshot& snapshot = *cpu.snapshot;
    if (snapshot.io_completions_held() > 0 || snapshot.held_tasks() > 0 ||
        snapshot.taken() > 0 || snapshot.has_running() || snapshot.latched() ||
        snapshot.need_resched() || snapshot.doorbells_in_flight() > 0) {
      return false;
    }
    const absl::StatusOr<bool> stops = StopTwoMoves(machine, snapshot);
    if (!stops.ok()) return stops.status();
    if (*stops) return false;
    for (const v1::OutgoingCall& call : snapshot.outgoing()) {
      if (call.wait() && call.stuck()) continue;
      const auto stands = StandsBeforeQueue(machine, call);
      if (!stands.ok()) return stands.status();
      if (!*stands) return false;
    }
  }
  return true;
}

bool IsHung(const trace::MachineView& view) {
  if (!trace::CpusThatDiscarded(view).empty() ||
      !trace::StopTwoRing(view).empty()) {
    return true;
  }
  if (trace::FindEndlessWait(view)) return true;
  for (const trace::CpuView& cpu : view.cpus) {
    if (!cpu.snapshot) continue;
    const v1::CpuSnapshot& snapshot = *cpu.snapshot;
    for (const v1::OutgoingCall& call : snapshot.outgoing()) {
      if (call.wait() && call.stuck() && IsForsaken(view, snapshot, call)) {
        return true;
      }
    }
  }
  return false;
}

bool IsSettled(const trace::MachineView& view) {
  const bool runs =
      view.cluster.has_current() && !view.cluster.current().done();
  // An operation still has calls to make, unless it waits for one that is
  // stuck, or for ever.
  if (runs && !HasStuckCall(view) && !trace::FindEndlessWait(view))
    return false;
  for (const trace::CpuView& cpu : view.cpus) {
    if (!cpu.snapshot) continue;
    const v1::CpuSnapshot& snapshot = *cpu.snapshot;
    if (snapshot.taken() > 0 || snapshot.has_running() ||
        snapshot.doorbells_in_flight() > 0 ||
        snapshot.io_completions_held() > 0 || snapshot.has_stop_two() ||
        snapshot.stop_two_tasks() > 0) {
      return false;
    }
    for (const v1::OutgoingCall& call : snapshot.outgoing()) {
      const bool over =
          call.wait() ? call.stuck() : IsForsaken(view, snapshot, call);
      if (!over) return false;
    }
  }
  return true;
}

std::string Fingerprint(const trace::MachineView& view) {
  std::string text = absl::StrCat(
      view.cluster.current().id(), "/", view.cluster.current().leg(), "/",
      view.cluster.stop().state(), "/", view.cluster.awaits(), "/",
      view.cluster.hotplug_lock().writer_sleeps());
  for (const trace::CpuView& cpu : view.cpus) {
    absl::StrAppend(&text, ";", cpu.info.cpu(), ":");
    if (!cpu.snapshot) continue;
    const v1::CpuSnapshot& snapshot = *cpu.snapshot;
    absl::StrAppend(
        &text, snapshot.life(), ",", snapshot.depth(), ",", snapshot.latched(),
        ",", snapshot.outgoing_total(), ",", snapshot.doorbells_taken(), ",",
        snapshot.doorbells_in_flight(), ",", snapshot.step(), ",",
        snapshot.stop_two().number(), snapshot.stop_two().phase(),
        snapshot.stop_two().state(), snapshot.stop_two().missing(), ",",
        snapshot.stopper().works_size(), ",", snapshot.throttled(), ",",
        snapshot.timers_size(), ",", snapshot.readers());
    for (const v1::OutgoingCall& call : snapshot.outgoing()) {
      if (call.stuck()) absl::StrAppend(&text, ",stuck", call.seq());
    }
  }
  return text;
}

}  // namespace belfry::lab
