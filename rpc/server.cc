#include "rpc/server.h"

#include <fcntl.h>
#include <grpcpp/server_posix.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "rpc/unary.h"

namespace belfry::rpc {
namespace {

// Frames carry payloads of 1 MiB, and many calls.
constexpr int kMaxMessageBytes = 16 << 20;

void SetKeepalive(grpc::ServerBuilder* builder) {
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
}

grpc::Status GateError(const absl::Status& status) {
  if (absl::IsNotFound(status)) {
    return ErrorStatus(grpc::StatusCode::NOT_FOUND, "ENOENT",
                       std::string(status.message()));
  }
  if (absl::IsResourceExhausted(status)) {
    return ErrorStatus(grpc::StatusCode::RESOURCE_EXHAUSTED, "ENOBUFS",
                       std::string(status.message()));
  }
  const bool off = absl::IsFailedPrecondition(status);
  return ErrorStatus(off ? grpc::StatusCode::FAILED_PRECONDITION
                         : grpc::StatusCode::INVALID_ARGUMENT,
                     off ? "GATES_OFF" : "EINVAL",
                     std::string(status.message()));
}

absl::StatusOr<v1::HoldGateResponse> HoldGate(const DebugTarget& target,
                                              const std::string& gate,
                                              const v1::HoldGateRequest&) {
  absl::StatusOr<v1::Gate> held = target.gates->Hold(gate);
  if (!held.ok()) return held.status();
  v1::HoldGateResponse response;
  *response.mutable_gate() = *std::move(held);
  return response;
}

absl::StatusOr<v1::ReleaseGateResponse> ReleaseGate(
    const DebugTarget& target, const std::string& gate,
    const v1::ReleaseGateRequest&) {
  absl::StatusOr<v1::Gate> released = target.gates->Release(gate);
  if (!released.ok()) return released.status();
  v1::ReleaseGateResponse response;
  *response.mutable_gate() = *std::move(released);
  return response;
}

absl::StatusOr<v1::PassGateResponse> PassGate(
    const DebugTarget& target, const std::string& gate,
    const v1::PassGateRequest& request) {
  target.clock->Witness(request.lamport());
  absl::StatusOr<v1::Gate> passed =
      target.gates->PassOne(gate, request.event(), request.how());
  if (!passed.ok()) return passed.status();
  v1::PassGateResponse response;
  *response.mutable_gate() = *std::move(passed);
  response.set_lamport(target.clock->Tick());
  return response;
}

// Answers with what `change` makes of the gate that the request names.
template <typename Request, typename ReplyPtr, typename Change>
void ChangeGate(const DebugTarget& target, const Request& request,
                const ReplyPtr& reply, Change change) {
  if (!target.gates->enabled()) {
    return reply->Fail(GateError(absl::FailedPreconditionError(
        "gates are off in this process; start it with --gates")));
  }
  const auto gate = target.parse_gate(request.name());
  if (!gate.ok()) return reply->Fail(GateError(gate.status()));
  const auto response = change(target, *gate, request);
  if (!response.ok()) return reply->Fail(GateError(response.status()));
  reply->Finish(*response);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const std::string& listen, std::vector<NamedService> services) {
  static const bool once = [] {
    // gRPC's locks are Abseil's, which else looks for deadlocks at each.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    return true;
  }();
  (void)once;
  // gRPC's own listener is deaf for good once it has met the end of the file
  // descriptors.
  auto listener = Listener::Open(listen);
  if (!listener.ok()) return listener.status();
  std::unique_ptr<Server> result(new Server);
  result->listener_ = *std::move(listener);
  result->address_ = result->listener_->address();
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  SetKeepalive(&builder);
  services.insert(
      services.end(),
      {{v1::DebugService::service_full_name(), &result->debug_},
       {grpc::health::v1::Health::service_full_name(),
        result->health_.service()},
       {grpc::reflection::v1alpha::ServerReflection::service_full_name(),
        result->reflection_.service()}});
  std::vector<std::string> names;
  for (const NamedService& named : services) {
    builder.RegisterService(named.service);
    names.push_back(named.name);
  }
  auto cq = builder.AddCompletionQueue();
  result->cq_ = cq.get();
  result->loop_ = std::make_unique<Loop>(std::move(cq));
  result->server_ = builder.BuildAndStart();
  if (result->server_ == nullptr) {
    return absl::InternalError("gRPC cannot start a server");
  }
  result->listener_->Serve(1, [server = result->server_.get()](int fd) {
    (void)::fcntl(fd, F_SETFL, O_NONBLOCK);
    grpc::AddInsecureChannelFromFd(server, fd);
  });
  result->health_.Serve(result->cq_);
  result->reflection_.Serve(std::move(names), result->cq_);
  return result;
}

Server::~Server() {
  // One that never ran still waits for the first call of each method.
  if (server_ != nullptr && !stopper_.joinable()) {
    Shutdown(std::chrono::milliseconds(0));
    loop_->Run();
  }
  if (stopper_.joinable()) stopper_.join();
  listener_.reset();
}

void Server::ServeDebug(DebugTarget target) {
  using Service = v1::DebugService::AsyncService;
  auto shared = std::make_shared<const DebugTarget>(std::move(target));
  ServeUnary<Service>(&debug_, &Service::RequestHoldGate, cq_,
                      [shared](const v1::HoldGateRequest& request, auto reply) {
                        ChangeGate(*shared, request, reply, HoldGate);
                      });
  ServeUnary<Service>(
      &debug_, &Service::RequestReleaseGate, cq_,
      [shared](const v1::ReleaseGateRequest& request, auto reply) {
        ChangeGate(*shared, request, reply, ReleaseGate);
      });
  ServeUnary<Service>(&debug_, &Service::RequestPassGate, cq_,
                      [shared](const v1::PassGateRequest& request, auto reply) {
                        ChangeGate(*shared, request, reply, PassGate);
                      });
  ServeUnary<Service>(&debug_, &Service::RequestListGates, cq_,
                      [shared](const v1::ListGatesRequest&, auto reply) {
                        const auto list = shared->gates->List();
                        if (!list.ok()) {
                          return reply->Fail(GateError(list.status()));
                        }
                        reply->Finish(*list);
                      });
  ServeUnary<Service>(
      &debug_, &Service::RequestReadTrace, cq_,
      [shared](const v1::ReadTraceRequest& request, auto reply) {
        reply->Finish(shared->read_trace(request.after_lamport()));
      });
}

void Server::SetServing(bool serving) { health_.SetServing(serving); }

// The server's Shutdown() waits for handlers whose tags only this loop returns,
// so it is called from a thread of its own, and the queue is shut down when it
// is over.
void Server::Shutdown(std::chrono::milliseconds grace) {
  if (stopper_.joinable()) return;
  stopper_ = std::thread([this, grace] {
    listener_.reset();
    server_->Shutdown(std::chrono::system_clock::now() + grace);
    loop_->Shutdown();
  });
}

}  // namespace belfry::rpc
