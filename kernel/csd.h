// One cross-call (call_single_data) and the queue of its target CPU.
#ifndef BELFRY_KERNEL_CSD_H_
#define BELFRY_KERNEL_CSD_H_

#include <algorithm>
#include <cstddef>
#include <deque>
#include <string>
#include <utility>

#include "kernel/ids.h"
#include "kernel/profile.h"

namespace belfry::kernel {

struct Csd {
  CsdKey key;
  FuncId func{};
  // The caller waits for the answer.
  bool wait = false;
  // One of a many-call's.
  bool many = false;
  // Opaque to the protocol. At most kPayloadMax.
  std::string payload;

  friend bool operator==(const Csd&, const Csd&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Csd& c) {
    return H::combine(std::move(h), c.key, c.func, c.wait, c.many, c.payload);
  }
};

// Whether a sender rings for a call (one of a many-call's?) that found the
// queue so. The one place that reads ring_rule and many_ring at enqueue time;
// kernel/smp.c, generic_exec_single(): the ring is sent only on the empty ->
// non-empty edge, for whoever made the queue non-empty has rung, or is about
// to.
inline bool RingDue(const Profile& profile, bool many, bool was_empty) {
  return was_empty || profile.ring_rule == RingRule::kAlways ||
         (many && profile.many_ring != ManyRing::kWasEmpty);
}

// Bytes of one call's payload, and of what a function returns: what a frame can
// carry. Whoever takes a call from outside checks it.
inline constexpr std::size_t kPayloadMax = 1 << 20;

// What the payloads may take, however few the calls, of one queue, of the calls
// on their way to one CPU, and of the answers kept for one: one more call is
// refused, or waits (ENOBUFS).
inline constexpr std::size_t kPayloadBytesMax = 64 << 20;

// FIFO whose only subtlety is the edge: Push() says whether the queue was
// empty, TakeAll() takes everything, so one ring covers any number of calls, as
// long as no ring is lost. It is the CPU's *memory*: it survives offline and
// reset.
class CallSingleQueue {
 public:
  explicit CallSingleQueue(std::size_t capacity) : capacity_(capacity) {}

  bool full() const {
    return calls_.size() >= capacity_ || bytes_ >= kPayloadBytesMax;
  }
  bool empty() const { return calls_.empty(); }
  std::size_t size() const { return calls_.size(); }
  const std::deque<Csd>& calls() const { return calls_; }

  // Requires !full(). True if the queue was empty.
  [[nodiscard]] bool Push(Csd csd) {
    const bool was_empty = calls_.empty();
    bytes_ += csd.payload.size();
    calls_.push_back(std::move(csd));
    return was_empty;
  }

  // llist_add() of a csd that may be in the list already. If it is, all that
  // was added before it hung from its `next`, and is cut off with it. (The loop
  // that this makes of the rest is not here.) True if the queue was empty.
  [[nodiscard]] bool PushAgain(Csd csd) {
    const bool was_empty = calls_.empty();
    const auto queued =
        std::find_if(calls_.begin(), calls_.end(),
                     [&](const Csd& c) { return c.func == csd.func; });
    for (auto cut = calls_.begin(); queued != calls_.end() && cut <= queued;
         ++cut) {
      bytes_ -= cut->payload.size();
    }
    if (queued != calls_.end()) calls_.erase(calls_.begin(), queued + 1);
    bytes_ += csd.payload.size();
    calls_.push_back(std::move(csd));
    return was_empty;
  }

  std::deque<Csd> TakeAll() {
    bytes_ = 0;
    return std::exchange(calls_, {});
  }

  friend bool operator==(const CallSingleQueue& a, const CallSingleQueue& b) {
    return a.capacity_ == b.capacity_ && a.calls_ == b.calls_;
  }
  template <typename H>
  friend H AbslHashValue(H h, const CallSingleQueue& q) {
    return H::combine(std::move(h), q.calls_);
  }

 private:
  std::size_t capacity_;
  std::deque<Csd> calls_;
  // Of the payloads of `calls_`.
  std::size_t bytes_ = 0;
};

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_CSD_H_
