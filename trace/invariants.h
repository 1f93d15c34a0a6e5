// The names of the invariants, as reports and scenarios write them.
#ifndef BELFRY_TRACE_INVARIANTS_H_
#define BELFRY_TRACE_INVARIANTS_H_

#include <array>

#include "absl/strings/string_view.h"

namespace belfry::trace {

inline constexpr absl::string_view kConservation = "conservation";
inline constexpr absl::string_view kAtMostOnce = "at_most_once";
inline constexpr absl::string_view kNoStrandedQueue = "no_stranded_queue";
inline constexpr absl::string_view kNothingLeftBehind = "nothing_left_behind";
inline constexpr absl::string_view kStoppedMeansStopped =
    "stopped_means_stopped";
inline constexpr absl::string_view kOneView = "one_view";
inline constexpr absl::string_view kOrder = "order";
inline constexpr absl::string_view kNoCallOnDeadCpu = "no_call_on_dead_cpu";
inline constexpr absl::string_view kItsOwnTarget = "its_own_target";
inline constexpr absl::string_view kEveryWaitEnds = "every_wait_ends";

// All of them, in the order in which the design lists them.
inline constexpr std::array<absl::string_view, 10> kInvariants = {
    kConservation,        kAtMostOnce,    kNoStrandedQueue, kNothingLeftBehind,
    kStoppedMeansStopped, kOneView,       kOrder,           kNoCallOnDeadCpu,
    kItsOwnTarget,        kEveryWaitEnds,
};

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_INVARIANTS_H_
