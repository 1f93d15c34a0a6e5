// How long to wait before the next try: longer each time up to a cap, and never
// for all who try at the same moment.
#ifndef BELFRY_RPC_BACKOFF_H_
#define BELFRY_RPC_BACKOFF_H_

#include <algorithm>
#include <chrono>
#include <random>

namespace belfry::rpc {

class Backoff {
 public:
  using Milliseconds = std::chrono::milliseconds;

  Backoff(Milliseconds first, Milliseconds cap)
      : first_(first), cap_(cap), delay_(first) {}

  // This time: as long as the last, and up to `first` more.
  Milliseconds Jittered() {
    return delay_ +
           Milliseconds(random_() % static_cast<unsigned>(first_.count()));
  }
  void Grow() { delay_ = std::min(delay_ * 2, cap_); }
  void Reset() { delay_ = first_; }

 private:
  Milliseconds first_;
  Milliseconds cap_;
  Milliseconds delay_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_BACKOFF_H_
