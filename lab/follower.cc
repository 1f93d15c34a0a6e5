#include "lab/follower.h"

#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "kernel/event_text.h"
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

// Null when its end has been seen.
const kernel::Outgoing* FindCall(const kernel::Cpu& cpu, kernel::CpuId dst,
                                 kernel::Seq seq) {
  const auto peer = cpu.peers().find(dst);
  return peer == cpu.peers().end() ? nullptr : peer->second.out.Find(seq);
}

// Nobody waits for that call, or the watchdog has told of it before, and it
// rings for nobody.
bool ChangesNothing(const kernel::Cpu& cpu, const kernel::Overdue& overdue) {
  const kernel::Outgoing* call = FindCall(cpu, overdue.dst, overdue.seq);
  const bool tells = call != nullptr && call->wait && !call->stuck;
  const bool rings =
      call != nullptr && cpu.profile().ring_rule == kernel::RingRule::kWatchdog;
  return !tells && !rings;
}

template <typename Event, typename Variant>
const Event* EventIn(const World::Pending& pending) {
  const auto* e = std::get_if<Variant>(&pending.message->event);
  return e != nullptr ? std::get_if<Event>(e) : nullptr;
}

// Then it need not be waited for, for it may not come.
bool ChangesNothing(const World& world, const World::Pending& pending) {
  // The end of a process that the coordinator does not know.
  if (const auto* lost =
          EventIn<kernel::ProcessLost, kernel::CoordinatorEvent>(pending)) {
    return world.coordinator_up() &&
           world.coordinator().cpus().at(lost->cpu).incarnation !=
               lost->incarnation;
  }
  // A second answer, after a link broke: the target may have heard that the
  // first was seen.
  if (const auto* done = EventIn<kernel::Done, kernel::CpuEvent>(pending)) {
    return world.HasItsTarget(pending) &&
           FindCall(world.cpu(pending.lane.to), done->from, done->seq) ==
               nullptr;
  }
  // A CPU has no link to itself.
  if (const auto* up = EventIn<kernel::LinkUp, kernel::CpuEvent>(pending)) {
    return up->peer.value == pending.lane.to;
  }
  const auto* overdue = EventIn<kernel::Overdue, kernel::CpuEvent>(pending);
  return overdue != nullptr && world.alive(pending.lane.to) &&
         ChangesNothing(world.cpu(pending.lane.to), *overdue);
}

bool IsSentBy(std::uint32_t cpu, const Lane& lane) {
  using Kind = Lane::Kind;
  return lane.from == cpu &&
         (lane.kind == Kind::kData || lane.kind == Kind::kReply ||
          lane.kind == Kind::kRing || lane.kind == Kind::kUp);
}

// It will stand at a gate.
bool Arrives(const World& world, const World::Pending& pending) {
  return world.HasItsTarget(pending) && !world.GateOf(pending).empty() &&
         pending.lane.kind != Lane::Kind::kAttach &&
         !ChangesNothing(world, pending);
}

std::map<std::string, int> EventsOn(const Lane& lane, const World& world) {
  std::map<std::string, int> events;
  for (const World::Pending& pending : world.pending()) {
    if (pending.lane == lane && Arrives(world, pending)) {
      ++events[MessageText(lane, *pending.message)];
    }
  }
  return events;
}

// The first of the events that stands there less often; empty when none does.
std::string FirstMissing(const std::vector<v1::Gate>& gates,
                         std::map<std::string, int> events) {
  for (const v1::Gate& gate : gates) {
    if (gate.name() == kernel::kAllGates) continue;
    for (const std::string& event : gate.events()) --events[event];
  }
  for (const auto& [event, missing] : events) {
    if (missing > 0) return absl::StrCat("\"", event, "\"");
  }
  return "";
}

absl::Status TimeIsOver() {
  return absl::DeadlineExceededError("time is over, still waiting");
}

absl::Status WaitedInVain(absl::string_view event, const v1::GateAt& at) {
  return absl::NotFoundError(absl::StrCat("waited in vain for ", event,
                                          " at gate ", at.gate(), " of ",
                                          ProcessText(at)));
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
  const Lane& lane = pending.lane;
  if (lane.kind == Lane::Kind::kAttach) return Attach(world, lane.to);
  if (ChangesNothing(world, pending)) return absl::OkStatus();
  // Sent to a process that was killed: it does not arrive.
  if (!world.HasItsTarget(pending)) return absl::OkStatus();
  const auto absent = absent_.find(lane.to);
  if (!lane.to_coordinator() && absent != absent_.end()) {
    // A task's call is refused: the CPU is offline.
    if (EventIn<kernel::DeviceIrq, kernel::CpuEvent>(pending)) {
      absent->second.push_back(pending);
    }
    return absl::OkStatus();
  }
  const absl::Status made = MakeInput(pending);
  if (!made.ok()) return made;
  const std::string gate = world.GateOf(pending);
  // News of links: it has come by itself, or will.
  if (gate.empty()) return absl::OkStatus();
  // From one that was killed: it has arrived, but its link is no more.
  if (world.IsStale(pending)) how = v1::PassGateRequest::HOW_NEVER;
  return Pass(PlaceOf(lane, gate), NameOf(world, move), how);
}

absl::Status Follower::Make(const World& before, const MachineFault& fault,
                            const World& after) {
  switch (fault.kind) {
    case MachineFault::Kind::kKill:
      return Kill(before, fault.cpu, after);
    case MachineFault::Kind::kRestart:
      // Nobody can tell it from one that starts when it attaches.
      return absl::OkStatus();
    case MachineFault::Kind::kKillCoordinator:
      return KillCoordinator(before, after);
    case MachineFault::Kind::kRestartCoordinator:
      return StartCoordinator();
    case MachineFault::Kind::kBreakData:
      return BreakData(before, fault, after);
    case MachineFault::Kind::kBreakControl:
      break;
  }
  return BreakControl(before, fault.cpu, after);
}

absl::Status Follower::Kill(const World& before, std::uint32_t cpu,
                            const World& after) {
  const auto absent = absent_.find(cpu);
  if (absent != absent_.end()) {
    absent->second.clear();
    return absl::OkStatus();
  }
  const auto sent = [cpu](const Lane& lane) { return IsSentBy(cpu, lane); };
  absl::Status status = AwaitArrivals(before, sent);
  if (status.ok()) status = machine_.KillProcess(cpu);
  absent_[cpu];
  if (status.ok()) status = DropLost(before, after);
  // A new process may come only when the coordinator has seen the end of this
  // one.
  if (status.ok() && after.coordinator_up())
    status = AwaitArrivals(after, sent);
  return status;
}

// What it has sent is told, or lost, without it; what it was sent dies with it.
absl::Status Follower::KillCoordinator(const World& before,
                                       const World& after) {
  const auto& leg = before.unconfirmed();
  if (leg && leg->op != after.record().op) {
    return absl::NotFoundError(
        "a process writes its journal at once, so this write cannot be lost; "
        "play it with --on sim");
  }
  const auto sent = [](const Lane& lane) {
    return lane.kind == Lane::Kind::kControl;
  };
  absl::Status status = AwaitArrivals(before, sent);
  if (status.ok()) status = machine_.KillProcess(std::nullopt);
  if (status.ok()) status = DropLost(before, after);
  for (std::uint32_t cpu = 0; cpu + 1 < places_.size(); ++cpu) {
    if (status.ok()) status = LoseCoordinator(before, cpu, after);
  }
  return status;
}

// No CPU attaches before it is let.
absl::Status Follower::StartCoordinator() {
  const absl::Status started = machine_.StartProcess(std::nullopt);
  return started.ok() ? machine_.Hold(places_[0]) : started;
}

absl::Status Follower::BreakData(const World& before, const MachineFault& link,
                                 const World& after) {
  const bool is_one =
      link.cpu != link.to && before.alive(link.cpu) && before.alive(link.to);
  if (!is_one) return absl::OkStatus();
  if (absent_.contains(link.cpu) || absent_.contains(link.to)) {
    return absl::NotFoundError("there is no link before both have attached");
  }
  const auto on = [&](const Lane& lane) {
    using Kind = Lane::Kind;
    return lane == Lane{Kind::kData, link.cpu, link.to} ||
           lane == Lane{Kind::kReply, link.to, link.cpu};
  };
  absl::Status status = AwaitArrivals(before, on);
  if (status.ok()) status = machine_.BreakLink(link.cpu, link.to);
  if (status.ok()) status = DropLost(before, after);
  // It is up again, and neither end has been told.
  return status.ok() ? AwaitArrivals(after, on) : status;
}

absl::Status Follower::BreakControl(const World& before, std::uint32_t cpu,
                                    const World& after) {
  if (!before.attached(cpu)) return absl::OkStatus();
  absl::Status status = AwaitArrivals(before, [cpu](const Lane& lane) {
    return lane == Lane{Lane::Kind::kUp, cpu, 0} ||
           lane == Lane{Lane::Kind::kControl, 0, cpu};
  });
  if (status.ok()) status = machine_.BreakLink(cpu, std::nullopt);
  if (status.ok()) status = DropLost(before, after);
  return status.ok() ? LoseCoordinator(before, cpu, after) : status;
}

// A CPU is always told; in memory it may come to the new link first.
absl::Status Follower::LoseCoordinator(const World& before, std::uint32_t cpu,
                                       const World& after) {
  if (!before.attached(cpu) || !before.alive(cpu)) return absl::OkStatus();
  const std::string lost =
      kernel::EventText(kernel::CoordinatorLost{}, kernel::CpuId{cpu});
  const Events told = EventsOn({Lane::Kind::kControl, 0, cpu}, after);
  v1::GateAt at = places_[cpu + 1];
  if (told.contains(lost)) return Await(at, told);
  at.set_gate("link");
  return Pass(at, lost, v1::PassGateRequest::HOW_NEVER);
}

// The control link comes up, and the coordinator is about to hear of it.
absl::Status Follower::Attach(const World& world, std::uint32_t cpu) {
  Events attached = EventsOn({Lane::Kind::kUp, cpu, 0}, world);
  ++attached[absl::StrCat("attached ", cpu)];
  const auto absent = absent_.extract(cpu);
  if (absent.empty()) return AttachAgain(cpu, attached);
  absl::Status status = machine_.StartProcess(cpu);
  // Before it is told anything: the coordinator does not know it yet.
  if (status.ok()) status = machine_.Hold(places_[cpu + 1]);
  if (status.ok()) status = Await(places_[0], attached);
  for (const World::Pending& pending : absent.mapped()) {
    if (status.ok()) status = MakeInput(pending);
    if (status.ok()) {
      status = Pass(PlaceOf(pending.lane, "io"),
                    MessageText(pending.lane, *pending.message),
                    v1::PassGateRequest::HOW_ONCE);
    }
  }
  return status;
}

// It may find nobody the first time, and then comes to its gate again.
absl::Status Follower::AttachAgain(std::uint32_t cpu, const Events& attached) {
  const std::string attach = absl::StrCat("attach ", cpu);
  const v1::GateAt& at = places_[cpu + 1];
  for (int attempt = 0; attempt < kPatience; ++attempt) {
    const absl::StatusOr<std::string> missing = Missing(places_[0], attached);
    if (!missing.ok()) return missing.status();
    if (missing->empty()) {
      // Its process was away for long, but it is back.
      const absl::Status dropped =
          machine_.Pass(places_[0], absl::StrCat("lost ", cpu),
                        v1::PassGateRequest::HOW_NEVER);
      return absl::IsNotFound(dropped) ? absl::OkStatus() : dropped;
    }
    const absl::Status passed =
        machine_.Pass(at, attach, v1::PassGateRequest::HOW_ONCE);
    if (!passed.ok() && !absl::IsNotFound(passed)) return passed;
    if (!machine_.WaitForChange(attempt)) return TimeIsOver();
  }
  return WaitedInVain(absl::StrCat("\"", attach, "\""), at);
}

// All that is on its way on these lanes, and will be there, is there.
absl::Status Follower::AwaitArrivals(
    const World& world, const std::function<bool(const Lane&)>& on) {
  std::map<std::size_t, Events> events;
  for (const World::Pending& pending : world.pending()) {
    if (!on(pending.lane) || !Arrives(world, pending)) continue;
    const std::size_t place =
        pending.lane.to_coordinator() ? 0 : pending.lane.to + 1;
    ++events[place][MessageText(pending.lane, *pending.message)];
  }
  for (const auto& [place, there] : events) {
    const absl::Status status = Await(places_[place], there);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Follower::Missing(const v1::GateAt& at,
                                              const Events& events) {
  const absl::StatusOr<std::vector<v1::Gate>> gates = machine_.Gates(at);
  if (!gates.ok()) return gates.status();
  return FirstMissing(*gates, events);
}

absl::Status Follower::Await(v1::GateAt at, const Events& events) {
  std::string first;
  for (int attempt = 0; attempt < kPatience; ++attempt) {
    const absl::StatusOr<std::string> missing = Missing(at, events);
    if (!missing.ok()) return missing.status();
    if (missing->empty()) return absl::OkStatus();
    first = *missing;
    if (!machine_.WaitForChange(attempt)) return TimeIsOver();
  }
  return WaitedInVain(first, at);
}

absl::Status Follower::DropLost(const World& before, const World& after) {
  for (const World::Pending& pending : before.pending()) {
    const Lane& lane = pending.lane;
    const bool can_tell =
        lane.to_coordinator() ? after.coordinator_up() : after.alive(lane.to);
    if (!can_tell || !Arrives(before, pending) ||
        after.Find(lane, pending.message)) {
      continue;
    }
    const absl::Status dropped = Pass(PlaceOf(lane, before.GateOf(pending)),
                                      MessageText(lane, *pending.message),
                                      v1::PassGateRequest::HOW_NEVER);
    if (!dropped.ok()) return dropped;
  }
  return absl::OkStatus();
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
  v1::GateAt all = at;
  all.set_gate(std::string(kernel::kAllGates));
  for (int attempt = 0; attempt < kPatience; ++attempt) {
    const absl::Status passed = machine_.Pass(all, event, how);
    if (!absl::IsNotFound(passed)) return passed;
    if (!machine_.WaitForChange(attempt)) return TimeIsOver();
  }
  return WaitedInVain("it", at);
}

}  // namespace belfry::lab
