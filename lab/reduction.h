// Which moves the explorer need not put beside all others. docs/EXPLORER.md has
// the argument; the rules are here, each with its reason.
#ifndef BELFRY_LAB_REDUCTION_H_
#define BELFRY_LAB_REDUCTION_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "kernel/cpuhp.h"
#include "kernel/profile.h"
#include "lab/world.h"

namespace belfry::lab {

// For worlds in which only `victim` is called by interrupts and goes offline,
// and no fault comes but so many dropped doorbells. Stateless but for that;
// thread-safe.
//
// A move may be taken at once, alone, if every other move that can come before
// it commutes with it: done earlier or later, the same states are reached, and
// nothing else is disabled or made possible in between. In a search without
// cycles (messages are used up) this keeps every state in which nothing can
// move any more, and so every hang, and the number of moves that lead there.
class Reduction {
 public:
  Reduction(const kernel::Profile& profile, std::uint32_t victim,
            std::uint32_t drops)
      : steps_(profile.steps), victim_(victim), drops_(drops) {}

  // Whether the rules hold under the profile. A sender that rings by what it
  // knows itself reads what they call book-keeping: the end of its calls. A
  // handler that waits keeps all else from its CPU. And what becomes of a state
  // of a stop that is told at once hangs on a stopper that is enabled late.
  static bool IsSoundFor(const kernel::Profile& profile) {
    return profile.ring_order == kernel::RingOrder::kAfterData &&
           profile.irq_call == kernel::IrqCall::kAsync &&
           profile.stopper_enable == kernel::StopperEnable::kAtUnpark;
  }

  // Of the enabled moves one that may be taken at once; none if there is none.
  std::optional<Move> Urgent(const World& world,
                             const std::vector<Move>& enabled) const;

  // Leaves out interrupts that their CPU cannot take now: those wait at the
  // device, which is the same as coming when it can.
  void DropUntakeable(const World& world, std::vector<Move>* enabled) const;

 private:
  bool IsUrgent(const World& world, const World::Pending& pending) const;

  kernel::CpuhpTable steps_;
  std::uint32_t victim_;
  std::uint32_t drops_;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_REDUCTION_H_
