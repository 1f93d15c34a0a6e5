#include "kernel/control.h"

#include <array>

namespace belfry::kernel {
namespace {

constexpr std::array<absl::string_view, 6> kLifeNames = {
    "DEAD", "KICKED", "ALIVE", "SHOULD_ONLINE", "ONLINE", "SHOULD_DIE"};

}  // namespace

absl::string_view LifeName(Life life) {
  return kLifeNames[static_cast<std::size_t>(life)];
}

std::optional<Life> ParseLife(absl::string_view name) {
  for (std::size_t i = 0; i < kLifeNames.size(); ++i) {
    if (kLifeNames[i] == name) return static_cast<Life>(i);
  }
  return std::nullopt;
}

}  // namespace belfry::kernel
