// Presets that are there.
#ifndef BELFRY_TESTS_SUPPORT_PRESET_H_
#define BELFRY_TESTS_SUPPORT_PRESET_H_

#include "absl/strings/string_view.h"
#include "kernel/profile.h"

namespace belfry::testing {

inline kernel::Profile Preset(absl::string_view name) {
  return kernel::PresetByName(name).value();
}

}  // namespace belfry::testing

#endif  // BELFRY_TESTS_SUPPORT_PRESET_H_
