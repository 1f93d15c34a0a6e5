// Scenario files: protobuf text format, read and checked before anything runs.
#ifndef BELFRY_LAB_SCENARIO_H_
#define BELFRY_LAB_SCENARIO_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "belfry/v1/report.pb.h"
#include "belfry/v1/scenario.pb.h"
#include "kernel/profile.h"

namespace belfry::lab {

// `file` names the text in messages. An error is one line that names file, step
// and what would be right (INVALID_ARGUMENT).
absl::StatusOr<v1::Scenario> ParseScenario(absl::string_view text,
                                           absl::string_view file);

// One of the built-in scenarios, by its name or an alias; NOT_FOUND names those
// that there are.
absl::StatusOr<v1::Scenario> FindScenario(absl::string_view name);

// The built-in scenarios, for `belfry scenario list`.
v1::ScenarioList ListScenarios();
v1::ScenarioInfo DescribeScenario(const v1::Scenario& scenario);

// The rules that it speaks of: its preset, and its knobs on top.
// InvalidArgument, NotFound: there is no such preset, knob or value.
absl::StatusOr<kernel::Profile> ProfileOf(const v1::Expectation& expected);
// "linux-3.0 with hardware=x86", as every report writes it.
std::string ProfileText(const v1::Expectation& expected);

// What the file expects under these rules, as ProfileText() names them; null
// when it says nothing.
const v1::Expectation* FindExpectation(const v1::Scenario& scenario,
                                       absl::string_view profile);

// The verdict that exploring must reach under these rules; empty when the file
// says nothing.
std::string ExpectedOfExploring(const v1::Scenario& scenario,
                                absl::string_view profile);

// A step in a line: "await cpu/3 irqs masked". A gate: "cpu/1 ack:DISABLE_IRQ".
std::string StepText(const v1::ScenarioStep& step);
std::string GateText(const v1::GateAt& at);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_SCENARIO_H_
