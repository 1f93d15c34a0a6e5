// One completion queue and the one thread that owns everything behind it: all
// streams, all handlers and the machine that they drive. Nothing of that needs
// a lock.
#ifndef BELFRY_RPC_LOOP_H_
#define BELFRY_RPC_LOOP_H_

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

namespace belfry::rpc {

// What a completion queue returns. Implementations own their own lifetime.
class Tag {
 public:
  virtual ~Tag() = default;
  virtual void Proceed(bool ok) = 0;
  // The loop has ended: lets go of what it keeps alive, and starts nothing.
  // `ok` is what Proceed() would have been told.
  virtual void Drop(bool ok) = 0;
};

// A tag that is part of its owner and keeps it alive while gRPC holds it.
template <typename Owner>
class MemberTag : public Tag {
 public:
  using Method = void (Owner::*)(bool ok);
  // `dropped` is for an owner that keeps itself alive in more ways than this.
  explicit MemberTag(Method method, Method dropped = nullptr)
      : method_(method), dropped_(dropped) {}

  // Pass the result to one gRPC operation; one at a time.
  void* Arm(std::shared_ptr<Owner> owner) {
    owner_ = std::move(owner);
    return static_cast<Tag*>(this);
  }
  bool armed() const { return owner_ != nullptr; }

  void Proceed(bool ok) override {
    const std::shared_ptr<Owner> owner = std::move(owner_);
    (owner.get()->*method_)(ok);
  }
  void Drop(bool ok) override {
    const std::shared_ptr<Owner> owner = std::move(owner_);
    if (dropped_ != nullptr) (owner.get()->*dropped_)(ok);
  }

 private:
  Method method_;
  Method dropped_;
  std::shared_ptr<Owner> owner_;
};

class Loop;

// A tag that owns itself and that may take its time: it is cancelled when the
// loop is shut down, or that would wait for it.
class Pending : public Tag {
 public:
  explicit Pending(Loop* loop) : loop_(loop) {}
  // From any thread; the tag comes back soon, whatever it waited for.
  virtual void Cancel() = 0;
  void Drop(bool ok) override;

 protected:
  // Call first in Proceed().
  void Forget();

 private:
  Loop* loop_;
};

class Loop {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Loop(std::unique_ptr<grpc::CompletionQueue> cq);
  ~Loop();

  grpc::CompletionQueue* cq() const { return cq_.get(); }

  // The thread's body: returns after Shutdown(), when gRPC has returned all
  // tags.
  void Run();

  // From any thread: runs `f` on the loop's thread, as soon as that is free;
  // never once the loop is shut down. The network is looked at between what was
  // posted and what that posts.
  void Post(std::function<void()> f);

  // The same, after `delay`, which is rounded up to the next millisecond. Waits
  // by the monotonic clock: what sets the host's clock changes nothing.
  void After(std::chrono::nanoseconds delay, std::function<void()> f);

  // `pending` was handed to gRPC, or is about to be.
  void Await(Pending* pending);

  // From any thread: what waits for its time is dropped, no handler runs any
  // more, and Run() returns when gRPC has returned all tags.
  void Shutdown();

 private:
  friend class Pending;

  // Ends the loop's wait, and does nothing else.
  class Waker : public Tag {
   public:
    explicit Waker(Loop* loop) : loop_(loop) {}
    void Set();
    void Proceed(bool ok) override;
    void Drop(bool ok) override { Proceed(ok); }

   private:
    Loop* loop_;
    grpc::Alarm alarm_;
  };

  using Functions = std::vector<std::function<void()>>;

  // What is to run before the loop waits again.
  Functions TakeDue();
  // Until when it may wait. From here on it has to be woken.
  gpr_timespec BeginWait();
  // The loop's thread does not wait any more. False once it is to end.
  bool Awake();
  // There is something new to look at. With mutex_ held.
  void EndWait();
  void Drain();

  std::unique_ptr<grpc::CompletionQueue> cq_;
  Waker waker_;
  // Guards what is below.
  std::mutex mutex_;
  bool shut_down_ = false;
  // The loop's thread waits, or is about to, and has not been woken.
  bool waiting_ = false;
  // gRPC has the waker.
  bool waking_ = false;
  Functions posted_;
  std::multimap<Clock::time_point, std::function<void()>> timers_;
  std::set<Pending*> pending_;
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_LOOP_H_
