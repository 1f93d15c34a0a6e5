#include "lab/world.h"

#include <algorithm>
#include <utility>

#include "kernel/gate.h"
#include "lab/step_cache.h"

namespace belfry::lab {

using namespace kernel;  // NOLINT: this file is about little else.

World::World(WorldOptions options)
    : options_(std::move(options)),
      cpus_(options_->cpus),
      coordinator_(Coordinator(options_->profile, options_->cpus)),
      surroundings_(Surroundings{}) {
  for (std::uint32_t cpu = 0; cpu < options_->cpus; ++cpu) Restart(cpu);
}

Cpu World::NewCpu(std::uint32_t cpu, Processes processes) const {
  return Cpu({.id = {cpu},
              .incarnation = surroundings_->incarnations.at({cpu}),
              .profile = options_->profile,
              .split_doorbell = options_->split_doorbell,
              .queue_capacity = options_->queue_capacity,
              .processes = std::move(processes)});
}

void World::RunToRest(Happenings* out) {
  for (auto moves = Enabled(); !moves.empty(); moves = Enabled()) {
    Apply(moves.front(), out);
  }
}

void World::Boot(Happenings* out) {
  RunToRest(out);
  for (std::uint32_t cpu = 1; cpu < options_->cpus; ++cpu) {
    Ask({.kind = OpKind::kOnline, .cpu = {cpu}});
  }
  RunToRest(out);
}

// The coordinator finds its CPUs as one does that comes back. What it tells
// them then, they know from their table.
void World::BootAtOnce(Happenings& out) {
  pending_.clear();
  Surroundings& around = surroundings_.Mutable();
  const OpId boot{++around.last_op};
  const View view{1, CpuMask::FirstN(options_->cpus)};
  const CpuhpState online = CpuhpTable(options_->profile.steps).online();
  around.record.view = view;
  constexpr Incarnation first{1};
  const auto processes =
      std::make_shared<const std::vector<Incarnation>>(options_->cpus, first);
  for (CpuId id : view.online.cpus()) {
    Cpu cpu = NewCpu(id.value, processes);
    CpuEffects effects;
    cpu.Step(Kick{boot}, effects);
    cpu.Step(BringOnline{boot}, effects);
    cpu.Step(SetView{view}, effects);
    for (const CpuEffect& effect : effects) {
      if (const auto* trace = std::get_if<Trace>(&effect)) {
        out.push_back({id, trace->event});
      }
    }
    cpus_[id.value] = Shared<Cpu>(std::move(cpu));
    around.attached.insert(id);
    around.record.cpus[id] = {.incarnation = first, .state = online};
  }
  Coordinator coordinator(options_->profile, options_->cpus, around.record);
  for (CpuId id : view.online.cpus()) {
    CoordinatorEffects known;
    coordinator.Step(Attached{id, cpu(id.value).status()}, known);
  }
  coordinator_ = Shared<Coordinator>(std::move(coordinator));
}

// ---- Messages.

bool IsDoorbell(const Message& message) {
  const auto* event = std::get_if<CpuEvent>(&message.event);
  return event != nullptr && std::holds_alternative<Doorbell>(*event);
}

bool IsTaking(const Message& message) {
  const auto* event = std::get_if<CpuEvent>(&message.event);
  return event != nullptr && (std::holds_alternative<IrqEntry>(*event) ||
                              std::holds_alternative<IdleExit>(*event));
}

void World::Post(const Lane& lane, Message message) {
  Pending pending{lane, Shared<Message>(std::move(message))};
  if (options_->on_post) options_->on_post(lane, pending.message);
  Insert(std::move(pending));
}

void World::Insert(Pending pending) {
  const auto [first, last] = std::equal_range(
      pending_.begin(), pending_.end(), pending,
      [](const Pending& a, const Pending& b) { return a.lane < b.lane; });
  auto place = last;
  if (pending.lane.is_bag()) {
    while (place != first && pending.message.fingerprint() <
                                 std::prev(place)->message.fingerprint()) {
      --place;
    }
  }
  pending_.insert(place, std::move(pending));
}

bool World::Has(const Lane& lane) const {
  return std::any_of(pending_.begin(), pending_.end(),
                     [&](const Pending& p) { return p.lane == lane; });
}

// ---- What happens to the machine.

Token World::Call(std::uint32_t cpu, std::uint32_t dst, bool wait) {
  const Token token = ++surroundings_.Mutable().last_token;
  Tell(cpu, kernel::Call{.token = token, .dst = {dst}, .wait = wait});
  return token;
}

Token World::StopTwo(std::uint32_t cpu, std::uint32_t a, std::uint32_t b) {
  const Token token = ++surroundings_.Mutable().last_token;
  Tell(cpu, StopTwoTask{.token = token, .a = {a}, .b = {b}});
  return token;
}

Token World::CallMany(std::uint32_t cpu, CpuMask cpus, bool wait) {
  const Token token = ++surroundings_.Mutable().last_token;
  Tell(cpu,
       kernel::CallMany{.token = token, .cpus = std::move(cpus), .wait = wait});
  return token;
}

void World::DeviceIrq(std::uint32_t cpu, std::uint32_t submitter) {
  Tell(cpu, kernel::DeviceIrq{.submitter = {submitter}});
}

void World::Tell(std::uint32_t cpu, CpuEvent event) {
  Post({Lane::Kind::kSelf, cpu, cpu}, {.event = std::move(event)});
}

OpId World::Ask(Request request) {
  request.id = OpId{++surroundings_.Mutable().last_op};
  const OpId id = request.id;
  Post({Lane::Kind::kRequest, 0, 0},
       {.event = CoordinatorEvent(std::move(request))});
  return id;
}

void World::TellCoordinator(CoordinatorEvent event) {
  Post({Lane::Kind::kDriver, 0, 0}, {.event = std::move(event)});
}

void World::PassTime() {
  if (coordinator_ && surroundings_->recovery_timeout_due) {
    surroundings_.Mutable().recovery_timeout_due = false;
    // Due whether it still recovers or not: it names those that did not come.
    TellCoordinator(RecoveryTimeout{});
  }
  for (const Cpu* cpu : Living()) {
    const std::uint32_t me = cpu->id().value;
    if (!cpu->backed_off().empty()) Tell(me, Retry{});
    for (const auto& [dst, peer] : cpu->peers()) {
      peer.out.ForEach([&, to = dst](Seq seq, const Outgoing& call) {
        if (call.wait) Tell(me, Overdue{to, seq});
      });
    }
  }
}

// ---- Faults.

void World::EraseLanes(const std::function<bool(const Lane&)>& which) {
  std::erase_if(pending_, [&](const Pending& p) { return which(p.lane); });
}

// Data and control links are ordered and lose a tail.
void World::LoseTail(const Lane& lane, const Choose& choose) {
  const auto size = static_cast<std::uint64_t>(
      std::count_if(pending_.begin(), pending_.end(),
                    [&](const Pending& p) { return p.lane == lane; }));
  if (size == 0) return;
  std::uint64_t kept = choose(size + 1);
  std::erase_if(pending_, [&](const Pending& p) {
    if (p.lane != lane) return false;
    if (kept == 0) return true;
    --kept;
    return false;
  });
}

bool World::Crash(std::uint32_t cpu, const Choose& choose) {
  if (!alive(cpu)) return false;
  const CpuId id{cpu};
  const Incarnation incarnation = cpus_[cpu]->incarnation();
  cpus_[cpu].reset();
  Surroundings& around = surroundings_.Mutable();
  std::erase_if(around.broken, [&](const auto& link) {
    return link.first == id || link.second == id;
  });
  EraseLanes([&](const Lane& lane) {
    return !lane.to_coordinator() && lane.to == cpu;
  });
  for (std::uint32_t other = 0; other < options_->cpus; ++other) {
    LoseTail({Lane::Kind::kData, cpu, other}, choose);
    LoseTail({Lane::Kind::kReply, cpu, other}, choose);
  }
  LoseTail({Lane::Kind::kUp, cpu, 0}, choose);
  around.attached.erase(id);
  if (!coordinator_) return true;
  Post({Lane::Kind::kUp, cpu, 0},
       {.event = CoordinatorEvent(ProcessLost{id, incarnation})});
  return true;
}

bool World::Restart(std::uint32_t cpu) {
  if (alive(cpu)) return false;
  ++surroundings_.Mutable().incarnations[{cpu}].value;
  // It is told of the others when it has attached.
  cpus_[cpu] = Shared<Cpu>(NewCpu(cpu, nullptr));
  Post({Lane::Kind::kAttach, cpu, cpu}, {});
  return true;
}

void World::BreakData(std::uint32_t from, std::uint32_t to,
                      const Choose& choose) {
  if (!alive(from) || !alive(to)) return;
  surroundings_.Mutable().broken.insert({CpuId{from}, CpuId{to}});
  LoseTail({Lane::Kind::kData, from, to}, choose);
  LoseTail({Lane::Kind::kReply, to, from}, choose);
  // Each end sends again once it has read what did arrive.
  Post({Lane::Kind::kReply, to, from},
       {.event = CpuEvent(LinkUp{{to}, false, true})});
  Post({Lane::Kind::kData, from, to},
       {.event = CpuEvent(LinkUp{{from}, true, true})});
}

void World::BreakControl(std::uint32_t cpu, const Choose& choose) {
  if (!surroundings_.Mutable().attached.erase({cpu})) return;
  LoseTail({Lane::Kind::kUp, cpu, 0}, choose);
  LoseTail({Lane::Kind::kControl, 0, cpu}, choose);
  if (choose(2) == 0) {
    Post({Lane::Kind::kControl, 0, cpu},
         {.event = CpuEvent(CoordinatorLost{})});
  }
  Post({Lane::Kind::kAttach, cpu, cpu}, {});
}

void World::DropDoorbell(Move move) {
  ++surroundings_.Mutable().dropped;
  pending_.erase(pending_.begin() + move.place);
}

void World::RepeatDoorbell(Move move) {
  const Pending rung = pending_[move.place];
  Post(rung.lane, *rung.message);
}

void World::CrashCoordinator(const Choose& choose, Happenings& out) {
  if (!coordinator_) return;
  Surroundings& around = surroundings_.Mutable();
  if (around.unconfirmed && choose(2) == 0) around.record = *around.unconfirmed;
  around.unconfirmed.reset();
  for (const Operation& op : coordinator_->queued()) {
    if (op.id.value != 0) out.push_back({{}, op});
  }
  // It has only the place behind the readers, and is in no journal yet.
  const auto& current = coordinator_->current();
  if (current && current->leg == Leg::kQueued) out.push_back({{}, *current});
  EraseLanes([](const Lane& lane) { return lane.to_coordinator(); });
  for (std::uint32_t cpu = 0; cpu < options_->cpus; ++cpu) {
    BreakControl(cpu, choose);
  }
  coordinator_.reset();
}

void World::RestartCoordinator() {
  if (coordinator_) return;
  Surroundings& around = surroundings_.Mutable();
  coordinator_ = Shared<Coordinator>(
      Coordinator(options_->profile, options_->cpus, around.record));
  around.recovery_timeout_due = true;
}

// ---- Gates.

void World::Hold(std::uint32_t place, absl::string_view gate) {
  surroundings_.Mutable().held.insert({CpuId{place}, std::string(gate)});
}

void World::Release(std::uint32_t place, absl::string_view gate) {
  surroundings_.Mutable().held.erase({CpuId{place}, std::string(gate)});
}

std::uint32_t World::WaitingAt(std::uint32_t place,
                               absl::string_view gate) const {
  std::uint32_t count = 0;
  const Lane* moving = nullptr;
  for (const Pending& p : pending_) {
    const bool behind = moving != nullptr && *moving == p.lane;
    if (!StandsAtGate(p)) {
      if (!p.lane.is_bag()) moving = &p.lane;
      continue;
    }
    const bool here =
        p.lane.to_coordinator() ? place == kCoordinator : place == p.lane.to;
    if (here && !behind && GateOf(p) == gate) ++count;
  }
  return count;
}

bool World::StandsAtGate(const Pending& pending) const {
  const Lane& lane = pending.lane;
  if (surroundings_->held.empty() || lane.kind == Lane::Kind::kAttach) {
    return false;
  }
  const std::uint32_t place = lane.to_coordinator() ? kCoordinator : lane.to;
  return surroundings_->held.contains({CpuId{place}, GateOf(pending)});
}

std::string World::GateOf(const Pending& pending) const {
  const Message& message = *pending.message;
  if (!message.gate.empty()) return message.gate;
  if (const auto* e = std::get_if<CoordinatorEvent>(&message.event)) {
    return kernel::GateOf(*e);
  }
  if (!alive(pending.lane.to)) return "";
  return kernel::GateOf(std::get<CpuEvent>(message.event),
                        cpu(pending.lane.to));
}

bool World::HasItsTarget(const Pending& pending) const {
  if (pending.lane.to_coordinator()) return true;
  const Incarnation to = pending.message->to;
  return alive(pending.lane.to) &&
         (to.value == 0 || cpu(pending.lane.to).incarnation() == to);
}

// To one that is told of it.
bool World::HasItsSource(const Pending& pending) const {
  const Incarnation from = pending.message->from;
  return from.value == 0 ||
         IncarnationSeenBy({pending.lane.to}, {pending.lane.from}) == from;
}

// ---- Moving.

bool World::CanDeliver(const Pending& pending) const {
  const Lane& lane = pending.lane;
  // An old control link is read to its end before a new one comes up.
  if (lane.kind == Lane::Kind::kAttach) {
    return coordinator_ && !Has({Lane::Kind::kControl, 0, lane.from});
  }
  return !lane.to_coordinator() || coordinator_;
}

std::vector<Move> World::Enabled() const {
  std::vector<Move> enabled;
  Enabled(&enabled);
  return enabled;
}

void World::Enabled(std::vector<Move>* enabled) const {
  enabled->clear();
  CpuMask rung;
  const auto rings = [](const Pending& p) {
    return IsDoorbell(*p.message) || IsTaking(*p.message);
  };
  if (options_->prompt_doorbells) {
    for (const Pending& p : pending_) {
      if (rings(p) && CanDeliver(p) && !StandsAtGate(p)) {
        rung.Add({p.lane.to});
      }
    }
  }
  const Pending* last = nullptr;
  for (std::uint32_t i = 0; i < pending_.size(); ++i) {
    const Pending& p = pending_[i];
    if (StandsAtGate(p)) continue;
    const bool same_lane = last != nullptr && last->lane == p.lane;
    const bool seen =
        same_lane && (!p.lane.is_bag() ||
                      last->message.fingerprint() == p.message.fingerprint());
    last = &p;
    if (seen || !CanDeliver(p)) continue;
    if (!rung.empty() && !p.lane.to_coordinator() && rung.Has({p.lane.to}) &&
        !rings(p)) {
      continue;
    }
    enabled->push_back({i});
  }
}

std::optional<World::Standing> World::Find(
    const Lane& lane, const Shared<Message>& message) const {
  auto place = std::lower_bound(
      pending_.begin(), pending_.end(), lane,
      [](const Pending& p, const Lane& wanted) { return p.lane < wanted; });
  for (bool first = true; place != pending_.end() && place->lane == lane;
       ++place, first = false) {
    if (!place->message.is(message)) continue;
    return Standing{
        .move = {static_cast<std::uint32_t>(place - pending_.begin())},
        .enabled = (first || lane.is_bag()) && CanDeliver(*place)};
  }
  return std::nullopt;
}

void World::Apply(Move move, Happenings* out, StepCache* cache) {
  const Pending taken = std::move(pending_[move.place]);
  pending_.erase(pending_.begin() + move.place);
  const bool remembered = cache != nullptr && coordinator_ &&
                          (out == nullptr || cache->with_happenings());
  if (!remembered) return Deliver(taken, out);
  const Step& step = cache->Get(StepKey(taken), [&] { return StepOf(taken); });
  if (step.cpu) cpus_[taken.lane.to] = step.cpu;
  if (step.coordinator) coordinator_ = step.coordinator;
  surroundings_ = step.surroundings;
  for (const Pending& posted : step.posted) Insert(posted);
  if (out != nullptr) {
    out->insert(out->end(), step.happened.begin(), step.happened.end());
  }
}

// All that a delivery reads: one machine, for no message concerns two, and the
// surroundings.
Digest World::StepKey(const Pending& taken) const {
  Fingerprinter f;
  f.Add(taken.lane);
  f.Add(taken.message.fingerprint());
  f.Add(taken.lane.to_coordinator() ? coordinator_.fingerprint()
                                    : cpus_[taken.lane.to].fingerprint());
  f.Add(surroundings_.fingerprint());
  return f.Get();
}

World::Step World::StepOf(const Pending& taken) const {
  World alone = *this;
  alone.pending_.clear();
  Step step;
  alone.Deliver(taken, &step.happened);
  if (taken.lane.to_coordinator()) {
    step.coordinator = alone.coordinator_;
  } else {
    step.cpu = alone.cpus_[taken.lane.to];
  }
  step.surroundings = alone.surroundings_;
  step.posted = alone.pending_;
  return step;
}

World World::Borrowed() const {
  World borrowed = *this;
  borrowed.options_ = options_.Borrowed();
  for (Shared<Cpu>& cpu : borrowed.cpus_) cpu = cpu.Borrowed();
  borrowed.coordinator_ = coordinator_.Borrowed();
  borrowed.surroundings_ = surroundings_.Borrowed();
  for (Pending& pending : borrowed.pending_) {
    pending.message = pending.message.Borrowed();
  }
  return borrowed;
}

void World::Deliver(const Pending& taken, Happenings* out) {
  happenings_ = out;
  const Message& message = *taken.message;
  if (taken.lane.kind == Lane::Kind::kAttach) {
    Attach({taken.lane.from});
  } else if (taken.lane.to_coordinator()) {
    StepCoordinator(std::get<CoordinatorEvent>(message.event));
  } else if (!IsStale(taken)) {
    const CpuId id{taken.lane.to};
    Greet(id, taken);
    StepCpu(id, std::get<CpuEvent>(message.event));
  }
  happenings_ = nullptr;
}

// The first frame on a link says whose it is, so that a process may be called
// by one that the coordinator has not told it of yet. Nobody is called by a
// process that is new to it but through a Confirmed first.
void World::Greet(CpuId id, const Pending& arrived) {
  if (arrived.lane.kind != Lane::Kind::kData) return;
  const auto* confirmed =
      std::get_if<Confirmed>(&std::get<CpuEvent>(arrived.message->event));
  if (confirmed == nullptr ||
      confirmed->incarnation <= IncarnationSeenBy(id, confirmed->from)) {
    return;
  }
  StepCpu(id, PeerIs{confirmed->from, confirmed->incarnation});
}

void World::StepCpu(CpuId id, const CpuEvent& event) {
  if (const auto* up = std::get_if<LinkUp>(&event); up && !up->inbound) {
    surroundings_.Mutable().broken.erase({id, up->peer});
  }
  CpuEffects effects;
  cpus_[id.value].Mutable().Step(event, effects);
  for (const CpuEffect& effect : effects) {
    std::visit([&](const auto& e) { Do(id, e); }, effect);
  }
}

void World::StepCoordinator(const CoordinatorEvent& event) {
  const bool membership = std::holds_alternative<Attached>(event) ||
                          std::holds_alternative<ProcessLost>(event);
  if (std::holds_alternative<Journaled>(event) && surroundings_->unconfirmed) {
    Surroundings& around = surroundings_.Mutable();
    around.record = *std::exchange(around.unconfirmed, std::nullopt);
  }
  CoordinatorEffects effects;
  coordinator_.Mutable().Step(event, effects);
  if (membership) {
    Write([&](Recovery& record) { record.cpus = coordinator_->cpus(); });
  }
  for (const CoordinatorEffect& effect : effects) {
    std::visit([&](const auto& e) { Do(e); }, effect);
  }
}

// Writes reach the journal in order: this one, so the leg before it too.
void World::Write(const std::function<void(Recovery&)>& change) {
  Surroundings& around = surroundings_.Mutable();
  if (around.unconfirmed) around.record = *around.unconfirmed;
  change(around.record);
  if (around.unconfirmed) around.unconfirmed = around.record;
}

void World::Attach(CpuId id) {
  if (!alive(id.value)) return;
  surroundings_.Mutable().attached.insert(id);
  Post({Lane::Kind::kUp, id.value, 0},
       {.event = CoordinatorEvent(Attached{id, cpu(id.value).status()})});
}

// ---- Looking.

Incarnation World::IncarnationSeenBy(CpuId id, CpuId peer) const {
  return cpu(id.value).IncarnationOf(peer);
}

std::vector<const Cpu*> World::Living() const {
  std::vector<const Cpu*> living;
  for (const Shared<Cpu>& cpu : cpus_) {
    if (cpu) living.push_back(&*cpu);
  }
  return living;
}

DoorbellsInFlight World::DoorbellsInFlight() const {
  kernel::DoorbellsInFlight rings;
  std::set<Lane> replies;
  for (const Pending& p : pending_) {
    if (IsDoorbell(*p.message)) ++rings[{p.lane.to}];
    // A split ring that is not sent yet: the news that it is due is on its way.
    if (p.lane.kind == Lane::Kind::kReply && options_->split_doorbell &&
        replies.insert(p.lane).second) {
      ++rings[{p.lane.from}];
    }
  }
  // Nor one whose sender died: the target rings itself when it hears of it.
  for (const Cpu* cpu : Living()) {
    if (cpu->queue().empty()) continue;
    const CsdKey first = cpu->queue().calls().front().key;
    const bool sender_lives =
        alive(first.src.value) &&
        this->cpu(first.src.value).incarnation() == first.src_incarnation;
    const Peer& peer = cpu->peers().at(first.src);
    if (!sender_lives && peer.incarnation == first.src_incarnation &&
        !peer.gone) {
      ++rings[cpu->id()];
    }
  }
  return rings;
}

Digest World::fingerprint() const {
  Fingerprinter f;
  for (const Shared<Cpu>& cpu : cpus_) f.Add(cpu.fingerprint());
  f.Add(coordinator_.fingerprint());
  f.Add(surroundings_.fingerprint());
  for (const Pending& p : pending_) {
    f.Add(p.lane);
    f.Add(p.message.fingerprint());
  }
  return f.Get();
}

// A sum, for renamed CPUs and lanes come in another order; what has an order of
// its own, a link, counts its messages.
Digest World::fingerprint(std::span<const Renaming> renamings,
                          std::size_t which) const {
  const NewNames names{&renamings[which]};
  Digest parts;
  for (std::uint32_t cpu = 0; cpu < cpus_.size(); ++cpu) {
    RenamingFingerprinter f(names);
    f.Add(CpuId{cpu});
    f.Add(cpus_[cpu].fingerprint(renamings, which));
    parts += f.Get();
  }
  std::uint32_t ahead = 0;
  const Lane* last = nullptr;
  for (const Pending& p : pending_) {
    const bool behind = last != nullptr && *last == p.lane;
    ahead = behind && !p.lane.is_bag() ? ahead + 1 : 0;
    last = &p.lane;
    RenamingFingerprinter f(names);
    f.Add(p.lane);
    f.Add(ahead);
    f.Add(p.message.fingerprint(renamings, which));
    parts += f.Get();
  }
  Fingerprinter f;
  f.Add(parts);
  f.Add(coordinator_.fingerprint(renamings, which));
  f.Add(surroundings_.fingerprint(renamings, which));
  return f.Get();
}

// ---- Effects of a CPU.

void World::Note(std::optional<CpuId> cpu, Happening happening) {
  if (happenings_ == nullptr) return;
  happening.cpu = cpu;
  happenings_->push_back(std::move(happening));
}

void World::Do(CpuId id, const SendEnqueue& e) {
  if (surroundings_->broken.contains({id, e.dst})) return;
  PostConfirmed(id, e.dst);
  Post({Lane::Kind::kData, id.value, e.dst.value},
       {.event = CpuEvent(Enqueue{.csd = e.csd, .fused = e.fused}),
        .to = IncarnationSeenBy(id, e.dst)});
}

// Every frame of a data link begins with it.
void World::PostConfirmed(CpuId id, CpuId dst) {
  const Cpu& source = cpu(id.value);
  Post({Lane::Kind::kData, id.value, dst.value},
       {.event = CpuEvent(
            Confirmed{id, source.incarnation(), source.done_through(dst)}),
        .to = IncarnationSeenBy(id, dst)});
}

void World::Do(CpuId id, const SendStopTwo& e) {
  if (surroundings_->broken.contains({id, e.dst})) return;
  PostConfirmed(id, e.dst);
  Post({Lane::Kind::kData, id.value, e.dst.value},
       {.event = CpuEvent(e.order), .to = IncarnationSeenBy(id, e.dst)});
}

void World::Do(CpuId id, const SendStopTwoReport& e) {
  Post({Lane::Kind::kReply, id.value, e.dst.value},
       {.event = CpuEvent(e.report),
        .from = cpu(id.value).incarnation(),
        .to = IncarnationSeenBy(id, e.dst)});
}

void World::Do(CpuId id, const SendEnqueued& e) {
  Post({Lane::Kind::kReply, id.value, e.dst.value},
       {.event = CpuEvent(Enqueued{id, e.seq, e.was_empty, e.rung, e.error}),
        .from = cpu(id.value).incarnation(),
        .to = IncarnationSeenBy(id, e.dst)});
}

void World::Do(CpuId id, const SendDone& e) {
  Post({Lane::Kind::kReply, id.value, e.dst.value},
       {.event = CpuEvent(Done{id, e.seq, e.error, e.result, e.refused}),
        .from = cpu(id.value).incarnation(),
        .to = IncarnationSeenBy(id, e.dst)});
}

void World::Do(CpuId id, const SendRing& e) {
  Post({Lane::Kind::kRing, id.value, e.dst.value},
       {.event = CpuEvent(
            Doorbell{{id, cpu(id.value).incarnation(), e.seq}, true})});
}

void World::Do(CpuId id, const RingSelf& e) {
  Post({Lane::Kind::kRing, e.key.src.value, id.value},
       {.event = CpuEvent(Doorbell{e.key, false})});
}

void World::Do(CpuId id, const SendLatched& e) {
  Post({Lane::Kind::kRing, id.value, e.dst.value},
       {.event = CpuEvent(Latched{id, e.seq}),
        .from = cpu(id.value).incarnation()});
}

void World::Do(CpuId id, const RaiseIrq&) { Tell(id.value, IrqEntry{}); }

void World::Do(CpuId id, const WakeIdle&) { Tell(id.value, IdleExit{}); }

void World::Do(CpuId id, const RunFunction& e) {
  Post({Lane::Kind::kSelf, id.value, id.value},
       {.event = CpuEvent(FunctionReturned{}),
        .gate = kernel::GateOf(CpuEffect(e))});
}

void World::Do(CpuId id, const NextStep& e) {
  Tell(id.value, RunStep{e.walk, e.step});
}

void World::Do(CpuId id, const WakeStopper&) { Tell(id.value, StopperRuns{}); }

void World::Do(CpuId id, const HoldLease& e) {
  if (!options_->windows) return;
  std::erase_if(pending_, [&](const Pending& p) {
    if (p.lane != Lane{Lane::Kind::kSelf, id.value, id.value}) return false;
    const auto* event = std::get_if<CpuEvent>(&p.message->event);
    return event != nullptr && std::holds_alternative<LeaseOver>(*event);
  });
  Tell(id.value, LeaseOver{e.generation});
}

void World::Do(CpuId id, const OpenWindow& e) {
  if (options_->windows) options_->windows->open(id, e.generation);
}

void World::Do(CpuId id, const LookAtWindow& e) {
  const bool open =
      !options_->windows || options_->windows->is_open(id, e.generation);
  Tell(id.value, WindowIs{e.generation, open});
}

void World::Do(CpuId id, const NextStage& e) {
  Tell(id.value, RunStage{e.stage});
}

void World::Do(CpuId id, const CallEnded& e) { Note(id, {.what = e}); }

void World::Do(CpuId id, const kernel::Tell& e) {
  if (!surroundings_->attached.contains(id) || !coordinator_) return;
  Post({Lane::Kind::kUp, id.value, 0},
       {.event = CoordinatorEvent(
            FromCpuEvent{id, cpu(id.value).incarnation(), e.message})});
}

void World::Do(CpuId id, const Trace& e) { Note(id, {.what = e.event}); }

// ---- Effects of the coordinator.

void World::Do(const JournalLeg& e) {
  surroundings_.Mutable().unconfirmed =
      Recovery{.view = e.view,
               .last_generation = e.last_generation,
               .cpus = coordinator_->cpus(),
               .op = e.op};
  TellCoordinator(Journaled{e.op.id, e.op.leg});
}

void World::Do(const JournalView& e) {
  Write([&](Recovery& record) { record.view = e.view; });
}

void World::Do(const TellCpu& e) {
  if (!surroundings_->attached.contains(e.cpu)) return;
  Post({Lane::Kind::kControl, 0, e.cpu.value},
       {.event = std::visit(
            [](const auto& message) { return CpuEvent(message); }, e.message),
        .to = coordinator_->cpus().at(e.cpu).incarnation});
}

void World::Do(const AdvanceStop& e) {
  TellCoordinator(PublishState{e.generation, e.state});
}

void World::Do(const StartStopTick& e) {
  if (options_->windows) TellCoordinator(StopTick{e.generation});
}

void World::Do(const AwaitReaders& e) { TellCoordinator(SleepOnLock{e.op}); }

void World::Do(const OpEnded& e) {
  if (!e.refused) surroundings_.Mutable().record.op.reset();
  Note({}, {.what = e.op});
}

void World::Do(const CoordinatorTrace& e) { Note({}, {.what = e.event}); }

}  // namespace belfry::lab
