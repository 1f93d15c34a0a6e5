// Scenario files: protobuf text format, read and checked before anything runs.
#ifndef BELFRY_LAB_SCENARIO_H_
#define BELFRY_LAB_SCENARIO_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "belfry/v1/report.pb.h"
#include "belfry/v1/scenario.pb.h"

namespace belfry::lab {

// `file` names the text in messages. An error is one line that names file, step
// and what would be right (INVALID_ARGUMENT).
absl::StatusOr<v1::Scenario> ParseScenario(absl::string_view text,
                                           absl::string_view file);

// One of the built-in scenarios; NOT_FOUND names those that there are.
absl::StatusOr<v1::Scenario> FindScenario(absl::string_view name);

// The built-in scenarios, for `belfry scenario list`.
v1::ScenarioList ListScenarios();
v1::ScenarioInfo DescribeScenario(const v1::Scenario& scenario);

// What the file expects of a preset; null when it says nothing.
const v1::Expectation* FindExpectation(const v1::Scenario& scenario,
                                       absl::string_view profile);

// A step in a line: "await cpu/3 irqs masked". A gate: "cpu/1 ack:DISABLE_IRQ".
std::string StepText(const v1::ScenarioStep& step);
std::string GateText(const v1::GateAt& at);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_SCENARIO_H_
