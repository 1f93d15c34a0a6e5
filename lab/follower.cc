#include "lab/follower.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "kernel/gate.h"
#include "lab/explorer.h"
#include "lab/gate.h"
#include "lab/happenings.h"

namespace belfry::lab {
namespace {

using Standing = v1::ReplayReport::Standing;

// So often is an event looked for in vain before it is said that it will not
// come: nothing else moves, so it is late by one message's way at most, or by
// the watchdog's timeout. Five seconds on processes.
constexpr int kPatience = 250;

v1::GateAt PlaceOf(const Lane& lane, absl::string_view gate) {
  v1::GateAt at;
  if (!lane.to_coordinator()) at.set_cpu(lane.to);
  at.set_gate(std::string(gate));
  return at;
}

Standing MakeStanding(const v1::GateAt& at, const std::string& event) {
  Standing standing;
  standing.set_process(ProcessText(at));
  standing.set_gate(at.gate());
  standing.set_event(event);
  return standing;
}

// The request was heard, and is not possible: so it was in memory.
bool IsRefusal(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) ||
         absl::IsInvalidArgument(status) || absl::IsAborted(status) ||
         absl::IsAlreadyExists(status) || absl::IsResourceExhausted(status);
}

// Nobody waits for that call, or the watchdog has told of it before, and it
// rings for nobody: then it need not be waited for.
bool ChangesNothing(const World& world, const World::Pending& pending) {
  const auto* e = std::get_if<kernel::CpuEvent>(&pending.message->event);
  const auto* overdue =
      e != nullptr ? std::get_if<kernel::Overdue>(e) : nullptr;
  if (overdue == nullptr || !world.alive(pending.lane.to)) return false;
  const kernel::Cpu& cpu = world.cpu(pending.lane.to);
  const auto peer = cpu.peers().find(overdue->dst);
  if (peer == cpu.peers().end()) return true;
  const kernel::Outgoing* call = peer->second.out.Find(overdue->seq);
  const bool tells = call != nullptr && call->wait && !call->stuck;
  const bool rings =
      call != nullptr && cpu.profile().ring_rule == kernel::RingRule::kWatchdog;
  return !tells && !rings;
}

}  // namespace

std::vector<Standing> StandingIn(const World& world) {
  std::vector<Standing> standing;
  for (const Move move : world.Enabled()) {
    const World::Pending& pending = world.pending()[move.place];
    standing.push_back(MakeStanding(
        PlaceOf(pending.lane, world.GateOf(pending)), NameOf(world, move)));
  }
  return standing;
}

Follower::Follower(Machine& machine, std::uint32_t cpus) : machine_(machine) {
  places_.emplace_back();
  for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
    places_.emplace_back().set_cpu(cpu);
  }
  for (v1::GateAt& at : places_) at.set_gate(std::string(kernel::kAllGates));
}

absl::Status Follower::Hold() {
  for (const v1::GateAt& at : places_) {
    const absl::Status status = machine_.Hold(at);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void Follower::LetGo() {
  for (const v1::GateAt& at : places_) (void)machine_.Release(at);
}

absl::Status Follower::Follow(const World& world, Move move,
                              v1::PassGateRequest::How how) {
  const World::Pending& pending = world.pending()[move.place];
  if (ChangesNothing(world, pending)) return absl::OkStatus();
  const absl::Status made = MakeInput(pending);
  if (!made.ok()) return made;
  const std::string gate = world.GateOf(pending);
  // News of links: it has come by itself, or will.
  if (gate.empty()) return absl::OkStatus();
  return Pass(PlaceOf(pending.lane, gate), NameOf(world, move), how);
}

std::vector<Standing> Follower::StandingThere() {
  std::vector<Standing> standing;
  for (v1::GateAt at : places_) {
    const absl::StatusOr<std::vector<v1::Gate>> gates = machine_.Gates(at);
    if (!gates.ok()) continue;
    for (const v1::Gate& gate : *gates) {
      if (gate.name() == kernel::kAllGates) continue;
      at.set_gate(gate.name());
      for (const std::string& event : gate.events()) {
        standing.push_back(MakeStanding(at, event));
      }
    }
  }
  return standing;
}

// What comes from outside is made when it is its move.
absl::Status Follower::MakeInput(const World::Pending& pending) {
  const auto& event = pending.message->event;
  if (const auto* e = std::get_if<kernel::CoordinatorEvent>(&event)) {
    const auto* request = std::get_if<kernel::Request>(e);
    return request != nullptr ? Ask(*request) : absl::OkStatus();
  }
  const auto& e = std::get<kernel::CpuEvent>(event);
  if (const auto* irq = std::get_if<kernel::DeviceIrq>(&e)) {
    return Interrupt(pending.lane.to, irq->submitter.value);
  }
  if (const auto* call = std::get_if<kernel::Call>(&e)) {
    return Call(pending.lane.to, *call);
  }
  const auto* many = std::get_if<kernel::CallMany>(&e);
  return many != nullptr ? CallMany(pending.lane.to, *many) : absl::OkStatus();
}

absl::Status Follower::Ask(const kernel::Request& request) {
  v1::Hotplug hotplug;
  hotplug.set_cpu(request.cpu.value);
  if (request.control) hotplug.set_on(request.control->value);
  absl::Status asked;
  switch (request.kind) {
    case kernel::OpKind::kOffline:
      asked = machine_.Offline(hotplug).status();
      break;
    case kernel::OpKind::kOnline:
      asked = machine_.Online(hotplug).status();
      break;
    default:
      asked =
          machine_.StopMachine(kernel::FormatCpuList(request.active)).status();
  }
  return IsRefusal(asked) ? absl::OkStatus() : asked;
}

absl::Status Follower::Interrupt(std::uint32_t cpu, std::uint32_t submitter) {
  v1::BlockIo io;
  io.set_on(cpu);
  io.set_submitter(submitter);
  io.set_count(1);
  return machine_.StartBlockIo(io);
}

absl::Status Follower::Call(std::uint32_t cpu, const kernel::Call& call) {
  v1::ScenarioCall started;
  started.set_from(cpu);
  started.set_cpu(call.dst.value);
  started.set_function(FunctionName(call.func));
  started.set_wait(call.wait);
  started.set_count(1);
  return machine_.StartCall(started);
}

absl::Status Follower::CallMany(std::uint32_t cpu,
                                const kernel::CallMany& call) {
  v1::ScenarioCallMany started;
  started.set_from(cpu);
  started.set_cpus(kernel::FormatCpuList(call.cpus));
  started.set_function(FunctionName(call.func));
  started.set_wait(call.wait);
  return machine_.StartCallMany(started);
}

absl::Status Follower::Pass(v1::GateAt at, const std::string& event,
                            v1::PassGateRequest::How how) {
  const std::string gate =
      std::exchange(*at.mutable_gate(), std::string(kernel::kAllGates));
  for (int attempt = 0; attempt < kPatience; ++attempt) {
    const absl::Status passed = machine_.Pass(at, event, how);
    if (!absl::IsNotFound(passed)) return passed;
    if (!machine_.WaitForChange(attempt)) {
      return absl::DeadlineExceededError("time is over, still waiting");
    }
  }
  return absl::NotFoundError(absl::StrCat("waited in vain for it at gate ",
                                          gate, " of ", ProcessText(at)));
}

}  // namespace belfry::lab
