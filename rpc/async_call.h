// One unary call of a client, answered on the loop.
#ifndef BELFRY_RPC_ASYNC_CALL_H_
#define BELFRY_RPC_ASYNC_CALL_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "rpc/loop.h"

namespace belfry::rpc {

// `start` is the stub's Async<Method>, bound to everything but the context.
// `done` runs on the loop's thread, once, at the latest at the deadline.
template <typename Response>
class AsyncCall : public Tag {
 public:
  using Reader = std::unique_ptr<grpc::ClientAsyncResponseReader<Response>>;
  using Start = std::function<Reader(grpc::ClientContext*)>;
  using Done = std::function<void(const grpc::Status&, const Response&)>;

  static void Run(const Start& start, std::chrono::milliseconds timeout,
                  Done done) {
    auto call = std::make_unique<AsyncCall>(std::move(done));
    call->context_.set_deadline(std::chrono::system_clock::now() + timeout);
    call->reader_ = start(&call->context_);
    AsyncCall* tag = call.release();
    tag->reader_->Finish(&tag->response_, &tag->status_,
                         static_cast<Tag*>(tag));
  }

  explicit AsyncCall(Done done) : done_(std::move(done)) {}

  void Proceed(bool) override {
    const std::unique_ptr<AsyncCall> self(this);
    done_(status_, response_);
  }

 private:
  grpc::ClientContext context_;
  grpc::Status status_;
  Response response_;
  Reader reader_;
  Done done_;
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_ASYNC_CALL_H_
