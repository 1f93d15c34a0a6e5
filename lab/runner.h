// Runs a scenario's steps on a machine, and says what became of it.
#ifndef BELFRY_LAB_RUNNER_H_
#define BELFRY_LAB_RUNNER_H_

#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "belfry/v1/report.pb.h"
#include "belfry/v1/scenario.pb.h"
#include "lab/machine.h"
#include "trace/picture.h"

namespace belfry::lab {

inline constexpr absl::string_view kHolds = "holds";
inline constexpr absl::string_view kHang = "hang";
inline constexpr absl::string_view kViolated = "violated";
inline constexpr absl::string_view kInconclusive = "inconclusive";

struct RunOptions {
  // Copied into the result; the machine already plays by it. The expectation is
  // looked up by this name.
  std::string profile;
  // Called with each line of the log as it is written; may be empty.
  std::function<void(absl::string_view)> progress;
  // Of the picture in the result.
  trace::PictureOptions picture;
};

// The machine is up, with every CPU online, and plays by the profile. The
// result lacks only duration_s: the runner has no clock. It holds no gate
// afterwards.
//
// Verdicts: hang, a waiting call is stuck and the queue that holds it stranded;
// violated, an invariant is broken but no wait hangs; holds; inconclusive, time
// was over or the machine failed (`message` says in which step).
v1::ScenarioResult RunScenario(const v1::Scenario& scenario, Machine& machine,
                               const RunOptions& options);

// One line that says where the result is not what the file expects of its
// profile: verdict, invariants and prevented gates are compared. Empty when all
// is as expected, or nothing is.
std::string DifferenceFromExpected(const v1::Scenario& scenario,
                                   const v1::ScenarioResult& result);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_RUNNER_H_
