#include "lab/world_machine.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "kernel/functions.h"
#include "lab/happenings.h"
#include "trace/cluster.h"
#include "trace/codec.h"
#include "trace/cpu_snapshot.h"

namespace belfry::lab {
namespace {

constexpr std::uint32_t kDefaultCsdLockTimeoutMs = 1000;
// So often the runner looks at a machine that stands still before time passes:
// more often than it needs to believe what it sees.
constexpr int kLooksBeforeTimePasses = 5;
// Time that changes nothing will not change anything later.
constexpr int kPassedInVainMax = 8;
// A snapshot must list every call that a scenario queues.
constexpr std::uint32_t kMaxEntries = 10000;

std::uint32_t PlaceOf(const v1::GateAt& at) {
  return at.has_cpu() ? at.cpu() : World::kCoordinator;
}

absl::StatusOr<kernel::FuncId> FunctionNamed(absl::string_view name) {
  for (std::uint16_t i = 0; i < kernel::kBuiltinFunctions.size(); ++i) {
    if (kernel::kBuiltinFunctions[i] == name) return kernel::FuncId{i};
  }
  return absl::NotFoundError(
      absl::StrCat("there is no function ", name, " in memory"));
}

}  // namespace

WorldMachine::WorldMachine(const kernel::Profile& profile,
                           const v1::Machine& machine, std::uint64_t seed)
    : world_({.profile = profile,
              .cpus = machine.cpus(),
              .split_doorbell = machine.split_doorbell(),
              .prompt_doorbells = !machine.split_doorbell()}),
      csd_lock_timeout_(std::chrono::milliseconds(
          machine.csd_lock_timeout_ms() > 0 ? machine.csd_lock_timeout_ms()
                                            : kDefaultCsdLockTimeoutMs)),
      random_(seed),
      referee_(machine.cpus()),
      times_(machine.cpus()) {
  // In one order: the race is the scenario's.
  Happenings boot;
  world_.Boot(&boot);
  See(boot);
}

// ---- Gates.

absl::Status WorldMachine::Hold(const v1::GateAt& at) {
  world_.Hold(PlaceOf(at), at.gate());
  gates_.insert({PlaceOf(at), at.gate()});
  held_.insert({PlaceOf(at), at.gate()});
  return absl::OkStatus();
}

absl::Status WorldMachine::Release(const v1::GateAt& at) {
  world_.Release(PlaceOf(at), at.gate());
  held_.erase({PlaceOf(at), at.gate()});
  // What stood there is through before the next step.
  Run();
  return absl::OkStatus();
}

absl::Status WorldMachine::Pass(const v1::GateAt& at, const std::string& event,
                                v1::PassGateRequest::How how) {
  const auto& pending = world_.pending();
  for (std::uint32_t i = 0; i < pending.size(); ++i) {
    const World::Pending& p = pending[i];
    const std::uint32_t place =
        p.lane.to_coordinator() ? World::kCoordinator : p.lane.to;
    if (place == PlaceOf(at) && world_.GateOf(p) == at.gate() &&
        MessageText(p.lane, *p.message) == event) {
      if (how == v1::PassGateRequest::HOW_TWICE) world_.RepeatDoorbell({i});
      if (how == v1::PassGateRequest::HOW_NEVER) {
        world_.DropDoorbell({i});
      } else {
        Apply({i});
      }
      return absl::OkStatus();
    }
  }
  return absl::NotFoundError(absl::StrCat("no ", event, " waits there"));
}

absl::StatusOr<std::vector<v1::Gate>> WorldMachine::Gates(
    const v1::GateAt& at) {
  std::vector<v1::Gate> gates;
  for (const auto& [place, name] : gates_) {
    if (place != PlaceOf(at)) continue;
    v1::Gate& gate = gates.emplace_back();
    gate.set_name(name);
    gate.set_held(held_.contains({place, name}));
    gate.set_waiting(world_.WaitingAt(place, name));
  }
  return gates;
}

// ---- What comes from outside.

template <typename Predicate>
void WorldMachine::DeliverFirst(Predicate is_it) {
  const auto& pending = world_.pending();
  for (std::uint32_t place = 0; place < pending.size(); ++place) {
    if (is_it(*pending[place].message)) return Apply({place});
  }
}

template <typename Variant, typename Event>
void WorldMachine::Deliver() {
  DeliverFirst([](const Message& message) {
    const auto* event = std::get_if<Variant>(&message.event);
    return event != nullptr && std::holds_alternative<Event>(*event);
  });
}

std::uint32_t WorldMachine::Start(kernel::OpKind kind,
                                  const v1::Hotplug& hotplug) {
  kernel::Request request{.kind = kind, .cpu = {hotplug.cpu()}};
  if (hotplug.has_on()) request.control = kernel::CpuId{hotplug.on()};
  return Start(std::move(request));
}

std::uint32_t WorldMachine::Start(kernel::Request request) {
  const kernel::OpId id = world_.Ask(std::move(request));
  Deliver<kernel::CoordinatorEvent, kernel::Request>();
  return id.value;
}

absl::StatusOr<std::uint32_t> WorldMachine::Offline(
    const v1::Hotplug& hotplug) {
  return Start(kernel::OpKind::kOffline, hotplug);
}

absl::StatusOr<std::uint32_t> WorldMachine::Online(const v1::Hotplug& hotplug) {
  return Start(kernel::OpKind::kOnline, hotplug);
}

absl::StatusOr<std::uint32_t> WorldMachine::StopMachine(
    const std::string& cpus) {
  auto active = kernel::ParseCpuList(cpus);
  if (!active.ok()) return active.status();
  return Start({.kind = kernel::OpKind::kStop,
                .active = *std::move(active),
                .func = "nop"});
}

absl::Status WorldMachine::StartBlockIo(const v1::BlockIo& io) {
  completions_[io.on()] = 0;
  for (std::uint32_t i = 0; i < io.count(); ++i) {
    world_.DeviceIrq(io.on(), io.submitter());
    Deliver<kernel::CpuEvent, kernel::DeviceIrq>();
  }
  return absl::OkStatus();
}

absl::Status WorldMachine::StartIrqCallMany(const v1::IrqCallMany& irq) {
  auto cpus = kernel::ParseCpuList(irq.cpus());
  if (!cpus.ok()) return cpus.status();
  completions_[irq.on()] = 0;
  world_.Tell(irq.on(), kernel::DeviceIrq{.calls = *std::move(cpus)});
  Deliver<kernel::CpuEvent, kernel::DeviceIrq>();
  return absl::OkStatus();
}

absl::Status WorldMachine::StartCallMany(const v1::ScenarioCallMany& call) {
  const auto func = FunctionNamed(call.function());
  if (!func.ok()) return func.status();
  auto cpus = kernel::ParseCpuList(call.cpus());
  if (!cpus.ok()) return cpus.status();
  world_.Tell(call.from(), kernel::CallMany{.token = ++last_token_,
                                            .cpus = *std::move(cpus),
                                            .func = *func,
                                            .wait = call.wait()});
  Deliver<kernel::CpuEvent, kernel::CallMany>();
  return absl::OkStatus();
}

absl::Status WorldMachine::StartCall(const v1::ScenarioCall& call) {
  const std::uint32_t count = std::max<std::uint32_t>(call.count(), 1);
  if (call.wait()) return Issue(call, count - 1);
  for (std::uint32_t i = 0; i < count; ++i) {
    const absl::Status status = Issue(call, 0);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status WorldMachine::Act(const v1::CpuAct& act) {
  absl::StatusOr<kernel::CpuEvent> event = trace::FromProto(act);
  if (!event.ok()) return event.status();
  const std::size_t kind = event->index();
  world_.Tell(act.cpu(), *std::move(event));
  DeliverFirst([kind](const Message& message) {
    const auto* told = std::get_if<kernel::CpuEvent>(&message.event);
    return told != nullptr && told->index() == kind;
  });
  return absl::OkStatus();
}

absl::Status WorldMachine::Issue(const v1::ScenarioCall& call,
                                 std::uint32_t left) {
  const auto func = FunctionNamed(call.function());
  if (!func.ok()) return func.status();
  const kernel::Token token = ++last_token_;
  if (left > 0) repeated_[token] = {call, left};
  world_.Tell(call.from(), kernel::Call{.token = token,
                                        .dst = {call.cpu()},
                                        .func = *func,
                                        .wait = call.wait()});
  Deliver<kernel::CpuEvent, kernel::Call>();
  return absl::OkStatus();
}

absl::Status WorldMachine::StartStopTwo(const v1::ScenarioStopTwo& stop) {
  world_.Tell(stop.on(),
              kernel::StopTwoTask{
                  .token = ++last_token_, .a = {stop.a()}, .b = {stop.b()}});
  Deliver<kernel::CpuEvent, kernel::StopTwoTask>();
  return absl::OkStatus();
}

// ---- Moving.

bool WorldMachine::Step() {
  const std::vector<Move> moves = world_.Enabled();
  if (moves.empty()) return false;
  Apply(moves[random_.Below(moves.size())]);
  return true;
}

bool WorldMachine::Run() {
  if (!Step()) return false;
  while (Step()) {
  }
  return true;
}

bool WorldMachine::PassTime() {
  passed_ += csd_lock_timeout_;
  const Digest before = world_.fingerprint();
  world_.PassTime();
  Run();
  passed_in_vain_ = world_.fingerprint() == before ? passed_in_vain_ + 1 : 0;
  return passed_in_vain_ < kPassedInVainMax;
}

bool WorldMachine::WaitForChange(int attempt) {
  if (Run() || attempt < kLooksBeforeTimePasses) return true;
  return PassTime();
}

void WorldMachine::Apply(Move move) {
  Happenings happenings;
  world_.Apply(move, &happenings);
  See(happenings);
}

void WorldMachine::See(const Happenings& happenings) {
  referee_.See(happenings);
  for (const Happening& happening : happenings) {
    // Each event takes a microsecond.
    AppendEvents({happening},
                 passed_ + std::chrono::microseconds(events_.size() + 1),
                 &events_);
    if (const auto* op = std::get_if<kernel::Operation>(&happening.what)) {
      ended_[op->id] = *op;
    } else if (const auto* ended =
                   std::get_if<kernel::CallEnded>(&happening.what)) {
      const auto again = repeated_.extract(ended->token);
      if (!again.empty()) {
        // The function was found the first time.
        (void)Issue(again.mapped().call, again.mapped().left - 1);
      }
    } else if (happening.cpu) {
      const auto& event = std::get<kernel::TraceEvent>(happening.what);
      times_[happening.cpu->value].Begin(event, now());
      times_[happening.cpu->value].End(event);
      if (event.kind == kernel::TraceKind::kDeviceIrq) {
        ++completions_[happening.cpu->value];
      }
    }
  }
  for (const kernel::Cpu* cpu : world_.Living()) {
    times_[cpu->id().value].Trim(cpu->queue().size());
  }
}

trace::TimePoint WorldMachine::now() const {
  return trace::TimePoint(passed_ + std::chrono::microseconds(events_.size()));
}

// ---- Looking.

absl::StatusOr<v1::Operation> WorldMachine::GetOperation(std::uint32_t id) {
  const auto ended = ended_.find(kernel::OpId{id});
  if (ended != ended_.end()) return trace::ToProto(ended->second);
  v1::Operation operation;
  operation.set_id(id);
  return operation;
}

absl::StatusOr<v1::LoadStatus> WorldMachine::BlockIoStatus(std::uint32_t cpu) {
  v1::LoadStatus status;
  status.set_cpu(cpu);
  status.set_completions(completions_[cpu]);
  return status;
}

absl::StatusOr<v1::CpuSnapshot> WorldMachine::Snapshot(std::uint32_t cpu) {
  v1::CpuSnapshot snapshot = trace::MakeSnapshot(
      {.cpu = world_.cpu(cpu),
       .ledger = referee_.ledger(cpu),
       .times = times_[cpu],
       .doorbells_in_flight = world_.WaitingAt(cpu, "latch"),
       .name_of = FunctionName},
      kMaxEntries);
  snapshot.set_lamport(events_.size());
  *snapshot.mutable_time() = trace::ToTimestamp(now());
  return snapshot;
}

absl::StatusOr<v1::Cluster> WorldMachine::GetCluster() {
  v1::Cluster cluster = trace::DescribeCluster(world_.coordinator());
  cluster.set_gates(true);
  cluster.set_split_doorbell(world_.options().split_doorbell);
  for (v1::CpuInfo& info : *cluster.mutable_cpus()) {
    info.set_calls_carried(referee_.ledger(info.cpu()).carried());
  }
  return cluster;
}

absl::StatusOr<trace::MachineView> WorldMachine::View() {
  trace::MachineView view;
  view.cluster = *GetCluster();
  for (const v1::CpuInfo& info : view.cluster.cpus()) {
    view.cpus.push_back({.info = info, .snapshot = *Snapshot(info.cpu())});
  }
  view.events = events_;
  view.now = trace::ToTimestamp(now());
  return view;
}

}  // namespace belfry::lab
