// A value that many hold and nobody changes under another: a copy is a pointer,
// and who changes it gets a copy of his own first. It remembers its
// fingerprint.
#ifndef BELFRY_LAB_SHARED_H_
#define BELFRY_LAB_SHARED_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "lab/fingerprint.h"

namespace belfry::lab {

// A holder owns a part of the value, or borrows it from one that outlives it: a
// borrower is not counted, so that threads that copy the same values all the
// time do not write to the same memory.
//
// A holder belongs to one thread. The value may have holders in several, once
// its fingerprint has been asked for: after that nobody writes to it but a
// holder that owns it alone.
template <typename T>
class Shared {
 public:
  // Holds nothing.
  Shared() = default;
  explicit Shared(T value) : body_(new Body(std::move(value))), owns_(true) {}
  Shared(const Shared& other) : body_(other.body_), owns_(other.owns_) {
    if (owns_) body_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  Shared(Shared&& other) noexcept
      : body_(std::exchange(other.body_, nullptr)),
        owns_(std::exchange(other.owns_, false)) {}
  Shared& operator=(Shared other) noexcept {
    std::swap(body_, other.body_);
    std::swap(owns_, other.owns_);
    return *this;
  }
  ~Shared() {
    // The last one must see what the others have done with the value.
    if (owns_ && body_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      delete body_;
    }
  }

  // The same value, for who does not outlive this one's hold of it.
  Shared Borrowed() const {
    Shared borrowed;
    borrowed.body_ = body_;
    return borrowed;
  }

  explicit operator bool() const { return body_ != nullptr; }
  const T& operator*() const { return body_->value; }
  const T* operator->() const { return &body_->value; }
  void reset() { *this = Shared(); }
  // Whether it is that very value, and not only an equal one.
  bool is(const Shared& other) const { return body_ == other.body_; }

  T& Mutable() {
    const bool alone =
        owns_ && body_->owners.load(std::memory_order_acquire) == 1;
    if (!alone) *this = Shared(body_->value);
    body_->fingerprint.reset();
    body_->renamed.clear();
    return body_->value;
  }

  // Of nothing: zeros.
  Digest fingerprint() const {
    if (body_ == nullptr) return {};
    if (!body_->fingerprint) body_->fingerprint = DigestOf(body_->value);
    return *body_->fingerprint;
  }

  // The same by one of these renamings. All that ask for one value's ask for
  // the same ones; all are remembered at once.
  Digest fingerprint(std::span<const Renaming> renamings,
                     std::size_t which) const {
    if (body_ == nullptr) return {};
    if (body_->renamed.empty()) {
      for (const Renaming& renaming : renamings) {
        body_->renamed.push_back(DigestOf(body_->value, renaming));
      }
    }
    return body_->renamed[which];
  }

 private:
  struct Body {
    explicit Body(T v) : value(std::move(v)) {}
    std::atomic<std::size_t> owners = 1;
    std::optional<Digest> fingerprint;
    std::vector<Digest> renamed;
    T value;
  };

  Body* body_ = nullptr;
  bool owns_ = false;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_SHARED_H_
