// What the machines of a StopWorld do with what comes to them.
#include <algorithm>
#include <utility>

#include "kernel/functions.h"
#include "lab/stop_memo.h"
#include "lab/stop_world.h"

namespace belfry::lab {

using namespace kernel;  // NOLINT: this file is about little else.

namespace {

bool IsOfRounds(const ToCpu& message) {
  return !std::holds_alternative<PeerIs>(message) &&
         !std::holds_alternative<PeerGone>(message) &&
         !std::holds_alternative<ReadersGranted>(message);
}

}  // namespace

// ---- CPUs.

// Carries out what a CPU wants done; what the round does not need is left.
struct StopWorld::CpuHands {
  StopWorld& world;
  CpuId cpu;
  AtOnce& at_once;

  void operator()(const kernel::Tell& e) const {
    world.Send({}, CoordinatorEvent(FromCpuEvent{
                       cpu, world.cpus_[cpu.value]->incarnation(), e.message}));
  }
  void operator()(const HoldLease& e) const {
    world.rest_.Mutable().leases[cpu.value] = {e.generation,
                                               world.OpenWindows()};
  }
  void operator()(const OpenWindow& e) const {
    if (world.scope_->pauses) return;
    Rest& rest = world.rest_.Mutable();
    rest.windows[cpu.value] = {e.generation, false};
    for (auto& [other, lease] : rest.leases) {
      lease.windows_before.erase(cpu.value);
    }
    rest.windows_two_ticks_ago.erase(cpu.value);
    rest.windows_a_tick_ago.erase(cpu.value);
  }
  // Where processes pause, either may be found: it says nothing of later.
  void operator()(const LookAtWindow& e) const {
    const auto window = world.rest_->windows.find(cpu.value);
    const bool over =
        window != world.rest_->windows.end() && window->second.second;
    if (!over) Owe(WindowIs{e.generation, true});
    if (over || world.scope_->pauses) Owe(WindowIs{e.generation, false});
  }
  void operator()(const RunFunction&) const { Owe(FunctionReturned{}); }
  void operator()(const NextStep& e) const {
    at_once.emplace_back(cpu, RunStep{e.walk, e.step});
  }
  void operator()(const SendEnqueue& e) const {
    at_once.emplace_back(e.dst, Enqueue{.csd = e.csd, .fused = e.fused});
  }
  void operator()(const SendEnqueued& e) const {
    at_once.emplace_back(e.dst,
                         Enqueued{cpu, e.seq, e.was_empty, e.rung, e.error});
  }
  void operator()(const SendDone& e) const {
    at_once.emplace_back(e.dst, Done{cpu, e.seq, e.error, e.result, e.refused});
  }
  void operator()(const RingSelf& e) const {
    at_once.emplace_back(cpu, Doorbell{e.key, false});
  }
  void operator()(const RaiseIrq&) const {
    at_once.emplace_back(cpu, IrqEntry{});
  }
  template <typename Other>
  void operator()(const Other&) const {}

 private:
  void Owe(CpuEvent event) const {
    if (world.scope_->pauses) {
      world.rest_.Mutable().cpu_owes[cpu.value].push_back(std::move(event));
    } else {
      at_once.emplace_back(cpu, std::move(event));
    }
  }
};

void StopWorld::StepCpu(std::uint32_t cpu, const CpuEvent& event,
                        StopMemo& memo) {
  AtOnce at_once = {{CpuId{cpu}, event}};
  while (!at_once.empty()) {
    const auto [to, next] = std::move(at_once.front());
    at_once.pop_front();
    Shared<Cpu>& machine = cpus_[to.value];
    const bool had_effect = HasEffect(*machine);
    const auto& step = StopMemo::Of(memo.cpus, machine, next, DigestOf(next));
    machine = step.machine;
    const CpuHands hands{*this, to, at_once};
    for (const CpuEffect& effect : step.effects) std::visit(hands, effect);
    const bool begins = !had_effect && HasEffect(*machine);
    JudgeEffects(begins ? std::optional(to) : std::nullopt);
  }
}

void StopWorld::Deliver(const Shared<Sent>& sent, std::uint32_t at,
                        StopMemo& memo) {
  if (sent->to) {
    StepCpu(sent->to->value, std::get<CpuEvent>(sent->event), memo);
  } else {
    StepCoordinator(at, std::get<CoordinatorEvent>(sent->event), memo);
  }
}

// Whether an effect does nothing but say what was said before.
struct StopWorld::OnlySends {
  const StopWorld& world;
  CpuId cpu;

  bool operator()(const kernel::Tell&) const { return true; }
  bool operator()(const Trace&) const { return true; }
  bool operator()(const TellCpu&) const { return true; }
  bool operator()(const CoordinatorTrace&) const { return true; }
  bool operator()(const HoldLease& e) const {
    const auto lease = world.rest_->leases.find(cpu.value);
    return lease != world.rest_->leases.end() &&
           lease->second == Rest::Lease{e.generation, world.OpenWindows()};
  }
  template <typename Other>
  bool operator()(const Other&) const {
    return false;
  }
};

bool StopWorld::ChangesNothing(Move move, StopMemo& memo) const {
  if (move.kind != Move::Kind::kDeliver) return false;
  const Shared<Sent>& sent = mail_->sent[move.index];
  const auto is_idle = [&](const auto& machine, const auto& step) {
    const OnlySends only_sends{*this, sent->to.value_or(CpuId{})};
    return step.machine.fingerprint() == machine.fingerprint() &&
           std::all_of(step.effects.begin(), step.effects.end(),
                       [&](const auto& effect) {
                         return std::visit(only_sends, effect);
                       });
  };
  if (sent->to) {
    const Shared<Cpu>& cpu = cpus_[sent->to->value];
    return is_idle(cpu,
                   StopMemo::Of(memo.cpus, cpu, std::get<CpuEvent>(sent->event),
                                sent.fingerprint()));
  }
  const Shared<Coordinator>& coordinator = coordinators_[move.at];
  return is_idle(coordinator,
                 StopMemo::Of(memo.coordinators, coordinator,
                              std::get<CoordinatorEvent>(sent->event),
                              sent.fingerprint()));
}

void StopWorld::FindAnswers(StopMemo& memo) {
  std::size_t sent = 0;
  while (sent != mail_->sent.size()) {
    sent = mail_->sent.size();
    for (Move move : Moves()) {
      if (!ChangesNothing(move, memo)) continue;
      Deliver(Shared<Sent>(mail_->sent[move.index]), move.at, memo);
      if (sent != mail_->sent.size()) break;
    }
  }
}

std::set<std::uint32_t> StopWorld::OpenWindows() const {
  std::set<std::uint32_t> open;
  if (scope_->pauses) return open;
  for (const auto& [cpu, window] : rest_->windows) open.insert(cpu);
  return open;
}

void StopWorld::RunOutLease(std::uint32_t cpu, StopMemo& memo) {
  Rest& rest = rest_.Mutable();
  const Rest::Lease lease = rest.leases.at(cpu);
  rest.leases.erase(cpu);
  for (std::uint32_t earlier : lease.windows_before) {
    rest.windows.at(earlier).second = true;
  }
  StepCpu(cpu, LeaseOver{lease.generation}, memo);
}

void StopWorld::Call(std::uint32_t cpu, StopMemo& memo) {
  for (const Request& request : scope_->requests) {
    if (request.kind != OpKind::kOffline || request.cpu.value == cpu) continue;
    StepCpu(cpu, kernel::Call{.token = 1, .dst = request.cpu, .func = kNop},
            memo);
    return;
  }
}

// ---- Coordinators.

// The same for a coordinator. False: the journal has refused it, and it ends.
struct StopWorld::CoordinatorHands {
  StopWorld& world;
  std::uint32_t at;

  bool operator()(const JournalLeg& e) const {
    if (!MayWrite()) return false;
    Rest& rest = world.rest_.Mutable();
    rest.journal.view = e.view;
    rest.journal.last_generation = e.last_generation;
    rest.journal.cpus = world.coordinators_[at]->cpus();
    rest.journal.op = e.op;
    rest.begun.insert(e.op.id);
    rest.owes[at].push_back(Journaled{e.op.id, e.op.leg});
    world.JudgeJournal(e);
    return true;
  }
  bool operator()(const JournalView& e) const {
    if (!MayWrite()) return false;
    Rest& rest = world.rest_.Mutable();
    rest.journal.view = e.view;
    rest.journal.cpus = world.coordinators_[at]->cpus();
    world.JudgeView(e.view);
    return true;
  }
  bool operator()(const OpEnded& e) const {
    if (!MayWrite()) return false;
    if (!e.refused) world.rest_.Mutable().journal.op.reset();
    return true;
  }
  bool operator()(const TellCpu& e) const {
    if (IsOfRounds(e.message)) {
      world.Send(e.cpu, std::visit([](const auto& m) { return CpuEvent(m); },
                                   e.message));
    }
    return true;
  }
  bool operator()(const AdvanceStop& e) const {
    world.rest_.Mutable().owes[at].push_back(
        PublishState{e.generation, e.state});
    return true;
  }
  template <typename Other>
  bool operator()(const Other&) const {
    return true;
  }

 private:
  bool MayWrite() const {
    const StopScope& scope = *world.scope_;
    const bool old =
        world.coordinators_[at]->epoch() < world.rest_->journal.epoch;
    if (!old || scope.profile.lease_without == LeaseWithout::kEpochFence) {
      return true;
    }
    world.rest_.Mutable().fenced.insert(at);
    return false;
  }
};

void StopWorld::StepCoordinator(std::uint32_t at, const CoordinatorEvent& event,
                                StopMemo& memo) {
  const auto& step = StopMemo::Of(memo.coordinators, coordinators_[at], event,
                                  DigestOf(event));
  coordinators_[at] = step.machine;
  for (const CoordinatorEffect& effect : step.effects) {
    if (!std::visit(CoordinatorHands{*this, at}, effect)) return;
  }
}

void StopWorld::Send(std::optional<CpuId> to, Event event) {
  Shared<Sent> sent(Sent{to, std::move(event)});
  const auto less = [](const Shared<Sent>& a, const Shared<Sent>& b) {
    return a.fingerprint() < b.fingerprint();
  };
  const std::vector<Shared<Sent>>& known = mail_->sent;
  const auto place = std::lower_bound(known.begin(), known.end(), sent, less);
  if (place != known.end() && place->fingerprint() == sent.fingerprint()) {
    return;
  }
  const auto at = place - known.begin();
  std::vector<Shared<Sent>>& all = mail_.Mutable().sent;
  all.insert(all.begin() + at, std::move(sent));
}

// Half a lease lies between two ticks.
void StopWorld::Tick(std::uint32_t at, StopMemo& memo) {
  if (!scope_->pauses) {
    Rest& rest = rest_.Mutable();
    for (std::uint32_t cpu : rest.windows_two_ticks_ago) {
      rest.windows.at(cpu).second = true;
    }
    rest.windows_two_ticks_ago =
        std::exchange(rest.windows_a_tick_ago, OpenWindows());
  }
  StepCoordinator(at, StopTick{coordinators_[at]->stop()->generation()}, memo);
}

// The old one is not killed: it may only be slow.
void StopWorld::TakeOver(StopMemo& memo) {
  Rest& rest = rest_.Mutable();
  rest.journal.epoch = Epoch{rest.journal.epoch.value + 1};
  rest.owes.emplace_back();
  // Its clock is its own.
  rest.windows_two_ticks_ago.clear();
  rest.windows_a_tick_ago.clear();
  coordinators_.push_back(Shared<Coordinator>(
      Coordinator(scope_->profile, scope_->cpus, rest.journal)));
  const auto office = static_cast<std::uint32_t>(coordinators_.size() - 1);
  for (const Cpu* cpu : Living()) {
    StepCoordinator(office, Attached{cpu->id(), cpu->status()}, memo);
  }
  if (coordinators_[office]->recovering()) {
    rest_.Mutable().owes[office].push_back(RecoveryTimeout{});
  }
  for (const Request& request : scope_->requests) {
    if (rest_->begun.contains(request.id)) continue;
    StepCoordinator(office, request, memo);
  }
}

// What it has sent may still come.
void StopWorld::Die(std::uint32_t cpu) {
  Rest& rest = rest_.Mutable();
  rest.dead.insert(cpu);
  rest.cpu_owes[cpu].clear();
  rest.leases.erase(cpu);
  Send({},
       CoordinatorEvent(ProcessLost{CpuId{cpu}, cpus_[cpu]->incarnation()}));
}

std::vector<const Cpu*> StopWorld::Living() const {
  std::vector<const Cpu*> living;
  for (const Shared<Cpu>& cpu : cpus_) {
    if (Lives(cpu->id().value)) living.push_back(&*cpu);
  }
  return living;
}

}  // namespace belfry::lab
