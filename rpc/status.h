// Where errors of the protocol become gRPC statuses, and back. The only place.
#ifndef BELFRY_RPC_STATUS_H_
#define BELFRY_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "kernel/errno.h"

namespace belfry::rpc {

using ErrorMetadata = std::map<std::string, std::string>;

// The canonical code of an errno, by what a caller can do about it: ENXIO is
// FAILED_PRECONDITION (nothing changes by asking again), ENOBUFS is
// RESOURCE_EXHAUSTED, EINVAL is INVALID_ARGUMENT, EAGAIN is UNAVAILABLE.
grpc::StatusCode CodeOf(kernel::Errno error);

// "EBUSY: <message>", with google.rpc.ErrorInfo{reason: "EBUSY", domain:
// "belfry", metadata} in the details.
grpc::Status ErrorStatus(kernel::Errno error, const std::string& message,
                         const ErrorMetadata& metadata = {});

// For errors that have no errno of the protocol's; `reason` names the kind.
grpc::Status ErrorStatus(grpc::StatusCode code, const std::string& reason,
                         const std::string& message);

// The ErrorInfo's reason; empty when the status carries none.
std::string ReasonOf(const grpc::Status& status);

// What a coordinator that only stands by answers to all that it is asked:
// UNAVAILABLE, reason NOT_LEADER, and in the metadata where the one is that
// leads; empty: it does not know.
grpc::Status NotLeader(const std::string& leader);
bool IsNotLeader(const grpc::Status& status);
// The address in it; empty for any other status.
std::string LeaderOf(const grpc::Status& status);

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_STATUS_H_
