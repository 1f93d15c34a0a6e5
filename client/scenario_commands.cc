// belfry scenario list, show.
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "belfry/v1/report.pb.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/scenario_file.h"
#include "google/protobuf/text_format.h"
#include "lab/scenario.h"

namespace belfry::client {
namespace {

std::string ExpectedText(const v1::ScenarioInfo& info) {
  // A protobuf map has no order.
  const std::map<std::string, std::string> expected(info.expected().begin(),
                                                    info.expected().end());
  std::vector<std::string> hangs;
  for (const auto& [profile, verdict] : expected) {
    if (verdict != "holds") {
      hangs.push_back(absl::StrCat(profile, ": ", verdict));
    }
  }
  return absl::StrJoin(hangs, "; ");
}

}  // namespace

ExitCode Run(Context& context, const ScenarioListOptions&) {
  const v1::ScenarioList list = lab::ListScenarios();
  Table table({{"NAME"},
               {"CPUS", Table::Align::kRight},
               {"TITLE"},
               {"DOES NOT HOLD UNDER"}});
  for (const v1::ScenarioInfo& info : list.scenarios()) {
    table.Add({info.name(), absl::StrCat(info.cpus()), info.title(),
               ExpectedText(info)});
  }
  switch (context.out.format()) {
    case Format::kJson:
      context.out.Json(list);
      break;
    case Format::kName:
      for (const v1::ScenarioInfo& info : list.scenarios()) {
        context.out.Line(info.name());
      }
      break;
    case Format::kTable:
      context.out.Print(table);
      break;
  }
  return kExitOk;
}

ExitCode Run(Context& context, const ScenarioShowOptions& options) {
  const absl::StatusOr<v1::Scenario> scenario = LoadScenario(options.scenario);
  if (!scenario.ok()) return scenario.status();
  if (context.out.json()) {
    context.out.Json(*scenario);
    return kExitOk;
  }
  if (context.out.format() == Format::kName) {
    context.out.Line(scenario->name());
    return kExitOk;
  }
  context.out.Line(context.out.Painted(
      Style::kBold, absl::StrCat(scenario->name(), ": ", scenario->title())));
  context.out.Line("");
  context.out.Line(scenario->description());
  int number = 1;
  for (const v1::ScenarioStep& step : scenario->steps()) {
    if (!step.note().empty())
      context.out.Line(absl::StrCat("  # ", step.note()));
    context.out.Line(absl::StrCat("  ", number++, ". ", lab::StepText(step)));
  }
  context.out.Line("");
  Table table({{"PROFILE"}, {"VERDICT"}, {"VIOLATED"}, {"PREVENTED"}});
  for (const v1::Expectation& expected : scenario->expectations()) {
    table.Add({lab::ProfileText(expected), expected.verdict(),
               absl::StrJoin(expected.violated(), ", "),
               absl::StrJoin(expected.prevented(), ", ")});
  }
  context.out.Print(table);
  return kExitOk;
}

}  // namespace belfry::client
