#include "kernel/multi_stop.h"

#include <array>

namespace belfry::kernel {
namespace {

constexpr std::array<absl::string_view, 8> kStateNames = {
    "NONE",
    "PREPARE",
    "DISABLE_IRQ",
    "DISABLE_IRQ_INACTIVE",
    "DISABLE_IRQ_ACTIVE",
    "RUN",
    "CONFIRM",
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

StopOrder StopOrderOf(const Profile& profile) {
  return {.barrier = profile.barrier,
          .confirm = profile.stop_lease == StopLease::kHeld &&
                     profile.lease_without != LeaseWithout::kConfirm};
}

MultiStopState NextState(StopOrder order, MultiStopState state) {
  using enum MultiStopState;
  switch (state) {
    case kNone:
      return kPrepare;
    case kPrepare:
      return order.barrier == Barrier::kSplit ? kDisableIrqInactive
                                              : kDisableIrq;
    case kDisableIrqInactive:
      return kDisableIrqActive;
    case kDisableIrq:
    case kDisableIrqActive:
      return kRun;
    case kRun:
      return order.confirm ? kConfirm : kExit;
    case kConfirm:
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

MultiStop::MultiStop(Generation generation, StopOrder order,
                     CpuMask participants, CpuMask active)
    : generation_(generation),
      order_(order),
      participants_(std::move(participants)),
      active_(std::move(active)) {}

bool MultiStop::IsActiveMissing() const {
  for (CpuId cpu : active_.cpus()) {
    if (missing_.Has(cpu)) return true;
  }
  return false;
}

void MultiStop::Advance() {
  missing_ = participants_;
  state_ = next_state();
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
