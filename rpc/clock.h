// The one order of events over all processes: Lamport's clock. No two machines'
// clocks need agree.
#ifndef BELFRY_RPC_CLOCK_H_
#define BELFRY_RPC_CLOCK_H_

#include <algorithm>
#include <cstdint>

namespace belfry::rpc {

// Owned by a loop; not thread-safe.
class LamportClock {
 public:
  // The time of an event that happens now.
  std::uint64_t Tick() { return ++time_; }
  // A message has come that was sent at `sent`.
  void Witness(std::uint64_t sent) { time_ = std::max(time_, sent); }
  std::uint64_t now() const { return time_; }

 private:
  std::uint64_t time_ = 0;
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_CLOCK_H_
