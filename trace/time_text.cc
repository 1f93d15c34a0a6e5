#include "trace/time_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace belfry::trace {

std::int64_t Micros(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1'000'000 + time.nanos() / 1000;
}

double SecondsBetween(const google::protobuf::Timestamp& earlier,
                      const google::protobuf::Timestamp& later) {
  if (Micros(earlier) == 0) return 0;
  return std::max<std::int64_t>(0, Micros(later) - Micros(earlier)) / 1e6;
}

std::string DurationText(double seconds) {
  if (seconds < 1e-3) return absl::StrFormat("%.0f us", seconds * 1e6);
  if (seconds < 1) return absl::StrFormat("%.0f ms", seconds * 1e3);
  if (seconds < 60) return absl::StrFormat("%.1f s", seconds);
  const auto whole = static_cast<std::int64_t>(seconds);
  if (whole < 3600) return absl::StrCat(whole / 60, " min ", whole % 60, " s");
  return absl::StrCat(whole / 3600, " h ", whole % 3600 / 60, " min");
}

std::string ClockText(const google::protobuf::Timestamp& time) {
  constexpr std::int64_t kDay = 24 * 3600;
  const std::int64_t second = (time.seconds() % kDay + kDay) % kDay;
  return absl::StrFormat("%02d:%02d:%02d.%06d", second / 3600, second / 60 % 60,
                         second % 60, time.nanos() / 1000);
}

}  // namespace belfry::trace
