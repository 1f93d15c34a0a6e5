// What the search of stop worlds remembers of the machines.
#ifndef BELFRY_LAB_STOP_MEMO_H_
#define BELFRY_LAB_STOP_MEMO_H_

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "kernel/coordinator.h"
#include "kernel/cpu.h"
#include "lab/fingerprint.h"
#include "lab/shared.h"

namespace belfry::lab {

// What steps lead to that were made before: the machines have neither clock nor
// chance. Not thread-safe.
class StopMemo {
 public:
  template <typename Machine, typename Effects>
  struct Step {
    Shared<Machine> machine;
    Effects effects;
  };
  template <typename Machine, typename Effects>
  using Steps =
      absl::flat_hash_map<std::pair<Digest, Digest>, Step<Machine, Effects>>;

  // What the event leads to there. `name` tells it from all others.
  template <typename Machine, typename Effects, typename AnyEvent>
  static const Step<Machine, Effects>& Of(Steps<Machine, Effects>& known,
                                          const Shared<Machine>& machine,
                                          const AnyEvent& event, Digest name) {
    const auto [step, is_new] =
        known.try_emplace({machine.fingerprint(), name});
    if (is_new) {
      step->second.machine = machine;
      step->second.machine.Mutable().Step(event, step->second.effects);
    }
    return step->second;
  }

  Steps<kernel::Cpu, kernel::CpuEffects> cpus;
  Steps<kernel::Coordinator, kernel::CoordinatorEffects> coordinators;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_STOP_MEMO_H_
