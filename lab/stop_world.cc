#include "lab/stop_world.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kernel/event_text.h"
#include "lab/stop_memo.h"
#include "lab/world.h"

namespace belfry::lab {

using namespace kernel;  // NOLINT: this file is about little else.

namespace {

// Rounds end long before so many exchanges, or never.
constexpr int kExchangesToRest = 64;

bool IsTooLate(const CpuEvent& event) {
  const auto* window = std::get_if<WindowIs>(&event);
  return window != nullptr && !window->open;
}

}  // namespace

StopWorld::StopWorld(const StopScope& scope, StopMemo& memo) : scope_(scope) {
  World booted({.profile = scope.profile, .cpus = scope.cpus});
  booted.Boot(nullptr);
  for (std::uint32_t cpu = 0; cpu < scope.cpus; ++cpu) {
    cpus_.push_back(Shared<Cpu>(booted.cpu(cpu)));
  }
  const Coordinator& coordinator = booted.coordinator();
  coordinators_.push_back(Shared<Coordinator>(coordinator));
  mail_ = Shared<Mail>(Mail{});
  rest_ = Shared<Rest>(
      Rest{.journal = {.view = coordinator.view(),
                       .last_generation = coordinator.last_generation(),
                       .cpus = coordinator.cpus()},
           .cpu_owes = std::vector<std::vector<CpuEvent>>(scope.cpus),
           .owes = std::vector<std::vector<CoordinatorEvent>>(1),
           .views = {{coordinator.view().number, coordinator.view().online}}});
  for (std::uint32_t i = 0; i < scope.requests.size(); ++i) {
    if (i > 0 && i <= scope.settled) {
      Settle([this] { return IsAtRest(); }, memo);
    }
    StepCoordinator(0, scope.requests[i], memo);
  }
  Settle(
      [this] {
        const auto& op = coordinators_[0]->current();
        return op && (op->leg == Leg::kTakedown || op->leg == Leg::kStop);
      },
      memo);
  if (scope.settled == 0) mail_ = Shared<Mail>(Mail{});
  Rest& rest = rest_.Mutable();
  rest.leases_left = scope.leases;
  rest.ticks_left = scope.ticks;
  rest.takeovers_left = scope.takeovers;
  rest.deaths_left = scope.deaths;
  rest.calls_left = scope.calls;
}

// ---- What can happen.

std::vector<StopWorld::Move> StopWorld::Moves() const {
  std::vector<Move> moves;
  const Rest& rest = *rest_;
  const auto office = static_cast<std::uint32_t>(coordinators_.size() - 1);
  for (std::uint32_t at = 0; at <= office; ++at) {
    if (rest.fenced.contains(at)) continue;
    for (std::uint32_t i = 0; i < rest.owes[at].size(); ++i) {
      moves.push_back({Move::Kind::kOwes, at, i});
    }
  }
  for (std::uint32_t cpu = 0; cpu < cpus_.size(); ++cpu) {
    for (std::uint32_t i = 0; i < rest.cpu_owes[cpu].size(); ++i) {
      if (rest.leases_left == 0 && IsTooLate(rest.cpu_owes[cpu][i])) continue;
      moves.push_back({Move::Kind::kCpuOwes, cpu, i});
    }
  }
  for (std::uint32_t i = 0; i < mail_->sent.size(); ++i) {
    if (const std::optional<CpuId>& to = mail_->sent[i]->to) {
      if (Lives(to->value)) moves.push_back({Move::Kind::kDeliver, 0, i});
      continue;
    }
    for (std::uint32_t at = 0; at <= office; ++at) {
      if (!rest.fenced.contains(at)) {
        moves.push_back({Move::Kind::kDeliver, at, i});
      }
    }
  }
  if (rest.leases_left > 0) {
    for (const auto& [cpu, lease] : rest.leases) {
      moves.push_back({Move::Kind::kLeaseOver, cpu, 0});
    }
  }
  if (rest.ticks_left > 0 && coordinators_[office]->stop()) {
    moves.push_back({Move::Kind::kTick, office, 0});
  }
  if (rest.takeovers_left > 0) moves.push_back({Move::Kind::kTakeOver, 0, 0});
  if (rest.deaths_left > 0) {
    for (const Cpu* cpu : Living()) {
      moves.push_back({Move::Kind::kDie, cpu->id().value, 0});
    }
  }
  if (rest.calls_left > 0) {
    for (std::uint32_t cpu = 0; cpu < cpus_.size(); ++cpu) {
      // Those that stand in a round call nobody.
      if (cpus_[cpu]->life() == Life::kOnline && !cpus_[cpu]->irqs_masked() &&
          !cpus_[cpu]->stop() && coordinators_[office]->stop()) {
        moves.push_back({Move::Kind::kCall, cpu, 0});
      }
    }
  }
  return moves;
}

void StopWorld::Apply(Move move, StopMemo& memo) {
  switch (move.kind) {
    case Move::Kind::kDeliver:
      Deliver(Shared<Sent>(mail_->sent[move.index]), move.at, memo);
      break;
    case Move::Kind::kCpuOwes: {
      std::vector<CpuEvent>& owes = rest_.Mutable().cpu_owes[move.at];
      const CpuEvent event = owes[move.index];
      owes.erase(owes.begin() + move.index);
      if (IsTooLate(event)) --rest_.Mutable().leases_left;
      // The clock is looked at once, and says one thing.
      if (std::holds_alternative<WindowIs>(event)) {
        std::erase_if(owes, [](const CpuEvent& other) {
          return std::holds_alternative<WindowIs>(other);
        });
      }
      StepCpu(move.at, event, memo);
      break;
    }
    case Move::Kind::kOwes: {
      std::vector<CoordinatorEvent>& owes = rest_.Mutable().owes[move.at];
      const CoordinatorEvent event = owes[move.index];
      owes.erase(owes.begin() + move.index);
      StepCoordinator(move.at, event, memo);
      break;
    }
    case Move::Kind::kLeaseOver:
      --rest_.Mutable().leases_left;
      RunOutLease(move.at, memo);
      break;
    case Move::Kind::kTick:
      --rest_.Mutable().ticks_left;
      Tick(move.at, memo);
      break;
    case Move::Kind::kTakeOver:
      --rest_.Mutable().takeovers_left;
      TakeOver(memo);
      break;
    case Move::Kind::kDie:
      --rest_.Mutable().deaths_left;
      Die(move.at);
      break;
    case Move::Kind::kCall:
      --rest_.Mutable().calls_left;
      Call(move.at, memo);
      break;
  }
  JudgeViews();
}

std::string StopWorld::TextOf(Move move) const {
  switch (move.kind) {
    case Move::Kind::kDeliver: {
      const Sent& sent = *mail_->sent[move.index];
      return sent.to ? EventText(std::get<CpuEvent>(sent.event), *sent.to)
                     : absl::StrCat(
                           EventText(std::get<CoordinatorEvent>(sent.event)),
                           " at coordinator ", move.at);
    }
    case Move::Kind::kCpuOwes:
      return EventText(rest_->cpu_owes[move.at][move.index], {move.at});
    case Move::Kind::kOwes:
      return absl::StrCat(EventText(rest_->owes[move.at][move.index]),
                          " at coordinator ", move.at);
    case Move::Kind::kLeaseOver:
      return absl::StrCat("lease_over ", move.at);
    case Move::Kind::kTick:
      return absl::StrCat("stop_tick at coordinator ", move.at);
    case Move::Kind::kTakeOver:
      return absl::StrCat("coordinator ", coordinators_.size(), " takes over");
    case Move::Kind::kDie:
      return absl::StrCat("cpu ", move.at, " dies");
    case Move::Kind::kCall:
      return absl::StrCat("call of ", move.at);
  }
  return "";
}

// ---- Judging.

bool StopWorld::HasEffect(const Cpu& cpu) {
  return cpu.stop() && cpu.stop()->has_effect();
}

void StopWorld::Report(Invariant invariant, std::optional<CpuId> cpu,
                       std::string what) {
  violations_.push_back({invariant, cpu, std::move(what)});
}

// `begun_by`: the CPU whose effect began just now, though it may be over too.
void StopWorld::JudgeEffects(std::optional<CpuId> begun_by) {
  const std::vector<const Cpu*> living = Living();
  for (const Cpu* active : living) {
    const Cpu& cpu = *active;
    if (!HasEffect(cpu)) continue;
    const bool over = cpu.stop()->run == StopWork::Run::kDone;
    if (over && cpu.id() != begun_by) continue;
    const std::uint64_t round = cpu.stop()->generation.value;
    if (cpu.id() == begun_by && !cpu.stop()->takedown) JudgeFunction(round);
    for (const Cpu* other : living) {
      if (other->id() == cpu.id() || other->irqs_masked() ||
          rest_->unstopped.contains(round)) {
        continue;
      }
      rest_.Mutable().unstopped.insert(round);
      if (!scope_->pauses) {
        Report(Invariant::kStoppedMeansStopped, other->id(),
               absl::StrCat("it runs in the effect of round ", round,
                            ", and nobody paused"));
      }
    }
  }
}

// One CPU is active: a second beginning is a second run.
void StopWorld::JudgeFunction(std::uint64_t round) {
  Rest& rest = rest_.Mutable();
  if (!rest.ran.insert(rest.rounds.at(round)).second) {
    Report(Invariant::kAtMostOnce, {},
           absl::StrCat("the function runs again in round ", round));
  }
}

void StopWorld::JudgeJournal(const JournalLeg& leg) {
  const std::uint64_t round = leg.op.generation.value;
  Rest& rest = rest_.Mutable();
  rest.rounds.try_emplace(round, leg.op.id);
  if (leg.op.leg == Leg::kCommit) rest.committed.insert(round);
  if (leg.op.leg == Leg::kAbort) rest.aborted.insert(round);
  if (rest.committed.contains(round) && rest.unstopped.contains(round)) {
    Report(Invariant::kStoppedMeansStopped, {},
           absl::StrCat("round ", round,
                        " is committed, and not all were stopped"));
  }
  if (rest.committed.contains(round) && rest.aborted.contains(round)) {
    Report(Invariant::kOneView, {},
           absl::StrCat("round ", round, " is committed and aborted"));
  }
  JudgeView(leg.view);
}

void StopWorld::JudgeView(const View& written) {
  const auto [view, is_new] =
      rest_.Mutable().views.try_emplace(written.number, written.online);
  if (view->second != written.online) {
    Report(Invariant::kOneView, {},
           absl::StrCat("view ", written.number, " is journaled as ",
                        FormatCpuList(view->second), " and as ",
                        FormatCpuList(written.online)));
  }
}

void StopWorld::JudgeViews() {
  const View& journaled = rest_->journal.view;
  for (const Cpu* cpu : Living()) {
    const auto view = rest_->views.find(cpu->view().number);
    if (view == rest_->views.end() || view->second != cpu->view().online) {
      Report(Invariant::kOneView, cpu->id(),
             absl::StrCat("its view ", cpu->view().number,
                          " was never journaled so"));
    }
    const bool member = journaled.online.Has(cpu->id());
    if (!member && cpu->life() == Life::kOnline && !cpu->irqs_masked()) {
      Report(Invariant::kOneView, cpu->id(), "it runs, and has left");
    }
    if (member && cpu->life() == Life::kDead) {
      Report(Invariant::kOneView, cpu->id(), "it has gone, and has not left");
    }
    CheckNothingLeftBehind(*cpu, violations_);
  }
}

// ---- Rest.

// Does what is owed, or delivers all that was sent, until it is `done`.
bool StopWorld::Settle(absl::FunctionRef<bool()> done, StopMemo& memo) {
  const auto office = static_cast<std::uint32_t>(coordinators_.size() - 1);
  const auto do_owed = [&] {
    while (!done()) {
      const std::optional<Move> owed = FirstOwed();
      if (!owed) return false;
      Apply(*owed, memo);
    }
    return true;
  };
  for (int i = 0; i < kExchangesToRest; ++i) {
    if (do_owed()) return true;
    for (const Shared<Sent>& sent : std::vector(mail_->sent)) {
      if (sent->to && !Lives(sent->to->value)) continue;
      Deliver(sent, office, memo);
      if (do_owed()) return true;
    }
    if (coordinators_[office]->stop()) Tick(office, memo);
  }
  return false;
}

// Of a CPU, or of the coordinator in office.
std::optional<StopWorld::Move> StopWorld::FirstOwed() const {
  const auto office = static_cast<std::uint32_t>(coordinators_.size() - 1);
  for (const Move& move : Moves()) {
    if (move.kind == Move::Kind::kCpuOwes ||
        (move.kind == Move::Kind::kOwes && move.at == office)) {
      return move;
    }
  }
  return std::nullopt;
}

bool StopWorld::IsAtRest() const {
  const Coordinator& office = *coordinators_.back();
  if (office.current() || office.stop()) return false;
  const std::vector<const Cpu*> living = Living();
  return std::all_of(living.begin(), living.end(), [&](const auto& cpu) {
    const bool member = office.view().online.Has(cpu->id());
    const bool calls = std::any_of(
        cpu->peers().begin(), cpu->peers().end(),
        [](const auto& peer) { return peer.second.out.size() > 0; });
    // Views go to their members.
    const bool settled = member ? cpu->view() == office.view() &&
                                      cpu->life() == Life::kOnline &&
                                      !cpu->irqs_masked()
                                : cpu->life() == Life::kDead;
    return settled && !cpu->stop() && !calls;
  });
}

bool StopWorld::ComesToRest(StopMemo& memo) const {
  StopWorld world = *this;
  Rest& quiet = world.rest_.Mutable();
  quiet.takeovers_left = 0;
  quiet.deaths_left = 0;
  quiet.calls_left = 0;
  for (std::uint32_t old = 0; old + 1 < coordinators_.size(); ++old) {
    quiet.fenced.insert(old);
  }
  // Who has asked twice and heard nothing gives up before he hears: the worst.
  for (int lease = 0; lease < 2; ++lease) {
    if (world.Settle([&] { return world.IsAtRest(); }, memo)) return true;
    for (std::uint32_t cpu = 0; cpu < cpus_.size(); ++cpu) {
      if (world.rest_->leases.contains(cpu)) world.RunOutLease(cpu, memo);
    }
  }
  return world.Settle([&] { return world.IsAtRest(); }, memo);
}

Digest StopWorld::fingerprint() const {
  Fingerprinter f;
  for (const auto& cpu : cpus_) f.Add(cpu.fingerprint());
  for (const auto& coordinator : coordinators_) {
    f.Add(coordinator.fingerprint());
  }
  f.Add(rest_.fingerprint());
  return f.Get();
}

}  // namespace belfry::lab
