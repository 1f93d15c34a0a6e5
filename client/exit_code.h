// The exit codes of `belfry`, and how a status comes to its own.
#ifndef BELFRY_CLIENT_EXIT_CODE_H_
#define BELFRY_CLIENT_EXIT_CODE_H_

#include "absl/status/status.h"

namespace belfry::client {

inline constexpr int kExitOk = 0;
// A negative answer of no class of its own, or a part of the work failed.
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInconclusive = 3;
inline constexpr int kExitHang = 11;
inline constexpr int kExitViolated = 12;
// What was to happen did not happen in time.
inline constexpr int kExitNotInTime = 13;
// A schedule could not be followed, or ended otherwise than it says.
inline constexpr int kExitDiverged = 20;
// A file that is to be judged is not of its kind, or is cut off (EX_DATAERR).
inline constexpr int kExitBadFile = 65;
// Plus the number of the gRPC code.
inline constexpr int kExitRpc = 64;
inline constexpr int kExitTimeout = 124;
// Plus the number of the signal.
inline constexpr int kExitSignal = 128;

// The same status, that ends the program with `exit_code`.
absl::Status WithExitCode(absl::Status status, int exit_code);

// An error of an RPC: 64 + its code, or 124 when its deadline passed.
absl::Status WithRpcExitCode(absl::Status status);

// 0 when ok; else the code that the status was given, or 1.
int ExitCodeOf(const absl::Status& status);

// The command line, or a file that it names, is wrong.
absl::Status UsageError(absl::string_view message);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_EXIT_CODE_H_
