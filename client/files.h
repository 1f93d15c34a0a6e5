// Whole files at once.
#ifndef BELFRY_CLIENT_FILES_H_
#define BELFRY_CLIENT_FILES_H_

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace belfry::client {

// "-" is standard input.
absl::StatusOr<std::string> ReadFile(
    const std::string& path,
    std::size_t max = std::numeric_limits<std::size_t>::max());

// At most the last `count` lines; none when the file cannot be read.
std::vector<std::string> LastLines(const std::string& path, std::size_t count);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_FILES_H_
