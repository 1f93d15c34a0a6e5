// Files of lab/, held inside the program.
#ifndef BELFRY_LAB_EMBEDDED_H_
#define BELFRY_LAB_EMBEDDED_H_

#include <span>
#include <string_view>

namespace belfry::lab {

struct EmbeddedFile {
  // The file's name without its folder: "lost-ipi.textproto".
  std::string_view name;
  std::string_view content;
};

// All embedded scenarios, in the order in which lab/CMakeLists.txt lists them.
// Lives as long as the program.
std::span<const EmbeddedFile> EmbeddedScenarios();

// lab/latencies.textproto alone.
std::span<const EmbeddedFile> EmbeddedLatencies();

}  // namespace belfry::lab

#endif  // BELFRY_LAB_EMBEDDED_H_
