// Follows a schedule move by move: in memory, or on a machine.
//
// On a machine every event waits at its gate, and just the one that the
// schedule names passes, once the one before it has been taken: so the
// machine's CPUs see what the schedule's saw, in its order. The machine in
// memory is played beside it, and says where each move goes.
#ifndef BELFRY_LAB_REPLAY_H_
#define BELFRY_LAB_REPLAY_H_

#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "belfry/v1/report.pb.h"
#include "belfry/v1/scenario.pb.h"
#include "lab/machine.h"
#include "trace/picture.h"

namespace belfry::lab {

inline constexpr absl::string_view kOnProcesses = "processes";
inline constexpr absl::string_view kOnSim = "sim";

struct ReplayOptions {
  // Called with each move before it is made; may be empty.
  std::function<void(absl::string_view)> progress;
  // Of the picture in the result.
  trace::PictureOptions picture;
};

// The schedule was made or parsed by lab/schedule.h. What ends at rest is
// judged when time has passed and the watchdog has spoken; what ends in the
// middle is judged as it stands there. Reports lack only the result's profile
// and duration_s.
v1::ReplayReport ReplayInMemory(const v1::Schedule& schedule,
                                const ReplayOptions& options);
// The machine is up, with the schedule's CPUs online, fused doorbells and the
// schedule's profile. No gate is held afterwards.
v1::ReplayReport ReplayOn(Machine& machine, const v1::Schedule& schedule,
                          const ReplayOptions& options);

// One line that says how the end is not the schedule's; empty when it is.
std::string DifferenceFromSchedule(const v1::ReplayReport& report);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_REPLAY_H_
