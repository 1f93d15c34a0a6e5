// Exploring a scenario's machine, for `explore` and `scenario run --on
// explore`.
#ifndef BELFRY_CLIENT_EXPLORE_H_
#define BELFRY_CLIENT_EXPLORE_H_

#include "absl/status/statusor.h"
#include "belfry/v1/report.pb.h"
#include "belfry/v1/scenario.pb.h"
#include "client/commands.h"

namespace belfry::client {

// The search, its schedule played, and written where the options say. A
// scenario without bounds to explore is a usage error.
absl::StatusOr<v1::ExploreReport> ExploreScenario(
    Context& context, const v1::Scenario& scenario,
    const ExploreCommandOptions& options);

void ShowExploreReport(Context& context, const v1::ExploreReport& report,
                       const ExploreCommandOptions& options);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_EXPLORE_H_
