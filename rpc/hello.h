// Whoever opens a stream to a node or a coordinator says hello first: who it
// is.
#ifndef BELFRY_RPC_HELLO_H_
#define BELFRY_RPC_HELLO_H_

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <chrono>
#include <functional>

#include "rpc/loop.h"
#include "rpc/status.h"

namespace belfry::rpc {

// For the hello. Far longer than a process of ours takes that does not stand
// still; one that did opens another stream.
inline constexpr std::chrono::seconds kHelloTime{10};

// Closes streams that say none, and counts them. Owned by a process, for all of
// its streams; everything on the loop's thread.
class Hellos {
 public:
  Hellos(Loop* loop, prometheus::Registry* registry,
         std::chrono::milliseconds time = kHelloTime);

  // Of a ServerStream that has just been opened. `greeted` is asked when its
  // time is over, if the stream is not over before.
  template <typename Stream>
  void Await(Stream* stream, std::function<bool()> greeted) {
    loop_->After(time_, [this, stream = stream->weak_from_this(),
                         greeted = std::move(greeted)] {
      const auto open = stream.lock();
      if (!open || greeted()) return;
      silent_->Increment();
      open->Close(ErrorStatus(grpc::StatusCode::DEADLINE_EXCEEDED, "NO_HELLO",
                              "no hello came in time"));
    });
  }

 private:
  Loop* loop_;
  std::chrono::milliseconds time_;
  prometheus::Counter* silent_;
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_HELLO_H_
