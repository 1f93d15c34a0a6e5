// stop_two_cpus() that a client asks a task of this CPU to make: `belfry
// stop-two`.
#ifndef BELFRY_NODE_STOP_TWOS_H_
#define BELFRY_NODE_STOP_TWOS_H_

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>

#include "belfry/v1/node.pb.h"
#include "node/cpu_driver.h"
#include "rpc/loop.h"
#include "rpc/unary.h"

namespace belfry::node {

// Everything on the loop's thread.
class StopTwos {
 public:
  using ReplyPtr = std::shared_ptr<rpc::Reply<v1::StopTwoResponse>>;

  StopTwos(rpc::Loop* loop, CpuDriver* driver, std::uint32_t possible)
      : loop_(loop), driver_(driver), possible_(possible) {}

  // Replies when it has ended, or when the answer is due.
  void Start(const v1::StopTwoRequest& request, ReplyPtr reply);

  // False when the token is none of these.
  bool OnEnded(const kernel::CallEnded& ended);

 private:
  // Under way at once; one more, or more than kernel::kPayloadBytesMax of them,
  // is refused (ENOBUFS).
  static constexpr std::size_t kRequestsMax = 1024;

  struct Waiting {
    ReplyPtr reply;
    std::chrono::steady_clock::time_point start;
    std::size_t payload_bytes = 0;
  };

  void FinishAfter(std::chrono::nanoseconds time, kernel::Token token);

  rpc::Loop* loop_;
  CpuDriver* driver_;
  std::uint32_t possible_;
  std::map<kernel::Token, Waiting> waiting_;
  // Of all of them.
  std::size_t payload_bytes_ = 0;
};

}  // namespace belfry::node

#endif  // BELFRY_NODE_STOP_TWOS_H_
