// A profile as the command line names it: a preset, and knobs on top.
#ifndef BELFRY_CLIENT_PROFILE_CHOICE_H_
#define BELFRY_CLIENT_PROFILE_CHOICE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "belfry/v1/types.pb.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "kernel/profile.h"
#include "trace/codec.h"

namespace belfry::client {

// An error is a usage error that names the presets, knobs or values there are.
absl::StatusOr<kernel::Profile> ChooseProfile(
    const std::string& preset, const std::vector<std::string>& set);

// Of "knob=value" each; what has no '=' becomes a knob without a value.
google::protobuf::RepeatedPtrField<v1::Knob> ParseKnobs(
    const std::vector<std::string>& set);

using trace::ProfileText;

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_PROFILE_CHOICE_H_
