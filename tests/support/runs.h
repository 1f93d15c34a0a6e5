// How much a test by chance does: more for a soak, less under a sanitizer.
#ifndef BELFRY_TESTS_SUPPORT_RUNS_H_
#define BELFRY_TESTS_SUPPORT_RUNS_H_

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/numbers.h"

namespace belfry::testing {

// The number in an environment variable.
inline std::uint64_t NumberFrom(const char* variable, std::uint64_t otherwise) {
  std::uint64_t number = 0;
  const char* text = std::getenv(variable);
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number
                                                            : otherwise;
}

// The seeds of a test that takes `usual` of them where BELFRY_RUNS, of which
// 1000 is usual, does not say otherwise.
inline std::uint64_t Seeds(std::uint64_t usual) {
  return std::max<std::uint64_t>(
      1, usual * NumberFrom("BELFRY_RUNS", 1000) / 1000);
}

}  // namespace belfry::testing

#endif  // BELFRY_TESTS_SUPPORT_RUNS_H_
