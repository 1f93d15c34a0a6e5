#include "lab/shrink.h"

#include <algorithm>
#include <utility>

#include "lab/simulation.h"

namespace belfry::lab {
namespace {

v1::Simulation Without(const v1::Simulation& simulation, int first, int count) {
  v1::Simulation rest = simulation;
  rest.mutable_inputs()->DeleteSubrange(first, count);
  return rest;
}

}  // namespace

v1::Simulation Shrink(const v1::Simulation& failing, const Latencies& latencies,
                      kernel::Invariant violated,
                      absl::FunctionRef<bool(std::size_t)> keep_on) {
  const auto fails = [&](const v1::Simulation& simulation) {
    // A wait without end is seen at the end only.
    const bool to_end = violated == kernel::Invariant::kEveryWaitEnds;
    return Simulate(simulation, latencies, {.stop_at_violation = !to_end})
        .violated.contains(violated);
  };
  v1::Simulation smallest = failing;
  int part = std::max(1, smallest.inputs_size() / 2);
  while (part > 0) {
    bool left_out = false;
    for (int first = 0; first < smallest.inputs_size();) {
      if (!keep_on(static_cast<std::size_t>(smallest.inputs_size()))) {
        return smallest;
      }
      const int count = std::min(part, smallest.inputs_size() - first);
      v1::Simulation candidate = Without(smallest, first, count);
      if (fails(candidate)) {
        smallest = std::move(candidate);
        left_out = true;
      } else {
        first += count;
      }
    }
    // What was needed before may not be any more.
    if (!left_out || part > 1) part /= 2;
  }
  return smallest;
}

}  // namespace belfry::lab
