// The smallest simulation that still fails.
#ifndef BELFRY_LAB_SHRINK_H_
#define BELFRY_LAB_SHRINK_H_

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "belfry/v1/scenario.pb.h"
#include "kernel/invariants.h"
#include "lab/latency.h"

namespace belfry::lab {

// Leaves out inputs for as long as the run still violates `violated`: halves
// first, then ever smaller parts (delta debugging), so that in the end no
// single input can be left out, or `keep_on` has said that it is enough. It is
// called before each run, with the inputs that are left.
v1::Simulation Shrink(const v1::Simulation& failing, const Latencies& latencies,
                      kernel::Invariant violated,
                      absl::FunctionRef<bool(std::size_t)> keep_on);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_SHRINK_H_
