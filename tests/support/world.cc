#include "tests/support/world.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "kernel/gate.h"

namespace belfry::testing {

using namespace kernel;  // NOLINT: this file is about little else.

World::World(WorldOptions options)
    : options_(std::move(options)), random_(options_.seed) {
  coordinator_.emplace(options_.profile, options_.cpus);
  for (std::uint32_t cpu = 0; cpu < options_.cpus; ++cpu) Restart(cpu);
}

void World::BootAll() {
  Run();
  for (std::uint32_t cpu = 1; cpu < options_.cpus; ++cpu) Online(cpu);
  Run();
}

// splitmix64: the same numbers from every standard library.
std::uint64_t World::Random(std::uint64_t bound) {
  std::uint64_t z = (random_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return (z ^ (z >> 31)) % bound;
}

World::Lane World::Own(Kind kind, std::uint32_t from, std::uint32_t to) {
  return {kind, from, to, ++lane_number_};
}

// ---- What happens to the machine.

Token World::Call(std::uint32_t cpu, std::uint32_t dst, bool wait) {
  const Token token = ++last_token_;
  Tell(cpu, kernel::Call{.token = token, .dst = {dst}, .wait = wait});
  return token;
}

void World::DeviceIrq(std::uint32_t cpu, std::uint32_t submitter) {
  Tell(cpu, kernel::DeviceIrq{{submitter}});
}

void World::Tell(std::uint32_t cpu, CpuEvent event) {
  lanes_[Own(Kind::kSelf, cpu, cpu)].push_back({.event = std::move(event)});
}

OpId World::Ask(Request request) {
  request.id = OpId{++last_op_};
  const OpId id = request.id;
  // One lane: operations get the lock in the order of their numbers.
  lanes_[{Kind::kDriver, 0, 0, 0}].push_back(
      {.event = CoordinatorEvent(std::move(request))});
  return id;
}

OpId World::Online(std::uint32_t cpu) {
  return Ask({.kind = OpKind::kOnline, .cpu = {cpu}});
}

OpId World::Offline(std::uint32_t cpu) {
  return Ask({.kind = OpKind::kOffline, .cpu = {cpu}});
}

void World::TellCoordinator(CoordinatorEvent event) {
  lanes_[Own(Kind::kDriver, 0, 0)].push_back({.event = std::move(event)});
}

// ---- Faults.

void World::EraseLanes(const std::function<bool(const Lane&)>& which) {
  std::erase_if(lanes_, [&](const auto& lane) { return which(lane.first); });
}

// Data and control links are ordered and lose a tail.
void World::LoseTail(const Lane& lane) {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return;
  found->second.resize(Random(found->second.size() + 1));
  if (found->second.empty()) lanes_.erase(found);
}

void World::Crash(std::uint32_t cpu) {
  const CpuId id{cpu};
  if (!cpus_.contains(id)) return;
  const Incarnation incarnation = cpus_.at(id)->incarnation();
  cpus_.erase(id);
  ledgers_.erase(id);
  std::erase_if(broken_, [&](const auto& link) {
    return link.first == cpu || link.second == cpu;
  });
  EraseLanes([&](const Lane& lane) {
    return lane.kind != Kind::kUp && lane.kind != Kind::kDriver &&
           lane.to == cpu;
  });
  for (std::uint32_t other = 0; other < options_.cpus; ++other) {
    LoseTail({Kind::kData, cpu, other, 0});
    LoseTail({Kind::kReply, cpu, other, 0});
  }
  LoseTail({Kind::kUp, cpu, 0, 0});
  attached_.erase(id);
  if (!coordinator_) return;
  lanes_[{Kind::kUp, cpu, 0, 0}].push_back(
      {.event = CoordinatorEvent(ProcessLost{id, incarnation})});
}

void World::Restart(std::uint32_t cpu) {
  const CpuId id{cpu};
  if (cpus_.contains(id)) return;
  const Incarnation incarnation{++incarnations_[id]};
  cpus_[id] = std::make_unique<Cpu>(
      CpuConfig{.id = id,
                .incarnation = incarnation,
                .profile = options_.profile,
                .split_doorbell = options_.split_doorbell,
                .queue_capacity = options_.queue_capacity});
  ledgers_.emplace(id, Ledger(id));
  lanes_[{Kind::kAttach, cpu, cpu, 0}].resize(1);
}

void World::BreakData(std::uint32_t from, std::uint32_t to) {
  if (!alive(from) || !alive(to)) return;
  broken_.insert({from, to});
  LoseTail({Kind::kData, from, to, 0});
  LoseTail({Kind::kReply, to, from, 0});
  // Each end sends again once it has read what did arrive.
  lanes_[{Kind::kReply, to, from, 0}].push_back(
      {.event = CpuEvent(LinkUp{{to}, false})});
  lanes_[{Kind::kData, from, to, 0}].push_back(
      {.event = CpuEvent(LinkUp{{from}, true})});
}

void World::BreakControl(std::uint32_t cpu) {
  const CpuId id{cpu};
  if (!attached_.erase(id)) return;
  LoseTail({Kind::kUp, cpu, 0, 0});
  LoseTail({Kind::kControl, 0, cpu, 0});
  if (Random(2) == 0) {
    lanes_[{Kind::kControl, 0, cpu, 0}].push_back(
        {.event = CpuEvent(CoordinatorLost{})});
  }
  lanes_[{Kind::kAttach, cpu, cpu, 0}].resize(1);
}

void World::CrashCoordinator() {
  if (!coordinator_) return;
  if (journal_.unconfirmed && Random(2) == 0) {
    journal_.record = *journal_.unconfirmed;
  }
  journal_.unconfirmed.reset();
  for (const Operation& op : coordinator_->queued()) {
    if (op.id.value != 0) ended_ops_[op.id] = op;
  }
  EraseLanes([](const Lane& lane) {
    return lane.kind == Kind::kUp || lane.kind == Kind::kDriver;
  });
  for (std::uint32_t cpu = 0; cpu < options_.cpus; ++cpu) {
    if (attached_.contains({cpu})) BreakControl(cpu);
  }
  coordinator_.reset();
}

void World::RestartCoordinator() {
  if (coordinator_) return;
  coordinator_.emplace(options_.profile, options_.cpus, journal_.record);
  recovery_timeout_due_ = true;
}

// ---- Gates.

void World::Hold(std::uint32_t place, absl::string_view gate) {
  held_.insert({place, std::string(gate)});
}

void World::Release(std::uint32_t place, absl::string_view gate) {
  held_.erase({place, std::string(gate)});
}

bool World::IsHeldAt(std::uint32_t place, absl::string_view gate) {
  for (const auto& [lane, messages] : lanes_) {
    const bool here = lane.kind == Kind::kDriver || lane.kind == Kind::kUp
                          ? place == kCoordinator
                          : place == lane.to;
    if (here && lane.kind != Kind::kAttach &&
        GateOf(lane, messages.front()) == gate) {
      return true;
    }
  }
  return false;
}

std::string World::GateOf(const Lane& lane, const Message& message) const {
  if (!message.gate.empty()) return message.gate;
  if (const auto* e = std::get_if<CoordinatorEvent>(&message.event)) {
    return kernel::GateOf(*e);
  }
  const auto cpu = cpus_.find({lane.to});
  if (cpu == cpus_.end()) return "";
  return kernel::GateOf(std::get<CpuEvent>(message.event), *cpu->second);
}

// ---- Running.

bool World::Enabled(const Lane& lane, const Message& message) const {
  // An old control link is read to its end before a new one comes up.
  if (lane.kind == Kind::kAttach) {
    return coordinator_.has_value() &&
           !lanes_.contains({Kind::kControl, 0, lane.from, 0});
  }
  const bool up = lane.kind == Kind::kUp || lane.kind == Kind::kDriver;
  if (up && !coordinator_) return false;
  if (held_.empty()) return true;
  const std::uint32_t place = up ? kCoordinator : lane.to;
  return !held_.contains({place, GateOf(lane, message)});
}

bool World::Step() {
  std::vector<Lane> enabled;
  std::vector<Lane> late;
  for (const auto& [lane, messages] : lanes_) {
    if (!Enabled(lane, messages.front())) continue;
    (lane.kind == Kind::kRing ? late : enabled).push_back(lane);
  }
  const bool rings_wait =
      static_cast<int>(Random(10)) < options_.doorbell_lateness;
  if (!rings_wait || enabled.empty()) {
    enabled.insert(enabled.end(), late.begin(), late.end());
  }
  if (enabled.empty()) return false;
  Deliver(enabled[Random(enabled.size())]);
  ++deliveries_;
  return true;
}

void World::Deliver(Lane lane) {
  const auto found = lanes_.find(lane);
  Message message = std::move(found->second.front());
  found->second.pop_front();
  if (found->second.empty()) lanes_.erase(found);
  if (lane.kind == Kind::kAttach) {
    Attach({lane.from});
  } else if (auto* up = std::get_if<CoordinatorEvent>(&message.event)) {
    StepCoordinator(std::move(*up));
  } else if (alive(lane.to)) {
    // A link belongs to two processes, and dies with either.
    const CpuId id{lane.to};
    const bool stale =
        (message.to.value != 0 && cpu(lane.to).incarnation() != message.to) ||
        (message.from.value != 0 &&
         IncarnationSeenBy(id, {lane.from}) != message.from);
    if (!stale) StepCpu(id, std::move(std::get<CpuEvent>(message.event)));
  }
}

void World::StepCpu(CpuId id, CpuEvent event) {
  if (const auto* up = std::get_if<LinkUp>(&event); up && !up->inbound) {
    broken_.erase({id.value, up->peer.value});
  }
  CpuEffects effects;
  cpus_.at(id)->Step(std::move(event), effects);
  for (CpuEffect& effect : effects) {
    std::visit([&](auto& e) { Do(id, e); }, effect);
  }
}

void World::StepCoordinator(CoordinatorEvent event) {
  const bool membership = std::holds_alternative<Attached>(event) ||
                          std::holds_alternative<ProcessLost>(event);
  if (std::holds_alternative<Journaled>(event) && journal_.unconfirmed) {
    journal_.record = *std::exchange(journal_.unconfirmed, std::nullopt);
  }
  CoordinatorEffects effects;
  coordinator_->Step(std::move(event), effects);
  if (membership) {
    Write([&](Recovery& record) { record.cpus = coordinator_->cpus(); });
  }
  for (CoordinatorEffect& effect : effects) {
    std::visit([&](auto& e) { Do(e); }, effect);
  }
}

// Writes reach the journal in order: this one, so the leg before it too.
void World::Write(const std::function<void(Recovery&)>& change) {
  if (journal_.unconfirmed) journal_.record = *journal_.unconfirmed;
  change(journal_.record);
  if (journal_.unconfirmed) journal_.unconfirmed = journal_.record;
}

void World::Attach(CpuId id) {
  if (!cpus_.contains(id)) return;
  attached_.insert(id);
  lanes_[{Kind::kUp, id.value, 0, 0}].push_back(
      {.event = CoordinatorEvent(Attached{id, cpus_.at(id)->status()})});
}

bool World::RunUntil(const std::function<bool()>& done) {
  for (int i = 0; i < 200000; ++i) {
    if (done()) return true;
    if (!Step()) return false;
  }
  return false;
}

void World::Run() {
  RunUntil([] { return false; });
}

void World::PassTime() {
  if (coordinator_ && std::exchange(recovery_timeout_due_, false)) {
    // Due whether it still recovers or not: it names those that did not come.
    TellCoordinator(RecoveryTimeout{});
  }
  for (const auto& [id, cpu] : cpus_) {
    if (!cpu->backed_off().empty()) Tell(id.value, Retry{});
    for (const auto& [dst, peer] : cpu->peers()) {
      peer.out.ForEach([&, me = id, to = dst](Seq seq, const Outgoing& call) {
        if (call.wait) Tell(me.value, Overdue{to, seq});
      });
    }
  }
}

void World::Settle() {
  std::size_t before = 0;
  do {
    Run();
    before = ended_calls_.size() + ended_ops_.size();
    for (int i = 0; i < 3; ++i) {
      PassTime();
      Run();
    }
  } while (ended_calls_.size() + ended_ops_.size() != before);
}

// ---- Looking.

Incarnation World::IncarnationSeenBy(CpuId cpu, CpuId peer) const {
  const auto& peers = cpus_.at(cpu)->peers();
  const auto found = peers.find(peer);
  return found == peers.end() ? Incarnation{} : found->second.incarnation;
}

std::vector<const Cpu*> World::Living() const {
  std::vector<const Cpu*> living;
  for (const auto& [id, cpu] : cpus_) living.push_back(cpu.get());
  return living;
}

DoorbellsInFlight World::DoorbellsInFlight() const {
  kernel::DoorbellsInFlight rings;
  for (const auto& [lane, messages] : lanes_) {
    if (lane.kind == Kind::kRing) ++rings[{lane.to}];
  }
  // A split ring that is not sent yet: the news that it is due is on its way.
  for (const auto& [lane, messages] : lanes_) {
    if (lane.kind != Kind::kReply || !options_.split_doorbell) continue;
    ++rings[{lane.from}];
  }
  // Nor one whose sender died: the target rings itself when it hears of it.
  for (const auto& [id, cpu] : cpus_) {
    if (cpu->queue().empty()) continue;
    const CsdKey first = cpu->queue().calls().front().key;
    const auto sender = cpus_.find(first.src);
    const Peer& peer = cpu->peers().at(first.src);
    if ((sender == cpus_.end() ||
         sender->second->incarnation() != first.src_incarnation) &&
        peer.incarnation == first.src_incarnation && !peer.gone) {
      ++rings[id];
    }
  }
  return rings;
}

Violations World::Check() const {
  Violations found = observer_.violations();
  const std::vector<const Cpu*> living = Living();
  CheckNoStrandedQueue(living, DoorbellsInFlight(), found);
  for (const Cpu* cpu : living) {
    CheckConservation(*cpu, ledgers_.at(cpu->id()), found);
    CheckNothingLeftBehind(*cpu, found);
  }
  if (coordinator_) CheckOneView(living, *coordinator_, found);
  return found;
}

void World::Judge(bool at_rest) {
  Violations found = Check();
  if (at_rest) {
    for (const Cpu* cpu : Living()) CheckEveryWaitEnds(*cpu, found);
  }
  for (Violation& v : found) {
    const std::string where =
        v.cpu ? absl::StrCat("cpu ", v.cpu->value, ": ") : "";
    violated_.try_emplace(
        v.invariant,
        absl::StrCat("after ", deliveries_, " deliveries: ", where, v.what));
  }
}

void World::Record(std::int64_t cpu, const TraceEvent& e) {
  absl::StrAppend(&trace_, "cpu ", cpu, " ", TraceName(e.kind));
  if (e.about) absl::StrAppend(&trace_, " about=", e.about->value);
  if (e.csd) {
    absl::StrAppend(&trace_, " csd=", e.csd->src.value, ".",
                    e.csd->src_incarnation.value, ".", e.csd->seq);
  }
  absl::StrAppend(&trace_, " ", e.value, " ", e.value2, " ", e.detail,
                  e.irqs_masked ? " masked\n" : "\n");
}

// ---- Effects of a CPU.

void World::Do(CpuId cpu, SendEnqueue& e) {
  if (broken_.contains({cpu.value, e.dst.value})) return;
  std::deque<Message>& link = lanes_[{Kind::kData, cpu.value, e.dst.value, 0}];
  const Incarnation to = IncarnationSeenBy(cpu, e.dst);
  const Confirmed confirmed{cpu, cpus_.at(cpu)->incarnation(),
                            cpus_.at(cpu)->done_through(e.dst)};
  link.push_back({.event = CpuEvent(confirmed), .to = to});
  link.push_back(
      {.event = CpuEvent(Enqueue{.csd = std::move(e.csd), .fused = e.fused}),
       .to = to});
}

void World::Do(CpuId cpu, SendEnqueued& e) {
  lanes_[{Kind::kReply, cpu.value, e.dst.value, 0}].push_back(
      {.event = CpuEvent(Enqueued{cpu, e.seq, e.was_empty, e.rung, e.error}),
       .from = cpus_.at(cpu)->incarnation(),
       .to = IncarnationSeenBy(cpu, e.dst)});
}

void World::Do(CpuId cpu, SendDone& e) {
  lanes_[{Kind::kReply, cpu.value, e.dst.value, 0}].push_back(
      {.event = CpuEvent(Done{cpu, e.seq, e.error, std::move(e.result)}),
       .from = cpus_.at(cpu)->incarnation(),
       .to = IncarnationSeenBy(cpu, e.dst)});
}

void World::Do(CpuId cpu, SendRing& e) {
  lanes_[Own(Kind::kRing, cpu.value, e.dst.value)].push_back(
      {.event = CpuEvent(
           Doorbell{{cpu, cpus_.at(cpu)->incarnation(), e.seq}, true})});
}

void World::Do(CpuId cpu, RingSelf& e) {
  lanes_[Own(Kind::kRing, e.key.src.value, cpu.value)].push_back(
      {.event = CpuEvent(Doorbell{e.key, false})});
}

void World::Do(CpuId cpu, SendLatched& e) {
  lanes_[Own(Kind::kRing, cpu.value, e.dst.value)].push_back(
      {.event = CpuEvent(Latched{cpu, e.seq}),
       .from = cpus_.at(cpu)->incarnation()});
}

void World::Do(CpuId cpu, RaiseIrq&) { Tell(cpu.value, IrqEntry{}); }

void World::Do(CpuId cpu, RunFunction& e) {
  lanes_[Own(Kind::kSelf, cpu.value, cpu.value)].push_back(
      {.event = CpuEvent(FunctionReturned{}),
       .gate = kernel::GateOf(CpuEffect(e))});
}

void World::Do(CpuId cpu, NextStep& e) {
  Tell(cpu.value, RunStep{e.walk, e.step});
}

void World::Do(CpuId, CallEnded& e) { ended_calls_[e.token] = std::move(e); }

void World::Do(CpuId cpu, kernel::Tell& e) {
  if (!attached_.contains(cpu) || !coordinator_) return;
  lanes_[{Kind::kUp, cpu.value, 0, 0}].push_back(
      {.event = CoordinatorEvent(FromCpuEvent{cpu, cpus_.at(cpu)->incarnation(),
                                              std::move(e.message)})});
}

void World::Do(CpuId cpu, Trace& e) {
  ledgers_.at(cpu).Apply(e.event);
  observer_.Observe(cpu, e.event);
  Record(cpu.value, e.event);
}

// ---- Effects of the coordinator.

void World::Do(JournalLeg& e) {
  journal_.unconfirmed = Recovery{.view = e.view,
                                  .last_generation = e.last_generation,
                                  .cpus = coordinator_->cpus(),
                                  .op = e.op};
  TellCoordinator(Journaled{e.op.id, e.op.leg});
}

void World::Do(JournalView& e) {
  Write([&](Recovery& record) { record.view = e.view; });
}

void World::Do(TellCpu& e) {
  if (!attached_.contains(e.cpu)) return;
  lanes_[{Kind::kControl, 0, e.cpu.value, 0}].push_back(
      {.event = std::visit(
           [](auto& message) { return CpuEvent(std::move(message)); },
           e.message),
       .to = coordinator_->cpus().at(e.cpu).incarnation});
}

void World::Do(AdvanceStop& e) {
  TellCoordinator(PublishState{e.generation, e.state});
}

void World::Do(OpEnded& e) {
  if (!e.refused) journal_.record.op.reset();
  ended_ops_[e.op.id] = std::move(e.op);
}

void World::Do(CoordinatorTrace& e) {
  observer_.ObserveCoordinator(e.event);
  Record(-1, e.event);
}

}  // namespace belfry::testing
