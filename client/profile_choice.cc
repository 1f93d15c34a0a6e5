#include "client/profile_choice.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/exit_code.h"
#include "rpc/codec.h"

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

std::string ProfileText(const v1::Profile& profile) {
  const absl::StatusOr<kernel::Profile> preset =
      kernel::PresetByName(profile.name());
  if (!preset.ok()) return profile.name();
  const v1::Profile plain = rpc::ToProto(*preset);
  std::vector<std::string> changed;
  for (int i = 0; i < profile.knobs_size() && i < plain.knobs_size(); ++i) {
    const v1::Knob& knob = profile.knobs(i);
    if (knob.value() == plain.knobs(i).value()) continue;
    changed.push_back(absl::StrCat(knob.name(), "=", knob.value()));
  }
  if (changed.empty()) return profile.name();
  return absl::StrCat(profile.name(), " with ", absl::StrJoin(changed, ", "));
}

}  // namespace belfry::client
