// Schedules as files, and as runs that can be looked at.
#ifndef BELFRY_LAB_SCHEDULE_H_
#define BELFRY_LAB_SCHEDULE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "belfry/v1/debug.pb.h"
#include "belfry/v1/scenario.pb.h"
#include "lab/explorer.h"
#include "lab/referee.h"

namespace belfry::lab {

inline constexpr absl::string_view kLateDoorbells = "late";
inline constexpr absl::string_view kPromptDoorbells = "prompt";

// InvalidArgument says what is wrong with the bounds and what would be right.
absl::Status CheckScope(const v1::ExploreScope& scope);
// Of checked bounds.
Scope ScopeOf(const v1::ExploreScope& scope, absl::string_view doorbells);

// Of a result that has a schedule.
v1::Schedule MakeSchedule(absl::string_view scenario,
                          const ExploreOptions& options,
                          const ExploreResult& result);

// Protobuf text format.
std::string FormatSchedule(const v1::Schedule& schedule);
// `file` names the text in messages. An error is one line that says what is
// wrong and what would be right (InvalidArgument).
absl::StatusOr<v1::Schedule> ParseSchedule(absl::string_view text,
                                           absl::string_view file);

// A schedule that was played in memory.
struct Played {
  World end;
  // Everything that happened after the boot, in order. Times only count events.
  std::vector<v1::TraceEvent> events;
  // Invariants that were violated on the way or at the end, by name.
  std::vector<std::string> violated;
  // Nothing but a new call can move.
  bool quiet = false;
  // It is quiet, and somebody waits.
  bool hangs = false;
};

// A schedule that is being played in memory.
class Playing {
 public:
  // Of a schedule that was made or parsed here.
  explicit Playing(const v1::Schedule& schedule);

  const World& world() const { return played_.end; }
  // The next move. InvalidArgument, and nothing moved, when it is not possible.
  absl::Status Make(const std::string& move);
  // No more moves.
  Played End() &&;

 private:
  Happenings boot_;
  Played played_;
  Referee referee_;
  std::size_t moves_ = 0;
};

// InvalidArgument names the first move that is not possible.
absl::StatusOr<Played> Play(const v1::Schedule& schedule);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_SCHEDULE_H_
