// Remembers what an event does to a machine of kernel/ in a state: the machines
// are values without a clock or chance, so the same event in the same state
// does the same. A search over interleavings meets few states of each machine,
// and each of them very often.
#ifndef BELFRY_LAB_STEP_CACHE_H_
#define BELFRY_LAB_STEP_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "kernel/coordinator.h"
#include "kernel/cpu.h"
#include "lab/fingerprint.h"
#include "lab/shared.h"

namespace belfry::lab {

// Not thread-safe.
class StepCache {
 public:
  template <typename Machine, typename Effects>
  struct Step {
    Shared<Machine> next;
    // Without trace events, which nobody sees.
    Effects effects;
  };
  using CpuStep = Step<kernel::Cpu, kernel::CpuEffects>;
  using CoordinatorStep = Step<kernel::Coordinator, kernel::CoordinatorEffects>;

  // The effects of `event` (the message's fingerprint is `key`) on `machine`.
  // The reference is good until the next call.
  const CpuStep& Get(const Shared<kernel::Cpu>& machine, Digest key,
                     const kernel::CpuEvent& event) {
    return Find<kernel::Trace>(cpus_, machine, key, event);
  }
  const CoordinatorStep& Get(const Shared<kernel::Coordinator>& machine,
                             Digest key,
                             const kernel::CoordinatorEvent& event) {
    return Find<kernel::CoordinatorTrace>(coordinators_, machine, key, event);
  }

  // Steps that it remembers.
  std::size_t size() const { return cpus_.size() + coordinators_.size(); }

 private:
  struct Key {
    Digest state;
    Digest event;

    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& k) {
      return H::combine(std::move(h), k.state.low, k.event.low);
    }
  };
  template <typename S>
  using Map = absl::flat_hash_map<Key, S>;

  template <typename TraceEffect, typename S, typename Machine, typename Event>
  static const S& Find(Map<S>& map, const Shared<Machine>& machine,
                       Digest event_key, const Event& event) {
    const auto [found, added] =
        map.try_emplace(Key{machine.fingerprint(), event_key});
    S& step = found->second;
    if (added) {
      step.next = machine;
      step.next.Mutable().Step(event, step.effects);
      std::erase_if(step.effects, [](const auto& effect) {
        return std::holds_alternative<TraceEffect>(effect);
      });
    }
    return step;
  }

  Map<CpuStep> cpus_;
  Map<CoordinatorStep> coordinators_;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_STEP_CACHE_H_
