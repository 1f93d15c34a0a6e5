#include "rpc/loop.h"

namespace belfry::rpc {

void Pending::Forget() {
  const std::lock_guard lock(loop_->mutex_);
  loop_->pending_.erase(this);
}

void Pending::Drop(bool) {
  const std::unique_ptr<Pending> self(this);
  Forget();
}

// A deadline that is over: the event comes at once, and no timer is made.
void Loop::Waker::Set() {
  alarm_.Set(loop_->cq(), gpr_inf_past(GPR_CLOCK_MONOTONIC),
             static_cast<Tag*>(this));
}

void Loop::Waker::Proceed(bool) {
  const std::lock_guard lock(loop_->mutex_);
  loop_->waking_ = false;
}

Loop::Loop(std::unique_ptr<grpc::CompletionQueue> cq)
    : cq_(std::move(cq)), waker_(this) {}

Loop::~Loop() = default;

// gRPC could keep the time as well, with an alarm for each wait. Its threads
// for that then wake for every one of them, only to wake this one: with many
// idle nodes on a host that is what they spend their time on; and they wait by
// the wall clock, which can be set back.
void Loop::Run() {
  for (;;) {
    for (const std::function<void()>& f : TakeDue()) {
      if (Awake()) f();
    }
    void* tag = nullptr;
    bool ok = false;
    const bool event = cq_->AsyncNext(&tag, &ok, BeginWait()) ==
                       grpc::CompletionQueue::GOT_EVENT;
    if (!Awake()) {
      if (event) static_cast<Tag*>(tag)->Drop(ok);
      return Drain();
    }
    if (event) static_cast<Tag*>(tag)->Proceed(ok);
  }
}

// What another thread posted it wrote under this lock. gRPC's queue orders the
// two as well, but in code that no thread sanitizer sees into.
bool Loop::Awake() {
  const std::lock_guard lock(mutex_);
  waiting_ = false;
  return !shut_down_;
}

// Handlers start operations on the queue, which aborts once that is shut down:
// so it is shut down here, between two of them, and from then on no handler
// runs.
void Loop::Drain() {
  cq_->Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (cq_->Next(&tag, &ok)) static_cast<Tag*>(tag)->Drop(ok);
}

Loop::Functions Loop::TakeDue() {
  const std::lock_guard lock(mutex_);
  Functions due = std::exchange(posted_, {});
  if (timers_.empty()) return due;
  const auto end = timers_.upper_bound(Clock::now());
  for (auto timer = timers_.begin(); timer != end; ++timer) {
    due.push_back(std::move(timer->second));
  }
  timers_.erase(timers_.begin(), end);
  return due;
}

gpr_timespec Loop::BeginWait() {
  const std::lock_guard lock(mutex_);
  if (shut_down_ || !posted_.empty()) return gpr_inf_past(GPR_CLOCK_MONOTONIC);
  waiting_ = true;
  if (timers_.empty()) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  return gpr_time_from_nanos(
      timers_.begin()->first.time_since_epoch() / std::chrono::nanoseconds(1),
      GPR_CLOCK_MONOTONIC);
}

void Loop::EndWait() {
  if (!std::exchange(waiting_, false)) return;
  if (!std::exchange(waking_, true)) waker_.Set();
}

void Loop::Post(std::function<void()> f) {
  const std::lock_guard lock(mutex_);
  if (shut_down_) return;
  posted_.push_back(std::move(f));
  EndWait();
}

void Loop::After(std::chrono::nanoseconds delay, std::function<void()> f) {
  const std::lock_guard lock(mutex_);
  if (shut_down_) return;
  const auto timer = timers_.emplace(Clock::now() + delay, std::move(f));
  if (timer == timers_.begin()) EndWait();
}

void Loop::Await(Pending* pending) {
  const std::lock_guard lock(mutex_);
  pending_.insert(pending);
  if (shut_down_) pending->Cancel();
}

void Loop::Shutdown() {
  Functions posted;
  decltype(timers_) timers;
  const std::lock_guard lock(mutex_);
  if (std::exchange(shut_down_, true)) return;
  posted.swap(posted_);
  timers.swap(timers_);
  for (Pending* pending : pending_) pending->Cancel();
  EndWait();
}

}  // namespace belfry::rpc
