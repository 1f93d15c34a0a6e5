// "did you mean ...?"
#ifndef BELFRY_CLIENT_SUGGEST_H_
#define BELFRY_CLIENT_SUGGEST_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace belfry::client {

// Levenshtein's distance, with a swap of neighbours as one edit.
std::size_t EditDistance(absl::string_view a, absl::string_view b);

// The candidate that `word` was probably meant to be; nothing when none is
// near.
std::optional<std::string> Suggest(absl::string_view word,
                                   const std::vector<std::string>& candidates);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_SUGGEST_H_
