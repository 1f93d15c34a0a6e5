// A value that many hold and nobody changes under another: a copy is a pointer,
// and who changes it gets a copy of his own first. It remembers its
// fingerprint.
#ifndef BELFRY_LAB_SHARED_H_
#define BELFRY_LAB_SHARED_H_

#include <memory>
#include <optional>
#include <utility>

#include "lab/fingerprint.h"

namespace belfry::lab {

// Not thread-safe: not even two copies of one.
template <typename T>
class Shared {
 public:
  // Holds nothing.
  Shared() = default;
  explicit Shared(T value) : body_(std::make_shared<Body>(std::move(value))) {}

  explicit operator bool() const { return body_ != nullptr; }
  const T& operator*() const { return body_->value; }
  const T* operator->() const { return &body_->value; }
  void reset() { body_.reset(); }
  // Whether it is that very value, and not only an equal one.
  bool is(const Shared& other) const { return body_ == other.body_; }

  T& Mutable() {
    if (body_.use_count() > 1) body_ = std::make_shared<Body>(body_->value);
    body_->fingerprint.reset();
    return body_->value;
  }

  // Of nothing: zeros.
  Digest fingerprint() const {
    if (body_ == nullptr) return {};
    if (!body_->fingerprint) body_->fingerprint = DigestOf(body_->value);
    return *body_->fingerprint;
  }

 private:
  struct Body {
    explicit Body(T v) : value(std::move(v)) {}
    T value;
    std::optional<Digest> fingerprint;
  };
  std::shared_ptr<Body> body_;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_SHARED_H_
