#include "kernel/stop_two.h"

#include <array>
#include <cstddef>

namespace belfry::kernel {
namespace {

constexpr std::array<absl::string_view, 5> kVerbNames = {
    "lock", "back_off", "queue", "publish", "abort"};
constexpr std::array<absl::string_view, 6> kPhaseNames = {
    "due", "locking", "backing_off", "queueing", "running", "aborting"};

}  // namespace

absl::string_view StopTwoVerbName(StopTwoVerb verb) {
  return kVerbNames[static_cast<std::size_t>(verb)];
}

std::optional<StopTwoVerb> ParseStopTwoVerb(absl::string_view name) {
  for (std::size_t i = 0; i < kVerbNames.size(); ++i) {
    if (kVerbNames[i] == name) return static_cast<StopTwoVerb>(i);
  }
  return std::nullopt;
}

absl::string_view StopTwoPhaseName(StopTwo::Phase phase) {
  return kPhaseNames[static_cast<std::size_t>(phase)];
}

}  // namespace belfry::kernel
