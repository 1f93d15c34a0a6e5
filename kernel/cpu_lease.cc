// The stop lease: how long a CPU trusts a round of which it hears nothing, and
// what it owes those who have left one. docs/PROTOCOL.md has the argument.
#include <algorithm>
#include <utility>

#include "kernel/cpu.h"

namespace belfry::kernel {

// A coordinator that was only paused does not know that another has taken over.
bool Cpu::Obeys(Epoch epoch) {
  if (epoch < epoch_) return false;
  epoch_ = epoch;
  return true;
}

// Whatever is heard of the round begins its lease anew.
void Cpu::HoldRoundsLease(CpuEffects& out) {
  stop_->leased = true;
  out.push_back(HoldLease{stop_->generation});
}

void Cpu::On(LeaseOver& e, CpuEffects& out) {
  if (!stop_ || !stop_->leased || stop_->generation != e.generation) return;
  if (stop_->has_effect()) {
    // Others may go by the effect or by its not having happened, and only the
    // coordinator knows: ask, and stay masked until told.
    HoldRoundsLease(out);
    if (stop_->acted >= MultiStopState::kRun && stop_->acked) AckStop(out);
    return;
  }
  const Generation generation = stop_->generation;
  const MultiStopState state = stop_->published;
  const Generation closed = closed_generation_;
  GiveUpRound(out);
  if (Lacks(LeaseWithout::kClosedGenerations)) closed_generation_ = closed;
  RefuseRound(generation, state, out);
}

// A CPU that is not in a round will not have been masked when it ends.
void Cpu::RefuseRound(Generation generation, MultiStopState state,
                      CpuEffects& out) {
  if (!Leased()) return;
  if (!Lacks(LeaseWithout::kClosedGenerations)) {
    closed_generation_ = std::max(closed_generation_, generation);
  }
  out.push_back(
      Tell{StopAck{.generation = generation, .state = state, .refused = true}});
}

// The last look before the effect. What lies between look and effect is what a
// pause can spoil; CONFIRM finds it out.
bool Cpu::LookBeforeRun(CpuEffects& out) {
  if (stop_->look == StopWork::Look::kNotYet) {
    stop_->look = StopWork::Look::kAsked;
    out.push_back(LookAtWindow{stop_->generation});
  }
  return false;
}

void Cpu::On(WindowIs& e, CpuEffects& out) {
  if (!stop_ || stop_->look != StopWork::Look::kAsked ||
      stop_->generation != e.generation) {
    return;
  }
  stop_->look = e.open ? StopWork::Look::kInTime : StopWork::Look::kTooLate;
  if (e.open) return;
  stop_->run = StopWork::Run::kDone;
  AckStop(out);
}

// The round was given up while the effect was under way.
bool Cpu::GiveBackEffect(CpuEffects& out) {
  if (!stop_->abort_due) return false;
  const Generation generation = stop_->generation;
  AbortStop(out);
  TellAborted(generation, out);
  return true;
}

void Cpu::TellAborted(Generation generation, CpuEffects& out) const {
  out.push_back(Tell{
      StopAborted{.generation = generation, .ran = ran_in_ == generation}});
}

// It is in no view any more, and nobody will call it by a view that it is in.
bool Cpu::HasLeft() const {
  return Leased() && !view_.online.Has(config_.id) &&
         (life_ == Life::kShouldDie || life_ == Life::kDead);
}

// Calls of CPUs that had left the round before its outcome, and went by the
// view that they had.
void Cpu::RefuseWhatItHolds(CpuEffects& out) {
  for (const Csd& csd : queue_.TakeAll()) {
    TraceEvent event = Event(TraceKind::kCsdReturned);
    event.csd = csd.key;
    event.func = csd.func;
    event.value = static_cast<std::int64_t>(Errno::kEnxio);
    out.push_back(Trace{std::move(event)});
    SendAnswer(csd, {.error = Errno::kEnxio, .refused = true}, out);
  }
}

}  // namespace belfry::kernel
