// A scenario as the command line names it.
#ifndef BELFRY_CLIENT_SCENARIO_FILE_H_
#define BELFRY_CLIENT_SCENARIO_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "belfry/v1/scenario.pb.h"

namespace belfry::client {

// A built-in scenario's name, or a file: what has a slash or ends in .textproto
// is a file. Errors are usage errors.
absl::StatusOr<v1::Scenario> LoadScenario(const std::string& name_or_file);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_SCENARIO_FILE_H_
