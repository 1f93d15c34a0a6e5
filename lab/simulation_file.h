// Simulations as files.
#ifndef BELFRY_LAB_SIMULATION_FILE_H_
#define BELFRY_LAB_SIMULATION_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "belfry/v1/scenario.pb.h"

namespace belfry::lab {

inline constexpr std::uint32_t kSimulationVersion = 1;

// Protobuf text format.
std::string FormatSimulation(const v1::Simulation& simulation);

// `file` names the text in messages. An error is one line that says what is
// wrong, in which input, and what would be right (InvalidArgument). The
// latencies are not compared: who runs the file has them.
absl::StatusOr<v1::Simulation> ParseSimulation(absl::string_view text,
                                               absl::string_view file);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_SIMULATION_FILE_H_
