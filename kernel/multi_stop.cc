#include "kernel/multi_stop.h"

#include <array>

namespace belfry::kernel {
namespace {

constexpr std::array<absl::string_view, 7> kStateNames = {
    "NONE",
    "PREPARE",
    "DISABLE_IRQ",
    "DISABLE_IRQ_INACTIVE",
    "DISABLE_IRQ_ACTIVE",
    "RUN",
    "EXIT"};

}  // namespace

absl::string_view MultiStopStateName(MultiStopState state) {
  return kStateNames[static_cast<std::size_t>(state)];
}

std::optional<MultiStopState> ParseMultiStopState(absl::string_view name) {
  for (std::size_t i = 0; i < kStateNames.size(); ++i) {
    if (kStateNames[i] == name) return static_cast<MultiStopState>(i);
  }
  return std::nullopt;
}

MultiStopState NextState(Barrier barrier, MultiStopState state) {
  using enum MultiStopState;
  switch (state) {
    case kNone:
      return kPrepare;
    case kPrepare:
      return barrier == Barrier::kSplit ? kDisableIrqInactive : kDisableIrq;
    case kDisableIrqInactive:
      return kDisableIrqActive;
    case kDisableIrq:
    case kDisableIrqActive:
      return kRun;
    case kRun:
      return kExit;
    case kExit:
      return kNone;
  }
  return kNone;
}

bool MasksInterrupts(MultiStopState state, bool active) {
  return state == MultiStopState::kDisableIrq ||
         (state == MultiStopState::kDisableIrqInactive && !active) ||
         (state == MultiStopState::kDisableIrqActive && active);
}

MultiStop::MultiStop(Generation generation, Barrier barrier,
                     CpuMask participants, CpuMask active)
    : generation_(generation),
      barrier_(barrier),
      participants_(std::move(participants)),
      active_(std::move(active)) {}

void MultiStop::Advance() {
  missing_ = participants_;
  state_ = NextState(barrier_, state_);
}

bool MultiStop::Ack(CpuId cpu, Generation generation, MultiStopState state) {
  if (generation != generation_ || state != state_ || !missing_.Has(cpu)) {
    return false;
  }
  missing_.Remove(cpu);
  return missing_.empty();
}

bool MultiStop::Forget(CpuId cpu) {
  participants_.Remove(cpu);
  if (!missing_.Has(cpu)) return false;
  missing_.Remove(cpu);
  return missing_.empty();
}

}  // namespace belfry::kernel
