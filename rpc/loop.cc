#include "rpc/loop.h"

#include <grpcpp/alarm.h>

namespace belfry::rpc {
namespace {

// Runs once when its time has come, and is gone. A cancelled one (the queue is
// shutting down) only goes.
class Alarm : public Tag {
 public:
  explicit Alarm(std::function<void()> f) : f_(std::move(f)) {}

  void Set(grpc::CompletionQueue* cq, gpr_timespec deadline) {
    alarm_.Set(cq, deadline, static_cast<Tag*>(this));
  }

  void Proceed(bool ok) override {
    const std::unique_ptr<Alarm> self(this);
    if (ok) f_();
  }

 private:
  std::function<void()> f_;
  grpc::Alarm alarm_;
};

}  // namespace

Loop::Loop(std::unique_ptr<grpc::CompletionQueue> cq) : cq_(std::move(cq)) {}

Loop::~Loop() = default;

void Loop::Run() {
  void* tag = nullptr;
  bool ok = false;
  while (cq_->Next(&tag, &ok)) static_cast<Tag*>(tag)->Proceed(ok);
}

void Loop::Post(std::function<void()> f) {
  auto alarm = std::make_unique<Alarm>(std::move(f));
  alarm.release()->Set(cq_.get(), gpr_now(GPR_CLOCK_MONOTONIC));
}

void Loop::After(std::chrono::nanoseconds delay, std::function<void()> f) {
  auto alarm = std::make_unique<Alarm>(std::move(f));
  alarm.release()->Set(
      cq_.get(),
      gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                   gpr_time_from_nanos(delay.count(), GPR_TIMESPAN)));
}

void Loop::Shutdown() { cq_->Shutdown(); }

}  // namespace belfry::rpc
