#include "rpc/loop.h"

#include <grpcpp/alarm.h>

namespace belfry::rpc {

// Runs once when its time has come, and is gone. A cancelled one only goes.
class Alarm : public Pending {
 public:
  Alarm(Loop* loop, std::function<void()> f)
      : Pending(loop), f_(std::move(f)) {}

  void Set(grpc::CompletionQueue* cq, gpr_timespec deadline) {
    alarm_.Set(cq, deadline, static_cast<Tag*>(this));
  }
  void Cancel() override { alarm_.Cancel(); }

  void Proceed(bool ok) override {
    const std::unique_ptr<Alarm> self(this);
    Forget();
    if (ok) f_();
  }

 private:
  std::function<void()> f_;
  grpc::Alarm alarm_;
};

void Pending::Forget() {
  const std::lock_guard lock(loop_->mutex_);
  loop_->pending_.erase(this);
}

void Pending::Drop() {
  const std::unique_ptr<Pending> self(this);
  Forget();
}

Loop::Loop(std::unique_ptr<grpc::CompletionQueue> cq) : cq_(std::move(cq)) {}

Loop::~Loop() = default;

// Handlers start operations on the queue, which aborts once that is shut down:
// so it is shut down here, between two of them, and from then on no handler
// runs.
void Loop::Run() {
  void* tag = nullptr;
  bool ok = false;
  bool closed = false;
  while (cq_->Next(&tag, &ok)) {
    bool close = false;
    {
      // What another thread posted it wrote under this lock. gRPC's queue
      // orders the two as well, but in code that no thread sanitizer sees into.
      const std::lock_guard lock(mutex_);
      close = shut_down_ && !closed;
    }
    if (close) {
      closed = true;
      cq_->Shutdown();
    }
    if (closed) {
      static_cast<Tag*>(tag)->Drop();
    } else {
      static_cast<Tag*>(tag)->Proceed(ok);
    }
  }
}

// A deadline of now is rounded up to one that is not over yet.
void Loop::Post(std::function<void()> f) {
  const std::lock_guard lock(mutex_);
  if (shut_down_) return;
  SetAlarm(gpr_inf_past(GPR_CLOCK_MONOTONIC), std::move(f));
}

void Loop::After(std::chrono::nanoseconds delay, std::function<void()> f) {
  const std::lock_guard lock(mutex_);
  if (shut_down_) return;
  SetAlarm(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                        gpr_time_from_nanos(delay.count(), GPR_TIMESPAN)),
           std::move(f));
}

void Loop::SetAlarm(gpr_timespec deadline, std::function<void()> f) {
  auto alarm = std::make_unique<Alarm>(this, std::move(f));
  pending_.insert(alarm.get());
  alarm.release()->Set(cq_.get(), deadline);
}

void Loop::Await(Pending* pending) {
  const std::lock_guard lock(mutex_);
  pending_.insert(pending);
  if (shut_down_) pending->Cancel();
}

void Loop::Shutdown() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(shut_down_, true)) return;
  for (Pending* pending : pending_) pending->Cancel();
  // Wakes a loop that nothing else would.
  SetAlarm(gpr_inf_past(GPR_CLOCK_MONOTONIC), [] {});
}

}  // namespace belfry::rpc
