// The lockstep barrier of stop_machine: its states, and the count of those who
// have acknowledged one. kernel/stop_machine.c, Linux 3.0 and 6.12.
#ifndef BELFRY_KERNEL_MULTI_STOP_H_
#define BELFRY_KERNEL_MULTI_STOP_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/string_view.h"
#include "kernel/cpumask.h"
#include "kernel/ids.h"
#include "kernel/profile.h"

namespace belfry::kernel {

enum class MultiStopState : std::uint8_t {
  kNone,
  kPrepare,
  // All mask their interrupts (barrier=single).
  kDisableIrq,
  // First those that do not run the function, then those that do
  // (barrier=split; in -mm and linux-next of May 2014, never merged).
  kDisableIrqInactive,
  kDisableIrqActive,
  // The active CPUs run the function while all stand masked.
  kRun,
  // Belfry's own (stop_lease=held): whoever acknowledges it has been masked in
  // this round without a break.
  kConfirm,
  kExit,
};

// "PREPARE", "DISABLE_IRQ", ...
absl::string_view MultiStopStateName(MultiStopState state);
std::optional<MultiStopState> ParseMultiStopState(absl::string_view name);

// How the states of a round follow one another.
struct StopOrder {
  Barrier barrier = Barrier::kSingle;
  bool confirm = false;

  friend bool operator==(const StopOrder&, const StopOrder&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const StopOrder& o) {
    return H::combine(std::move(h), o.barrier, o.confirm);
  }
};
StopOrder StopOrderOf(const Profile& profile);

// The state that follows; kNone after kExit.
MultiStopState NextState(StopOrder order, MultiStopState state);

// Whether a CPU masks its interrupts when it acts on `state`.
bool MasksInterrupts(MultiStopState state, bool active);

// The coordinator's side of one round: it publishes a state, every participant
// acknowledges it, and the last acknowledgement, never a timer, moves all to
// the next. Participants are fixed before PREPARE.
class MultiStop {
 public:
  MultiStop(Generation generation, StopOrder order, CpuMask participants,
            CpuMask active);

  Generation generation() const { return generation_; }
  MultiStopState state() const { return state_; }
  MultiStopState next_state() const { return NextState(order_, state_); }
  const CpuMask& participants() const { return participants_; }
  const CpuMask& active() const { return active_; }
  // Participants that have not acknowledged state().
  const CpuMask& missing() const { return missing_; }

  // An active CPU has not.
  bool IsActiveMissing() const;

  // Publishes the next state: from now on all participants owe its ack. The
  // missing set is filled before the state changes, as set_state() does.
  void Advance();

  // Returns true when this was the last acknowledgement owed. One for another
  // round or state, from a stranger or a second time changes nothing.
  bool Ack(CpuId cpu, Generation generation, MultiStopState state);

  // A participant's process died: it owes nothing any more. True when nobody
  // else owes either.
  bool Forget(CpuId cpu);

  friend bool operator==(const MultiStop&, const MultiStop&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const MultiStop& m) {
    return H::combine(std::move(h), m.generation_, m.order_, m.state_,
                      m.participants_, m.active_, m.missing_);
  }

 private:
  Generation generation_;
  StopOrder order_;
  MultiStopState state_ = MultiStopState::kNone;
  CpuMask participants_;
  CpuMask active_;
  CpuMask missing_;
};

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_MULTI_STOP_H_
