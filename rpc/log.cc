#include "rpc/log.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace belfry::rpc {

absl::string_view LevelName(Level level) {
  return level == Level::kInfo      ? "info"
         : level == Level::kWarning ? "warning"
                                    : "error";
}

void Log(Level level, absl::string_view who, absl::string_view line) {
  const std::string text =
      absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(),
                                    absl::UTCTimeZone()),
                   " ", LevelName(level), " ", who, ": ", line, "\n");
  // One write: lines of several threads do not mix. A log that cannot be
  // written is nothing to fail for.
  [[maybe_unused]] const ssize_t written =
      ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace belfry::rpc
