#include "client/exit_code.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"

namespace belfry::client {
namespace {

constexpr absl::string_view kPayload = "belfry.exit_code";

}  // namespace

absl::Status WithExitCode(absl::Status status, int exit_code) {
  if (!status.ok()) {
    status.SetPayload(kPayload, absl::Cord(absl::StrCat(exit_code)));
  }
  return status;
}

absl::Status WithRpcExitCode(absl::Status status) {
  // The deadline is the user's own --timeout.
  const int exit_code = absl::IsDeadlineExceeded(status)
                            ? kExitTimeout
                            : kExitRpc + static_cast<int>(status.code());
  return WithExitCode(std::move(status), exit_code);
}

int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayload);
  int exit_code = kExitFailed;
  if (payload.has_value()) {
    (void)absl::SimpleAtoi(std::string(*payload), &exit_code);
  }
  return exit_code;
}

absl::Status UsageError(absl::string_view message) {
  return WithExitCode(absl::InvalidArgumentError(message), kExitUsage);
}

}  // namespace belfry::client
