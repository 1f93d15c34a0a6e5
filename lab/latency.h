// How long messages take in virtual time: a model whose constants were measured
// on processes (lab/latencies.textproto says how).
#ifndef BELFRY_LAB_LATENCY_H_
#define BELFRY_LAB_LATENCY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lab/message.h"

namespace belfry::lab {

class Latencies {
 public:
  // The model that was measured.
  static Latencies Measured();
  // InvalidArgument names the row that is missing or upside down.
  static absl::StatusOr<Latencies> Parse(absl::string_view text,
                                         absl::string_view file);

  // Of a message on a lane of that kind, ns. `chance` is any number; the same
  // gives the same.
  std::uint64_t Draw(Lane::Kind kind, std::uint64_t chance) const;

  // Of the model's text, 16 hexadecimal digits.
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  // At 0, 0.5, 0.9, 0.99 and 1.
  using Quantiles = std::array<std::uint32_t, 5>;

  std::array<Quantiles, kLaneKinds> rows_{};
  std::string fingerprint_;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_LATENCY_H_
