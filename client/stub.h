// The one place where the client opens channels and makes RPCs: every call has
// a deadline, and every error comes back with its exit code.
#ifndef BELFRY_CLIENT_STUB_H_
#define BELFRY_CLIENT_STUB_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace belfry::client {

// "host:port" or "unix:PATH". Connects when it is first used.
std::shared_ptr<grpc::Channel> OpenChannel(const std::string& address);

void SetDeadline(grpc::ClientContext* context, absl::Duration timeout);

// With the exit code that the RPC's code leads to.
absl::Status FromRpc(const grpc::Status& status);

// The coordinator that was asked stands by; nothing was done.
bool IsNotLeader(const absl::Status& status);
// Where it says that the one is that leads; empty: it does not know.
std::string LeaderOf(const absl::Status& status);

// True of the errors of our own servers, false of the transport's.
bool IsFromServer(const absl::Status& status);

// True when nobody answered, as against a server that refused.
bool NobodyAnswers(const absl::Status& status);

template <typename Stub, typename Request, typename Response>
using UnaryMethod = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&,
                                           Response*);

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Invoke(Stub& stub,
                                UnaryMethod<Stub, Request, Response> method,
                                const Request& request,
                                absl::Duration timeout) {
  grpc::ClientContext context;
  SetDeadline(&context, timeout);
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return FromRpc(status);
  return response;
}

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_STUB_H_
