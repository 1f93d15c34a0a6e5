// What `belfry scenario run` says to people.
#ifndef BELFRY_CLIENT_SCENARIO_TEXT_H_
#define BELFRY_CLIENT_SCENARIO_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "belfry/v1/report.pb.h"
#include "client/options.h"
#include "client/output.h"
#include "trace/picture.h"

namespace belfry::client {

// Of lab::kHolds, kHang, kViolated, kInconclusive.
int ExitCodeOfVerdict(absl::string_view verdict);

trace::PictureOptions PictureOptionsOf(const Output& out);

// Picture and explanation where they were asked for or something is wrong; the
// state; the verdict. `difference` says what is not as the scenario's file
// expects; empty when nothing is.
void PrintScenarioResult(Output& out, const v1::ScenarioResult& result,
                         const ShowOptions& show,
                         const std::string& difference);

void PrintScenarioSummary(Output& out, const v1::ScenarioSummary& summary);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_SCENARIO_TEXT_H_
