// How a round under a stop lease is given up: to whom it is told, in which
// order, and what is journaled before. docs/PROTOCOL.md has the argument.
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernel/coordinator.h"

namespace belfry::kernel {
namespace {

// After so many ticks a whole lease has passed: the first of them may come at
// once, and between two lies half a lease.
constexpr std::uint32_t kTicksOfALease = 3;

}  // namespace

// Neither COMMIT nor ABORT has been decided.
bool Coordinator::IsOutcomeOpen() const {
  return op_->leg != Leg::kCommit && op_->leg != Leg::kAbort;
}

// Before RUN is journaled nobody can have begun anything, and all are told at
// once. After it there may be an effect to take back: ABORT is journaled, so
// that no later coordinator decides otherwise.
void Coordinator::GiveStopUp(Errno error, std::string message,
                             CoordinatorEffects& out) {
  if (op_->leg != Leg::kRun) {
    AbortStop(error, std::move(message), out);
    return;
  }
  op_->abort = error;
  op_->abort_message = std::move(message);
  EnterLeg(Leg::kAbort, out);
}

// The active CPUs first. Until they have answered, or can begin no more, the
// others stay stopped.
void Coordinator::BeginAbort(CoordinatorEffects& out) {
  ticks_ = 0;
  give_back_ = {};
  for (CpuId cpu : stop_->active().cpus()) {
    if (!stop_->participants().Has(cpu)) continue;
    give_back_.Add(cpu);
    out.push_back(TellCpu{cpu, StopAbort{stop_->generation(), epoch_}});
  }
  await_ = Await::kGiveBack;
  if (give_back_.empty() ||
      profile_.lease_without == LeaseWithout::kAbortOrder) {
    EndAbort(out);
  }
}

void Coordinator::Heard(CpuId cpu, StopAborted& m, CoordinatorEffects& out) {
  if (await_ != Await::kGiveBack || m.generation != stop_->generation()) {
    return;
  }
  give_back_.Remove(cpu);
  may_have_run_ = may_have_run_ || m.ran;
  if (give_back_.empty()) EndAbort(out);
}

// Who has not answered may have run the function, or may run it still: it acts
// on ABORT when it is back.
void Coordinator::EndAbort(CoordinatorEffects& out) {
  await_ = Await::kNothing;
  may_have_run_ = may_have_run_ || !give_back_.empty();
  give_back_ = {};
  AbortStop(op_->abort, op_->abort_message, out);
}

// A CPU that was too slow for this round may be in time for another. A CPU that
// was to go has taken that back, or does so before it prepares again; but a
// function runs at most once.
//
// It begins at once, and yet five rounds are not over in no time: PREPARE waits
// for a CPU that stands still, however long it does, and where all have
// prepared nothing fails before a lease or a window has run out.
bool Coordinator::TriesAgain(Errno error) const {
  return Leased() && error == Errno::kEtimedout && !target_lost_ &&
         (op_->kind != OpKind::kStop || !may_have_run_) &&
         op_->rounds < kRoundsMax;
}

void Coordinator::On(StopTick& e, CoordinatorEffects& out) {
  if (!stop_ || stop_->generation() != e.generation) return;
  out.push_back(StartStopTick{e.generation});
  // What the store takes is not the round's time.
  if (await_ == Await::kJournal) return;
  if (ticks_ < kTicksOfALease) ++ticks_;
  const bool lease_passed = ticks_ == kTicksOfALease;
  if (await_ == Await::kGiveBack) {
    // Their windows were opened before this round masked anybody, and are over.
    if (lease_passed) EndAbort(out);
    return;
  }
  const MultiStopState state = stop_->state();
  if (!IsOutcomeOpen() && state != MultiStopState::kExit) return;
  // Nobody is masked in PREPARE; a function may take its time; and what is
  // committed is told until it is heard.
  const bool may_wait =
      state <= MultiStopState::kPrepare || state == MultiStopState::kExit ||
      (state == MultiStopState::kRun && stop_->IsActiveMissing());
  if (lease_passed && !may_wait) {
    GiveStopUp(Errno::kEtimedout,
               absl::StrCat("CPUs ", FormatCpuList(stop_->missing()),
                            " did not answer ", MultiStopStateName(state),
                            " within a stop lease"),
               out);
    return;
  }
  if (state == MultiStopState::kNone) return;
  // It may have been lost; and who hears it stays stopped for one more lease.
  const StopPublish again = Publication();
  for (CpuId cpu : stop_->participants().cpus()) {
    out.push_back(TellCpu{cpu, again});
  }
}

// A round whose RUN was not journaled has no effect anywhere; one whose RUN was
// may have, and is aborted unless COMMIT was journaled.
void Coordinator::ResumeLeasedStop(CoordinatorEffects& out) {
  CpuMask participants;
  for (CpuId cpu : view_.online.cpus()) {
    if (IsPresent(cpu)) participants.Add(cpu);
  }
  stop_.emplace(op_->generation, StopOrderOf(profile_), participants,
                ActiveCpus());
  out.push_back(StartStopTick{op_->generation});
  if (target_lost_) op_->rollback = true;
  if (op_->leg == Leg::kAbort) {
    BeginAbort(out);
  } else {
    GiveStopUp(Errno::kEcanceled, "the coordinator was restarted", out);
  }
}

// It has missed the end of a round that was given up: who must answer for a
// commit is waited for until it has.
void Coordinator::AnswerOldRound(CpuId cpu, Generation generation,
                                 CoordinatorEffects& out) const {
  if (recovering_ || generation > last_generation_) return;
  out.push_back(TellCpu{cpu, StopAbort{generation, epoch_}});
}

}  // namespace belfry::kernel
