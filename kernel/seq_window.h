// Values by sequence number, for numbers that are dense and leave at the low
// end: constant time, no allocation a number once warm.
#ifndef BELFRY_KERNEL_SEQ_WINDOW_H_
#define BELFRY_KERNEL_SEQ_WINDOW_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "kernel/ids.h"

namespace belfry::kernel {

template <typename T>
class SeqWindow {
 public:
  // Every number below this one has left, or was never there.
  Seq lowest() const { return lowest_; }
  // The number that Append() gives next.
  Seq next() const { return lowest_ + length(); }
  std::size_t size() const { return size_; }

  Seq Append(T value) {
    slots().emplace_back(std::move(value));
    ++size_;
    return next() - 1;
  }

  // Puts a value at a number at or above lowest(). Below it: no effect.
  void Put(Seq seq, T value) {
    if (seq < lowest_) return;
    while (next() <= seq) slots().emplace_back();
    std::optional<T>& slot = slots()[seq - lowest_];
    if (!slot) ++size_;
    slot = std::move(value);
  }

  T* Find(Seq seq) {
    if (seq < lowest_ || seq >= next()) return nullptr;
    std::optional<T>& slot = slots()[seq - lowest_];
    return slot ? &*slot : nullptr;
  }
  const T* Find(Seq seq) const {
    return const_cast<SeqWindow*>(this)->Find(seq);
  }

  void Erase(Seq seq) {
    if (Find(seq) == nullptr) return;
    slots()[seq - lowest_].reset();
    --size_;
    while (length() > 0 && !slots_->front()) PopFront();
  }

  // Drops everything up to and including `seq`; calls dropped(value) before.
  template <typename F>
  void DropThrough(Seq seq, F dropped) {
    while (lowest_ <= seq && length() > 0) {
      if (slots_->front()) dropped(*slots_->front());
      PopFront();
    }
    if (lowest_ <= seq) lowest_ = seq + 1;
  }
  void DropThrough(Seq seq) {
    DropThrough(seq, [](const T&) {});
  }

  // Calls f(seq, value) in rising order.
  template <typename F>
  void ForEach(F f) const {
    for (std::size_t i = 0; i < length(); ++i) {
      if ((*slots_)[i]) f(lowest_ + i, *(*slots_)[i]);
    }
  }
  template <typename F>
  void ForEach(F f) {
    for (std::size_t i = 0; i < length(); ++i) {
      if ((*slots_)[i]) f(lowest_ + i, *(*slots_)[i]);
    }
  }

  friend bool operator==(const SeqWindow& a, const SeqWindow& b) {
    return a.lowest_ == b.lowest_ && a.length() == b.length() &&
           (a.length() == 0 || *a.slots_ == *b.slots_);
  }
  template <typename H>
  friend H AbslHashValue(H h, const SeqWindow& w) {
    h = H::combine(std::move(h), w.lowest_, w.size_);
    w.ForEach([&h](Seq seq, const T& value) {
      h = H::combine(std::move(h), seq, value);
    });
    return h;
  }

 private:
  using Slots = std::deque<std::optional<T>>;

  std::size_t length() const { return slots_ ? slots_->size() : 0; }
  Slots& slots() { return slots_ ? *slots_ : slots_.emplace(); }
  void PopFront() {
    if (slots_->front()) --size_;
    slots_->pop_front();
    ++lowest_;
  }

  Seq lowest_ = 1;
  std::size_t size_ = 0;
  // A deque takes half a kilobyte before it holds anything, and of most CPUs a
  // CPU only knows that they are there.
  std::optional<Slots> slots_;
};

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_SEQ_WINDOW_H_
