#include "rpc/loop.h"

#include <grpcpp/alarm.h>

namespace belfry::rpc {

// Runs once when its time has come, and is gone. A cancelled one only goes.
class Alarm : public Tag {
 public:
  Alarm(Loop* loop, std::function<void()> f) : loop_(loop), f_(std::move(f)) {}

  void Set(grpc::CompletionQueue* cq, gpr_timespec deadline) {
    alarm_.Set(cq, deadline, static_cast<Tag*>(this));
  }
  void Cancel() { alarm_.Cancel(); }

  void Proceed(bool ok) override {
    const std::unique_ptr<Alarm> self(this);
    loop_->Forget(this);
    if (ok) f_();
  }

 private:
  Loop* loop_;
  std::function<void()> f_;
  grpc::Alarm alarm_;
};

Loop::Loop(std::unique_ptr<grpc::CompletionQueue> cq) : cq_(std::move(cq)) {}

Loop::~Loop() = default;

void Loop::Run() {
  void* tag = nullptr;
  bool ok = false;
  while (cq_->Next(&tag, &ok)) {
    // What another thread posted it wrote under this lock. gRPC's queue orders
    // the two as well, but in code that no thread sanitizer sees into.
    { const std::lock_guard lock(mutex_); }
    static_cast<Tag*>(tag)->Proceed(ok);
  }
}

void Loop::Post(std::function<void()> f) {
  After(std::chrono::nanoseconds(0), std::move(f));
}

void Loop::After(std::chrono::nanoseconds delay, std::function<void()> f) {
  auto alarm = std::make_unique<Alarm>(this, std::move(f));
  const std::lock_guard lock(mutex_);
  if (shut_down_) return;
  alarms_.insert(alarm.get());
  alarm.release()->Set(
      cq_.get(),
      gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                   gpr_time_from_nanos(delay.count(), GPR_TIMESPAN)));
}

void Loop::Forget(Alarm* alarm) {
  const std::lock_guard lock(mutex_);
  alarms_.erase(alarm);
}

void Loop::Shutdown() {
  const std::lock_guard lock(mutex_);
  shut_down_ = true;
  for (Alarm* alarm : alarms_) alarm->Cancel();
  cq_->Shutdown();
}

}  // namespace belfry::rpc
