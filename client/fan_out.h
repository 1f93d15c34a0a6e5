// The same question to many processes at once.
#ifndef BELFRY_CLIENT_FAN_OUT_H_
#define BELFRY_CLIENT_FAN_OUT_H_

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_unary_call.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/stub.h"

namespace belfry::client {

template <typename Stub, typename Request, typename Response>
using StartMethod = std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> (
    Stub::*)(grpc::ClientContext*, const Request&, grpc::CompletionQueue*);

// One request and one answer for each address, in their order. All share one
// deadline: those that do not answer cost it once. `Service` is the generated
// class.
template <typename Service, typename Request, typename Response>
std::vector<absl::StatusOr<Response>> FanOutEach(
    const std::vector<std::string>& addresses,
    StartMethod<typename Service::Stub, Request, Response> start,
    const std::vector<Request>& requests, absl::Duration timeout) {
  struct Asked {
    std::unique_ptr<typename Service::Stub> stub;
    grpc::ClientContext context;
    Response response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> reader;
  };
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<Asked>> all;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    auto asked = std::make_unique<Asked>();
    asked->stub = Service::NewStub(OpenChannel(addresses[i]));
    SetDeadline(&asked->context, timeout);
    asked->reader =
        ((*asked->stub).*start)(&asked->context, requests[i], &queue);
    asked->reader->Finish(&asked->response, &asked->status, asked.get());
    all.push_back(std::move(asked));
  }
  void* tag = nullptr;
  bool ok = false;
  for (std::size_t i = 0; i < all.size(); ++i) queue.Next(&tag, &ok);
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  std::vector<absl::StatusOr<Response>> answers;
  for (const std::unique_ptr<Asked>& asked : all) {
    if (asked->status.ok()) {
      answers.push_back(std::move(asked->response));
    } else {
      answers.push_back(FromRpc(asked->status));
    }
  }
  return answers;
}

// The same request to all of them.
template <typename Service, typename Request, typename Response>
std::vector<absl::StatusOr<Response>> FanOut(
    const std::vector<std::string>& addresses,
    StartMethod<typename Service::Stub, Request, Response> start,
    const Request& request, absl::Duration timeout) {
  return FanOutEach<Service, Request, Response>(
      addresses, start, std::vector<Request>(addresses.size(), request),
      timeout);
}

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_FAN_OUT_H_
