// Spans of time as the command line reads and prints them.
#ifndef BELFRY_CLIENT_DURATION_H_
#define BELFRY_CLIENT_DURATION_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"

namespace belfry::client {

// "500ms", "10s", "2m", "1m30s"; above 0 and finite.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

// "412 us", "37 ms", "5.2 s".
std::string DurationText(absl::Duration duration);

absl::Duration FromProto(const google::protobuf::Duration& duration);
google::protobuf::Duration ToProto(absl::Duration duration);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_DURATION_H_
