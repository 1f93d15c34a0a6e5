#include "client/scenario_file.h"

#include "absl/strings/match.h"
#include "client/exit_code.h"
#include "client/files.h"
#include "lab/scenario.h"

namespace belfry::client {

absl::StatusOr<v1::Scenario> LoadScenario(const std::string& name_or_file) {
  const bool is_file = name_or_file == "-" ||
                       absl::StrContains(name_or_file, '/') ||
                       absl::EndsWith(name_or_file, ".textproto");
  absl::StatusOr<v1::Scenario> scenario;
  if (is_file) {
    const absl::StatusOr<std::string> text = ReadFile(name_or_file);
    if (!text.ok()) return UsageError(text.status().message());
    scenario = lab::ParseScenario(*text, name_or_file);
  } else {
    scenario = lab::FindScenario(name_or_file);
  }
  if (!scenario.ok()) return UsageError(scenario.status().message());
  return scenario;
}

}  // namespace belfry::client
