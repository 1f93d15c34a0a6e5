// A unary method of a server, served on the loop.
#ifndef BELFRY_RPC_UNARY_H_
#define BELFRY_RPC_UNARY_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "rpc/loop.h"
#include "rpc/status.h"

namespace belfry::rpc {

// The answer that a handler owes: exactly one Finish, now or later.
template <typename Response>
class Reply {
 public:
  virtual ~Reply() = default;
  virtual void Finish(const Response& response) = 0;
  virtual void Fail(const grpc::Status& status) = 0;
  // How long the caller still waits.
  virtual std::chrono::nanoseconds time_left() const = 0;
};

template <typename Service, typename Request, typename Response>
class UnaryMethod {
 public:
  using ReplyPtr = std::shared_ptr<Reply<Response>>;
  // Runs on the loop's thread and must not wait; it may keep the reply.
  using Handler = std::function<void(const Request&, ReplyPtr)>;
  using Accept = void (Service::*)(grpc::ServerContext*, Request*,
                                   grpc::ServerAsyncResponseWriter<Response>*,
                                   grpc::CompletionQueue*,
                                   grpc::ServerCompletionQueue*, void*);

  // Serves the method until the loop shuts down. A call without a deadline is
  // refused: every wait has one.
  static void Serve(Service* service, Accept accept,
                    grpc::ServerCompletionQueue* cq, Handler handler) {
    Exchange::AcceptNext(std::make_shared<const Binding>(
        Binding{service, accept, cq, std::move(handler)}));
  }

 private:
  struct Binding {
    Service* service;
    Accept accept;
    grpc::ServerCompletionQueue* cq;
    Handler handler;
  };

  class Exchange : public Reply<Response>,
                   public std::enable_shared_from_this<Exchange> {
   public:
    explicit Exchange(std::shared_ptr<const Binding> binding)
        : binding_(std::move(binding)), writer_(&context_) {}

    static void AcceptNext(std::shared_ptr<const Binding> binding) {
      auto call = std::make_shared<Exchange>(binding);
      (binding->service->*binding->accept)(
          &call->context_, &call->request_, &call->writer_, binding->cq,
          binding->cq, call->accepted_.Arm(call));
    }

    void Finish(const Response& response) override {
      writer_.Finish(response, grpc::Status::OK,
                     finished_.Arm(this->shared_from_this()));
    }

    void Fail(const grpc::Status& status) override {
      writer_.FinishWithError(status, finished_.Arm(this->shared_from_this()));
    }

    std::chrono::nanoseconds time_left() const override {
      return context_.deadline() - std::chrono::system_clock::now();
    }

   private:
    void OnAccepted(bool ok) {
      if (!ok) return;
      AcceptNext(binding_);
      if (context_.deadline() == std::chrono::system_clock::time_point::max()) {
        Fail(ErrorStatus(grpc::StatusCode::INVALID_ARGUMENT, "NO_DEADLINE",
                         "every call needs a deadline"));
        return;
      }
      binding_->handler(request_, this->shared_from_this());
    }

    void OnFinished(bool) {}

    std::shared_ptr<const Binding> binding_;
    grpc::ServerContext context_;
    Request request_;
    grpc::ServerAsyncResponseWriter<Response> writer_;
    MemberTag<Exchange> accepted_{&Exchange::OnAccepted};
    MemberTag<Exchange> finished_{&Exchange::OnFinished};
  };
};

// Spells the types out from the generated Request<Method>().
template <typename Service, typename Base, typename Request, typename Response,
          typename Handler>
void ServeUnary(Service* service,
                void (Base::*accept)(grpc::ServerContext*, Request*,
                                     grpc::ServerAsyncResponseWriter<Response>*,
                                     grpc::CompletionQueue*,
                                     grpc::ServerCompletionQueue*, void*),
                grpc::ServerCompletionQueue* cq, Handler handler) {
  UnaryMethod<Service, Request, Response>::Serve(service, accept, cq,
                                                 std::move(handler));
}

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_UNARY_H_
