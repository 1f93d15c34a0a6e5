// Protobuf text format: files that say what they are, read so that an error is
// one line.
#ifndef BELFRY_LAB_TEXT_FORMAT_H_
#define BELFRY_LAB_TEXT_FORMAT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace belfry::lab {

// InvalidArgument names file, line and column of the first error.
absl::Status ParseText(absl::string_view text, absl::string_view file,
                       google::protobuf::Message* message);

// The message as a file, whose head names its type, as editors want it.
std::string FormatText(const google::protobuf::Message& message);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_TEXT_FORMAT_H_
