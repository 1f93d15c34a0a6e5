#include "client/profile_choice.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/exit_code.h"

namespace belfry::client {

absl::StatusOr<kernel::Profile> ChooseProfile(
    const std::string& preset, const std::vector<std::string>& set) {
  absl::StatusOr<kernel::Profile> profile = kernel::PresetByName(preset);
  if (!profile.ok()) return UsageError(profile.status().message());
  for (const v1::Knob& knob : ParseKnobs(set)) {
    if (knob.value().empty()) {
      return UsageError(
          absl::StrCat("--set ", knob.name(), ": write knob=value"));
    }
    const absl::Status status =
        kernel::SetKnob(&*profile, knob.name(), knob.value());
    if (!status.ok()) return UsageError(status.message());
  }
  return profile;
}

google::protobuf::RepeatedPtrField<v1::Knob> ParseKnobs(
    const std::vector<std::string>& set) {
  google::protobuf::RepeatedPtrField<v1::Knob> knobs;
  for (const std::string& text : set) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(text, absl::MaxSplits('=', 1));
    v1::Knob* knob = knobs.Add();
    knob->set_name(parts.first);
    knob->set_value(parts.second);
  }
  return knobs;
}

}  // namespace belfry::client
