// Waiting for the coordinator's operations, and saying what became of them.
#ifndef BELFRY_CLIENT_OPERATIONS_H_
#define BELFRY_CLIENT_OPERATIONS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "belfry/v1/types.pb.h"
#include "client/coordinator.h"
#include "client/interrupt.h"

namespace belfry::client {

// For a request that may be sent twice and must act once.
std::string NewRequestId();

absl::StatusOr<v1::Operation> StartOnline(Coordinator& coordinator,
                                          std::uint32_t cpu,
                                          std::optional<std::uint32_t> on);
absl::StatusOr<v1::Operation> StartOffline(Coordinator& coordinator,
                                           std::uint32_t cpu,
                                           std::optional<std::uint32_t> on);

// One of the two.
absl::StatusOr<v1::Operation> StartHotplug(Coordinator& coordinator,
                                           bool online, std::uint32_t cpu,
                                           std::optional<std::uint32_t> on);

// The operation as it stands when it is done, or when the time is over.
absl::StatusOr<v1::Operation> WaitOperation(Coordinator& coordinator,
                                            std::uint64_t id,
                                            absl::Duration time);

// The operation as it stands when it is done, when the time is over, or when
// the user wants no more of it.
absl::StatusOr<v1::Operation> AwaitOperation(Coordinator& coordinator,
                                             const v1::Operation& started,
                                             absl::Time deadline,
                                             const Interrupt& interrupt);

// "operation 7 (online cpu 3) still runs: waits for cpu 1 in step 9 (...)".
std::string StillRunsText(const v1::Operation& operation);

// Ok when it ended well. Else one line: how it failed (exit code 1), or that it
// still runs, where, and who holds it up (124, or the signal's).
absl::Status OutcomeOf(const v1::Operation& operation,
                       const Interrupt& interrupt);

// A refusal, with what was refused in front: "cpu/3 not offlined: EBUSY: ...".
absl::Status Refused(const absl::Status& status, absl::string_view what);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_OPERATIONS_H_
