#include "lab/latency.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "belfry/v1/scenario.pb.h"
#include "lab/embedded.h"
#include "lab/text_format.h"

namespace belfry::lab {
namespace {

// Where the quantiles stand, in 10,000ths.
constexpr std::array<std::uint64_t, 5> kPlaces = {0, 5000, 9000, 9900, 10000};

// FNV-1a: the same on every machine.
std::uint64_t HashOf(absl::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return hash;
}

}  // namespace

Latencies Latencies::Measured() {
  const std::string_view text = EmbeddedLatencies().front().content;
  // A part of the program, and read by its tests.
  return Parse({text.data(), text.size()}, "latencies.textproto").value();
}

absl::StatusOr<Latencies> Latencies::Parse(absl::string_view text,
                                           absl::string_view file) {
  v1::LatencyModel model;
  const absl::Status parsed = ParseText(text, file, &model);
  if (!parsed.ok()) return parsed;
  Latencies latencies;
  for (std::size_t kind = 0; kind < kLaneKinds; ++kind) {
    const absl::string_view name = kLaneNames[kind];
    const auto row = std::find_if(
        model.latencies().begin(), model.latencies().end(),
        [&](const v1::Latency& latency) { return latency.lane() == name; });
    if (row == model.latencies().end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(file, ": no latencies for lane \"", name, "\""));
    }
    Quantiles& quantiles = latencies.rows_[kind];
    quantiles = {row->min_ns(), row->p50_ns(), row->p90_ns(), row->p99_ns(),
                 row->max_ns()};
    if (!std::is_sorted(quantiles.begin(), quantiles.end())) {
      return absl::InvalidArgumentError(absl::StrCat(
          file, ": the latencies of lane \"", name, "\" do not rise"));
    }
  }
  latencies.fingerprint_ =
      absl::StrCat(absl::Hex(HashOf(text), absl::kZeroPad16));
  return latencies;
}

std::uint64_t Latencies::Draw(Lane::Kind kind, std::uint64_t chance) const {
  const Quantiles& q = rows_[static_cast<std::size_t>(kind)];
  const std::uint64_t place = chance % kPlaces.back();
  std::size_t above = 1;
  while (place >= kPlaces[above]) ++above;
  const std::uint64_t span = kPlaces[above] - kPlaces[above - 1];
  return q[above - 1] +
         (q[above] - q[above - 1]) * (place - kPlaces[above - 1]) / span;
}

}  // namespace belfry::lab
