// Calls that a client asks this CPU to make: `belfry call`.
#ifndef BELFRY_NODE_CALLS_H_
#define BELFRY_NODE_CALLS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "belfry/v1/node.pb.h"
#include "node/cpu_driver.h"
#include "rpc/loop.h"
#include "rpc/unary.h"

namespace belfry::node {

// Everything on the loop's thread.
class Calls {
 public:
  using ReplyPtr = std::shared_ptr<rpc::Reply<v1::CallResponse>>;

  Calls(rpc::Loop* loop, CpuDriver* driver, std::uint32_t possible)
      : loop_(loop), driver_(driver), possible_(possible) {}

  // Replies when every call has ended (or, without `wait`, is in its target's
  // queue), or when the answer is due, with what is known by then.
  void Start(const v1::CallRequest& request, ReplyPtr reply);

  void OnQueued(const kernel::CallQueued& queued);
  void OnEnded(const kernel::CallEnded& ended);

  static constexpr std::uint32_t kCountMax = 1'000'000;
  static constexpr std::uint32_t kWindowMax = 65'536;
  // Of all clients, not answered yet; one more is refused.
  static constexpr std::size_t kRequestsMax = 1024;

 private:
  struct Task;
  // One call under way: whose it is, and for which of its targets.
  struct Ticket {
    std::shared_ptr<Task> task;
    std::size_t target;
    std::chrono::steady_clock::time_point issued;
  };

  absl::Status Check(const v1::CallRequest& request,
                     kernel::CpuMask* targets) const;
  void IssueMany(const std::shared_ptr<Task>& task, kernel::CpuMask targets);
  void IssueNext(const std::shared_ptr<Task>& task, std::size_t target);
  void IssueBurst(const std::shared_ptr<Task>& task, std::size_t target);
  // The loop's next, or one after it had time for the network.
  enum class Turn { kNext, kGiveWay };
  void Schedule(const std::shared_ptr<Task>& task, std::size_t target,
                Turn turn);
  void CountDown(const Ticket& ticket);
  void FinishAfter(std::chrono::nanoseconds time,
                   const std::shared_ptr<Task>& started);
  void Finish(Task& task);

  rpc::Loop* loop_;
  CpuDriver* driver_;
  std::uint32_t possible_;
  std::size_t requests_ = 0;
  // A many-call has one for each target.
  absl::flat_hash_map<std::pair<kernel::Token, kernel::CpuId>, Ticket> tickets_;
};

}  // namespace belfry::node

#endif  // BELFRY_NODE_CALLS_H_
