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

// `start` is the stub's PrepareAsync<Method>, bound to everything but the
// context. `done` runs on the loop's thread, once, at the latest at the
// deadline; never when the loop ends before.
template <typename Response>
class AsyncCall : public Pending {
 public:
  using Reader = std::unique_ptr<grpc::ClientAsyncResponseReader<Response>>;
  using Start = std::function<Reader(grpc::ClientContext*)>;
  using Done = std::function<void(const grpc::Status&, const Response&)>;

  static void Run(Loop* loop, const Start& start,
                  std::chrono::milliseconds timeout, Done done) {
    auto call = std::make_unique<AsyncCall>(loop, std::move(done));
    call->context_.set_deadline(std::chrono::system_clock::now() + timeout);
    call->reader_ = start(&call->context_);
    AsyncCall* tag = call.release();
    loop->Await(tag);
    tag->reader_->StartCall();
    tag->reader_->Finish(&tag->response_, &tag->status_,
                         static_cast<Tag*>(tag));
  }

  AsyncCall(Loop* loop, Done done) : Pending(loop), done_(std::move(done)) {}

  void Cancel() override { context_.TryCancel(); }

  void Proceed(bool) override {
    const std::unique_ptr<AsyncCall> self(this);
    this->Forget();
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
