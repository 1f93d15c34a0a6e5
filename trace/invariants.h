// The names of the invariants, as reports and scenarios write them. What they
// mean, and how a run is judged, is in kernel/invariants.h.
#ifndef BELFRY_TRACE_INVARIANTS_H_
#define BELFRY_TRACE_INVARIANTS_H_

#include "absl/strings/string_view.h"
#include "kernel/invariants.h"

namespace belfry::trace {

inline constexpr absl::string_view kConservation =
    kernel::InvariantName(kernel::Invariant::kConservation);
inline constexpr absl::string_view kAtMostOnce =
    kernel::InvariantName(kernel::Invariant::kAtMostOnce);
inline constexpr absl::string_view kNoStrandedQueue =
    kernel::InvariantName(kernel::Invariant::kNoStrandedQueue);
inline constexpr absl::string_view kNothingLeftBehind =
    kernel::InvariantName(kernel::Invariant::kNothingLeftBehind);
inline constexpr absl::string_view kStoppedMeansStopped =
    kernel::InvariantName(kernel::Invariant::kStoppedMeansStopped);
inline constexpr absl::string_view kOneView =
    kernel::InvariantName(kernel::Invariant::kOneView);
inline constexpr absl::string_view kOrder =
    kernel::InvariantName(kernel::Invariant::kOrder);
inline constexpr absl::string_view kNoCallOnDeadCpu =
    kernel::InvariantName(kernel::Invariant::kNoCallOnDeadCpu);
inline constexpr absl::string_view kItsOwnTarget =
    kernel::InvariantName(kernel::Invariant::kItsOwnTarget);
inline constexpr absl::string_view kEveryWaitEnds =
    kernel::InvariantName(kernel::Invariant::kEveryWaitEnds);

// All of them, in the order in which the design lists them.
inline constexpr const auto& kInvariants = kernel::kInvariantNames;

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_INVARIANTS_H_
