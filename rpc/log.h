// One line to standard error: time, level, who, what.
#ifndef BELFRY_RPC_LOG_H_
#define BELFRY_RPC_LOG_H_

#include <string>

#include "absl/strings/string_view.h"

namespace belfry::rpc {

enum class Level { kInfo, kWarning, kError };

// "info", "warning", "error".
absl::string_view LevelName(Level level);

// `who` is "coordinator" or "cpu/3". Thread-safe: a line is written whole.
void Log(Level level, absl::string_view who, absl::string_view line);

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_LOG_H_
