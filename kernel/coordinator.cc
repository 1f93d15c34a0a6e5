#include "kernel/coordinator.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace belfry::kernel {
namespace {

constexpr std::array<absl::string_view, 4> kKindNames = {
    "online", "offline", "stop-machine", "boot"};
constexpr std::array<absl::string_view, 12> kLegNames = {
    "queued", "prepare", "bringup", "online", "ap",   "takedown",
    "stop",   "run",     "abort",   "commit", "dead", "done"};

constexpr std::array<absl::string_view, 9> kAwaitNames = {
    "",     "journal",      "walk",    "alive",    "starting",
    "dead", "grace_period", "readers", "give_back"};

std::string CpuName(CpuId cpu) { return absl::StrCat("cpu ", cpu.value); }

}  // namespace

absl::string_view OpKindName(OpKind kind) {
  return kKindNames[static_cast<std::size_t>(kind)];
}

std::optional<OpKind> ParseOpKind(absl::string_view name) {
  for (std::size_t i = 0; i < kKindNames.size(); ++i) {
    if (kKindNames[i] == name) return static_cast<OpKind>(i);
  }
  return std::nullopt;
}

absl::string_view LegName(Leg leg) {
  return kLegNames[static_cast<std::size_t>(leg)];
}

std::optional<Leg> ParseLeg(absl::string_view name) {
  for (std::size_t i = 0; i < kLegNames.size(); ++i) {
    if (kLegNames[i] == name) return static_cast<Leg>(i);
  }
  return std::nullopt;
}

Coordinator::Coordinator(Profile profile, std::uint32_t possible,
                         Recovery recovery)
    : profile_(std::move(profile)),
      table_(profile_.steps),
      possible_(possible),
      epoch_(recovery.epoch),
      view_(std::move(recovery.view)),
      cpus_(std::move(recovery.cpus)),
      op_(std::move(recovery.op)),
      last_generation_(recovery.last_generation),
      lock_(profile_.lock_wakeup) {
  for (std::uint32_t i = 0; i < possible; ++i) cpus_.try_emplace(CpuId{i});
  // It had the lock when the leg was journaled that it stands in.
  if (op_) lock_.Begin();
  recovering_ = op_.has_value() || !view_.online.empty();
}

void Coordinator::Step(CoordinatorEvent event, CoordinatorEffects& out) {
  std::visit([this, &out](auto& e) { On(e, out); }, event);
  StartNext(out);
}

Errno Coordinator::SetFail(CpuId cpu, CpuhpState step) {
  const auto record = cpus_.find(cpu);
  if (record == cpus_.end()) return Errno::kEinval;
  const Errno error = table_.CheckFail(step, record->second.state);
  if (error == Errno::kOk) record->second.fail = step;
  return error;
}

CpuMask Coordinator::present() const {
  CpuMask mask;
  for (const auto& [cpu, record] : cpus_) {
    if (record.incarnation.value != 0) mask.Add(cpu);
  }
  return mask;
}

bool Coordinator::IsPresent(CpuId cpu) const {
  const auto record = cpus_.find(cpu);
  return record != cpus_.end() && record->second.incarnation.value != 0;
}

CpuMask Coordinator::waiting_for() const {
  CpuMask mask = view_missing_;
  if (await_ == Await::kGiveBack) mask = give_back_;
  if (await_ == Await::kWalk) mask.Add(walker_);
  if (op_ && (await_ == Await::kAlive || await_ == Await::kStarting ||
              await_ == Await::kDead || await_ == Await::kGracePeriod)) {
    mask.Add(op_->cpu);
  }
  return mask;
}

absl::string_view Coordinator::awaits() const {
  return kAwaitNames[static_cast<std::size_t>(await_)];
}

bool operator==(const Coordinator& a, const Coordinator& b) {
  return a.view_ == b.view_ && a.cpus_ == b.cpus_ && a.op_ == b.op_ &&
         a.queued_ == b.queued_ && a.await_ == b.await_ && a.walk_ == b.walk_ &&
         a.walker_ == b.walker_ && a.inside_ == b.inside_ &&
         a.death_ == b.death_ && a.target_lost_ == b.target_lost_ &&
         a.stop_ == b.stop_ && a.view_missing_ == b.view_missing_ &&
         a.last_generation_ == b.last_generation_ &&
         a.recovering_ == b.recovering_ && a.lock_ == b.lock_ &&
         a.epoch_ == b.epoch_ && a.ticks_ == b.ticks_ &&
         a.give_back_ == b.give_back_ && a.may_have_run_ == b.may_have_run_ &&
         a.readers_ == b.readers_ && a.recovered_ == b.recovered_;
}

TraceEvent Coordinator::Event(TraceKind kind) const {
  TraceEvent event{.kind = kind};
  if (op_) event.about = op_->cpu;
  return event;
}

// ---- Requests and the hotplug lock.

void Coordinator::On(Request& e, CoordinatorEffects& out) {
  Operation op{.id = e.id,
               .kind = e.kind,
               .cpu = e.cpu,
               .active = std::move(e.active),
               .func = std::move(e.func),
               .payload = std::move(e.payload),
               .control = e.control.value_or(CpuId{}),
               .control_given = e.control.has_value(),
               .up = e.kind != OpKind::kOffline};
  if (op_ || recovering_ || !queued_.empty()) {
    if (queued_.size() < kQueuedMax) {
      queued_.push_back(std::move(op));
      return;
    }
    op.error = Errno::kEbusy;
    op.message = absl::StrCat(kQueuedMax, " operations wait already");
    op.leg = Leg::kDone;
    out.push_back(OpEnded{std::move(op), true});
    return;
  }
  if (Admit(op, out)) queued_.push_back(std::move(op));
}

// Whoever gets the lock is looked at only then: the machine may have changed
// while it waited.
void Coordinator::StartNext(CoordinatorEffects& out) {
  while (!op_ && !recovering_ && !queued_.empty()) {
    Operation op = std::move(queued_.front());
    queued_.pop_front();
    if (!Admit(op, out)) continue;
    op.state = StateOf(op.cpu);
    op_ = std::move(op);
    TraceEvent event = Event(TraceKind::kOpBegin);
    event.value = op_->id.value;
    event.detail = std::string(OpKindName(op_->kind));
    out.push_back(CoordinatorTrace{std::move(event)});
    death_ = Death::kNone;
    target_lost_ = false;
    BeginOp(out);
  }
}

void Coordinator::EnterFirstLeg(CoordinatorEffects& out) {
  switch (op_->kind) {
    case OpKind::kOnline:
      EnterLeg(Leg::kPrepare, out);
      break;
    case OpKind::kBoot:
      EnterLeg(Leg::kBringup, out);
      break;
    case OpKind::kOffline:
      EnterLeg(Leg::kAp, out);
      break;
    case OpKind::kStop:
      EnterLeg(Leg::kStop, out);
      break;
  }
}

// False when the operation is refused, or has nothing to do; it has then ended.
bool Coordinator::Admit(Operation& op, CoordinatorEffects& out) {
  Errno error = Errno::kOk;
  switch (op.kind) {
    case OpKind::kOnline:
    case OpKind::kBoot:
      error = CheckOnline(op);
      break;
    case OpKind::kOffline:
      error = CheckOffline(op);
      break;
    case OpKind::kStop:
      error = CheckStop(op);
      break;
  }
  if (error == Errno::kOk && !op.unchanged) return true;
  op.error = error;
  op.leg = Leg::kDone;
  out.push_back(OpEnded{op, true});
  return false;
}

// cpu_up(), _cpu_up(): kernel/cpu.c of Linux 3.0 and 6.12.
Errno Coordinator::CheckOnline(Operation& op) const {
  if (op.cpu.value >= possible_) {
    op.message = absl::StrCat(CpuName(op.cpu), " is not possible; there are 0-",
                              possible_ - 1);
    return Errno::kEinval;
  }
  if (op.control_given) {
    const Errno error = ChooseControl(op);
    if (error != Errno::kOk) return error;
  }
  const CpuRecord& record = cpus_.at(op.cpu);
  if (view_.online.Has(op.cpu)) {
    op.message = CpuName(op.cpu) + " is online already";
    op.unchanged = profile_.online_twice == OnlineTwice::kNoop;
    return op.unchanged ? Errno::kOk : Errno::kEinval;
  }
  if (record.incarnation.value == 0) {
    op.message = CpuName(op.cpu) + " is not present: it has no process";
    return Errno::kEinval;
  }
  if (record.limbo) {
    op.message = CpuName(op.cpu) + " is in limbo since its last handshake";
    return Errno::kEagain;
  }
  if (view_.online.empty()) {
    op.kind = OpKind::kBoot;
    return Errno::kOk;
  }
  return ChooseControl(op);
}

// cpu_down(), _cpu_down().
Errno Coordinator::CheckOffline(Operation& op) const {
  if (op.cpu.value >= possible_) {
    op.message = absl::StrCat(CpuName(op.cpu), " is not possible; there are 0-",
                              possible_ - 1);
    return Errno::kEinval;
  }
  if (profile_.control_cpu == ControlCpu::kWorker) op.control_given = false;
  if (op.control_given) {
    const Errno error = ChooseControl(op);
    if (error != Errno::kOk) return error;
  }
  if (!view_.online.Has(op.cpu)) {
    op.message = CpuName(op.cpu) + (cpus_.at(op.cpu).crashed
                                        ? " has crashed, so it is offline"
                                        : " is offline already");
    op.unchanged = profile_.online_twice == OnlineTwice::kNoop;
    return op.unchanged ? Errno::kOk : Errno::kEinval;
  }
  if (view_.online.count() == 1) {
    op.message = CpuName(op.cpu) + " is the last online CPU";
    return Errno::kEbusy;
  }
  return ChooseControl(op);
}

Errno Coordinator::CheckStop(Operation& op) const {
  if (op.active.empty()) {
    if (auto first = view_.online.first()) op.active.Add(*first);
  }
  if (op.active.empty() || !op.active.IsSubsetOf(view_.online)) {
    op.message = absl::StrCat("CPUs ", FormatCpuList(op.active),
                              " are not all online; online are ",
                              FormatCpuList(view_.online));
    return Errno::kEinval;
  }
  op.cpu = *op.active.first();
  return Errno::kOk;
}

Errno Coordinator::ChooseControl(Operation& op) const {
  if (op.control_given) {
    if (op.control != op.cpu && view_.online.Has(op.control)) return Errno::kOk;
    op.message =
        absl::StrCat(CpuName(op.control),
                     op.control == op.cpu ? " cannot run its own control steps"
                                          : " is not online and cannot ask");
    return Errno::kEinval;
  }
  for (CpuId cpu : view_.online.cpus()) {
    if (cpu == op.cpu) continue;
    op.control = cpu;
    return Errno::kOk;
  }
  op.message = "no other CPU is online to run the control steps";
  return Errno::kEbusy;
}

void Coordinator::On(CancelOp& e, CoordinatorEffects& out) {
  for (auto op = queued_.begin(); op != queued_.end(); ++op) {
    if (op->id != e.id) continue;
    op->error = Errno::kEcanceled;
    op->message = "cancelled before it began";
    op->leg = Leg::kDone;
    out.push_back(OpEnded{std::move(*op), false});
    queued_.erase(op);
    return;
  }
  if (!op_ || op_->id != e.id || op_->rollback) return;
  // A round may be given up until RUN is out; a walk when its step returns.
  op_->cancel = true;
  if (await_ == Await::kReaders) {
    Fail(Errno::kEcanceled, kCpuhpInvalid, "cancelled", out);
    return;
  }
  if (stop_ && stop_->state() < MultiStopState::kRun && IsOutcomeOpen()) {
    GiveStopUp(Errno::kEcanceled, "cancelled", out);
  }
}

// ---- Legs.

void Coordinator::EnterLeg(Leg leg, CoordinatorEffects& out) {
  if (!IsInsideStep(leg)) CloseStep(op_->error, out);
  op_->leg = leg;
  op_->state = StateOf(op_->cpu);
  if (leg == Leg::kTakedown || leg == Leg::kStop) {
    // Journaled with the leg, so that no coordinator draws it again.
    last_generation_ = Generation{last_generation_.value + 1};
    op_->generation = last_generation_;
    ++op_->rounds;
  }
  await_ = Await::kJournal;
  out.push_back(JournalLeg{*op_, view_, last_generation_});
}

void Coordinator::On(Journaled& e, CoordinatorEffects& out) {
  if (!op_ || op_->id != e.op || op_->leg != e.leg ||
      await_ != Await::kJournal) {
    return;
  }
  await_ = Await::kNothing;
  if (e.leg < Leg::kRun && op_->kind != OpKind::kStop &&
      (target_lost_ || !IsPresent(op_->cpu))) {
    // It died while we wrote: nothing is left to walk, up or down.
    GiveUp(absl::StrCat("the process of ", CpuName(op_->cpu), " died"), out);
    return;
  }
  RunLeg(out);
}

void Coordinator::GiveUp(std::string message, CoordinatorEffects& out) {
  if (op_->error == Errno::kOk) {
    op_->error = Errno::kEownerdead;
    op_->message = std::move(message);
  }
  walk_.reset();
  EnterLeg(Leg::kDone, out);
}

void Coordinator::RunLeg(CoordinatorEffects& out) {
  switch (op_->leg) {
    case Leg::kQueued:
      return;
    case Leg::kAp:
      if (table_.has_ap_thread() && !op_->up && !op_->rollback) {
        OpenStep(StateOf(op_->cpu), out);
      }
      ContinueWalk(out);
      return;
    case Leg::kPrepare:
      ContinueWalk(out);
      return;
    case Leg::kBringup:
      BringUp(out);
      return;
    case Leg::kOnline:
      PublishView(out);
      return;
    case Leg::kTakedown:
    case Leg::kStop:
      BeginStop(out);
      return;
    case Leg::kRun:
      out.push_back(AdvanceStop{op_->generation, MultiStopState::kRun});
      return;
    case Leg::kAbort:
      BeginAbort(out);
      return;
    case Leg::kCommit:
      out.push_back(AdvanceStop{op_->generation, MultiStopState::kExit});
      return;
    case Leg::kDead:
      AwaitDeath(out);
      return;
    case Leg::kDone:
      EndOp(out);
      return;
  }
}

// The first error is what the operation ends with.
void Coordinator::Fail(Errno error, CpuhpState step, std::string message,
                       CoordinatorEffects& out) {
  if (op_->error == Errno::kOk) {
    op_->error = error;
    op_->failed_step = step;
    op_->message = std::move(message);
  }
  Turn(out);
}

void Coordinator::EndOp(CoordinatorEffects& out) {
  TraceEvent event = Event(TraceKind::kOpEnd);
  event.value = op_->id.value;
  event.value2 = static_cast<std::int64_t>(op_->error);
  event.detail = std::string(OpKindName(op_->kind));
  out.push_back(CoordinatorTrace{std::move(event)});
  out.push_back(OpEnded{std::move(*op_), false});
  op_.reset();
  stop_.reset();
  walk_.reset();
  walker_ = {};
  view_missing_ = {};
  await_ = Await::kNothing;
  lock_.Done();
  GrantReaders(out);
}

void Coordinator::On(FromCpuEvent& e, CoordinatorEffects& out) {
  const auto record = cpus_.find(e.cpu);
  if (record == cpus_.end() || record->second.incarnation != e.incarnation) {
    return;
  }
  std::visit([&](auto& message) { Heard(e.cpu, message, out); }, e.message);
}

}  // namespace belfry::kernel
