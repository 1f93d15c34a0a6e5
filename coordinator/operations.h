// What clients know of operations: numbers, times, ends, and who waits for one.
#ifndef BELFRY_COORDINATOR_OPERATIONS_H_
#define BELFRY_COORDINATOR_OPERATIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "belfry/v1/coordinator.pb.h"
#include "kernel/coordinator.h"
#include "rpc/unary.h"

namespace belfry::coordinator {

// Everything on the loop's thread.
class Operations {
 public:
  using WaitReply = std::shared_ptr<rpc::Reply<v1::WaitOperationResponse>>;
  // One line: what an operation that has not ended waits for.
  using Describe = std::function<std::string(const kernel::Operation&)>;

  Operations(kernel::OpId last, const kernel::Coordinator* machine,
             Describe describe);

  // A number for a new operation; or, for a request_id that was seen before,
  // the operation that it has started.
  kernel::OpId Begin(const std::string& request_id);
  std::optional<kernel::OpId> FindRequest(const std::string& request_id) const;

  // The highest number that was ever given out; 0 for none.
  kernel::OpId last() const { return kernel::OpId{last_}; }

  void End(const kernel::Operation& op);

  // As it stands; nothing when it is unknown (older than the last 100, or from
  // before a restart of the coordinator).
  std::optional<v1::Operation> Get(kernel::OpId id) const;
  std::vector<v1::Operation> List(bool include_done) const;

  // Replies when the operation ends. Waiting for a known one only.
  void AddWaiter(kernel::OpId id, WaitReply reply);
  // The waiter's time is over.
  void RemoveWaiter(kernel::OpId id, const WaitReply& reply);

 private:
  struct Times {
    std::chrono::system_clock::time_point create;
    // By the clock that nobody sets.
    std::chrono::steady_clock::time_point start;
    std::string request_id;
  };

  v1::Operation Live(const kernel::Operation& op) const;

  // Ended operations that are remembered, and request ids.
  static constexpr std::size_t kKept = 100;

  std::uint32_t last_;
  const kernel::Coordinator* machine_;
  Describe describe_;
  std::map<kernel::OpId, Times> times_;
  std::deque<v1::Operation> done_;
  std::multimap<kernel::OpId, WaitReply> waiters_;
};

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_OPERATIONS_H_
