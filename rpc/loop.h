// One completion queue and the one thread that owns everything behind it: all
// streams, all handlers and the machine that they drive. Nothing of that needs
// a lock.
#ifndef BELFRY_RPC_LOOP_H_
#define BELFRY_RPC_LOOP_H_

#include <grpcpp/completion_queue.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

namespace belfry::rpc {

// What a completion queue returns. Implementations own their own lifetime.
class Tag {
 public:
  virtual ~Tag() = default;
  virtual void Proceed(bool ok) = 0;
  // The loop has ended: lets go of what it keeps alive, and starts nothing.
  virtual void Drop() = 0;
};

// A tag that is part of its owner and keeps it alive while gRPC holds it.
template <typename Owner>
class MemberTag : public Tag {
 public:
  using Method = void (Owner::*)(bool ok);
  explicit MemberTag(Method method) : method_(method) {}

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
  void Drop() override {
    const std::shared_ptr<Owner> owner = std::move(owner_);
  }

 private:
  Method method_;
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
  void Drop() override;

 protected:
  // Call first in Proceed().
  void Forget();

 private:
  Loop* loop_;
};

class Loop {
 public:
  explicit Loop(std::unique_ptr<grpc::CompletionQueue> cq);
  ~Loop();

  grpc::CompletionQueue* cq() const { return cq_.get(); }

  // The thread's body: returns after Shutdown(), when gRPC has returned all
  // tags.
  void Run();

  // From any thread: runs `f` on the loop's thread, as soon as that is free;
  // never once the loop is shut down. What posts itself again and again keeps
  // the loop from looking at the network.
  void Post(std::function<void()> f);

  // The same, after `delay`, which gRPC rounds up to the next millisecond.
  void After(std::chrono::nanoseconds delay, std::function<void()> f);

  // `pending` was handed to gRPC, or is about to be.
  void Await(Pending* pending);

  // From any thread: what waits for its time is dropped, no handler runs any
  // more, and Run() returns when gRPC has returned all tags.
  void Shutdown();

 private:
  friend class Pending;
  void SetAlarm(gpr_timespec deadline, std::function<void()> f);

  std::unique_ptr<grpc::CompletionQueue> cq_;
  // Guards what is below.
  std::mutex mutex_;
  bool shut_down_ = false;
  std::set<Pending*> pending_;
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_LOOP_H_
