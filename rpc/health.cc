#include "rpc/health.h"

#include <cstddef>
#include <optional>
#include <string>

#include "rpc/loop.h"
#include "rpc/unary.h"

namespace belfry::rpc {
namespace {

using HealthService = grpc::health::v1::Health::AsyncService;
using CheckRequest = grpc::health::v1::HealthCheckRequest;

// Watchers that a process has; one more is refused.
constexpr std::size_t kWatchesMax = 64;

}  // namespace

// One that is told of every change until it goes: of several at once, of the
// last.
class Health::Watch : public std::enable_shared_from_this<Watch> {
 public:
  explicit Watch(Health* health) : health_(health), writer_(&context_) {}
  ~Watch() { health_->watches_.erase(this); }

  void Accept() {
    context_.AsyncNotifyWhenDone(gone_.Arm(shared_from_this()));
    health_->service_.RequestWatch(&context_, &request_, &writer_, health_->cq_,
                                   health_->cq_,
                                   accepted_.Arm(shared_from_this()));
  }

  void Tell() {
    if (ended_ || written_.armed()) return;
    const Response now = health_->StateOf(request_);
    if (told_ && *told_ == now.status()) return;
    told_ = now.status();
    writer_.Write(now, written_.Arm(shared_from_this()));
  }

 private:
  // gRPC does not return the tag of a call that never came.
  void ForgetGone(bool came) {
    if (!came) gone_.Drop(came);
  }
  void OnAccepted(bool ok) {
    if (!ok) return ForgetGone(ok);
    health_->AcceptWatch();
    if (health_->watches_.size() >= kWatchesMax) {
      return End(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                              "too many watch this process"));
    }
    health_->watches_.insert(this);
    Tell();
  }
  void OnWritten(bool ok) {
    if (ok) return Tell();
    End(grpc::Status::CANCELLED);
  }
  void OnGone(bool) {
    if (!written_.armed()) End(grpc::Status::CANCELLED);
  }
  void OnFinished(bool) {}

  void End(const grpc::Status& status) {
    if (ended_) return;
    ended_ = true;
    writer_.Finish(status, finished_.Arm(shared_from_this()));
  }

  Health* health_;
  grpc::ServerContext context_;
  CheckRequest request_;
  grpc::ServerAsyncWriter<Response> writer_;
  std::optional<Response::ServingStatus> told_;
  bool ended_ = false;
  MemberTag<Watch> accepted_{&Watch::OnAccepted, &Watch::ForgetGone};
  MemberTag<Watch> written_{&Watch::OnWritten};
  MemberTag<Watch> gone_{&Watch::OnGone};
  MemberTag<Watch> finished_{&Watch::OnFinished};
};

Health::Health() = default;
Health::~Health() = default;

void Health::Serve(grpc::ServerCompletionQueue* cq) {
  cq_ = cq;
  ServeUnary<HealthService>(
      &service_, &HealthService::RequestCheck, cq,
      [this](const CheckRequest& request, auto reply) {
        const Response response = StateOf(request);
        if (response.status() != Response::SERVICE_UNKNOWN) {
          return reply->Finish(response);
        }
        reply->Fail(grpc::Status(
            grpc::StatusCode::NOT_FOUND,
            "no service \"" + request.service() +
                "\" here: ask for \"\", which is the process as a whole"));
      });
  AcceptWatch();
}

void Health::SetServing(bool serving) {
  serving_ = serving;
  for (Watch* watch : watches_) watch->Tell();
}

Health::Response Health::StateOf(const CheckRequest& request) const {
  Response response;
  response.set_status(!request.service().empty() ? Response::SERVICE_UNKNOWN
                      : serving_                 ? Response::SERVING
                                                 : Response::NOT_SERVING);
  return response;
}

void Health::AcceptWatch() { std::make_shared<Watch>(this)->Accept(); }

}  // namespace belfry::rpc
