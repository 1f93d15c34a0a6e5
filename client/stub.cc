#include "client/stub.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "client/exit_code.h"
#include "rpc/status.h"

namespace belfry::client {
namespace {

// A dump of full queues is larger than gRPC's 4 MiB.
constexpr int kMaxMessage = 256 << 20;

// The reason of the ErrorInfo, which only a server of ours adds.
constexpr absl::string_view kReasonPayload = "belfry.reason";
// Of a coordinator that stands by: its leader's address.
constexpr absl::string_view kLeaderPayload = "belfry.leader";

}  // namespace

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessage);
  // A proxy is for the internet; what it makes of 127.0.0.1 is its own host.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A server that was restarted is found again soon, not after gRPC's seconds.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  // Which is also how long a server that is starved may take to greet: longer
  // than the net below a call's own deadline.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

void SetDeadline(grpc::ClientContext* context, absl::Duration timeout) {
  context->set_deadline(std::chrono::system_clock::now() +
                        absl::ToChronoMilliseconds(timeout));
}

absl::Status FromRpc(const grpc::Status& status) {
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
  const std::string reason = rpc::ReasonOf(status);
  if (!reason.empty()) {
    result.SetPayload(kReasonPayload, absl::Cord(reason));
    if (rpc::IsNotLeader(status)) {
      result.SetPayload(kLeaderPayload, absl::Cord(rpc::LeaderOf(status)));
    }
    return WithExitCode(std::move(result),
                        kExitRpc + static_cast<int>(status.error_code()));
  }
  return WithRpcExitCode(std::move(result));
}

bool IsNotLeader(const absl::Status& status) {
  return status.GetPayload(kLeaderPayload).has_value();
}

std::string LeaderOf(const absl::Status& status) {
  return std::string(status.GetPayload(kLeaderPayload).value_or(absl::Cord()));
}

bool IsFromServer(const absl::Status& status) {
  return status.GetPayload(kReasonPayload).has_value();
}

bool NobodyAnswers(const absl::Status& status) {
  return absl::IsUnavailable(status) && !IsFromServer(status);
}

}  // namespace belfry::client
