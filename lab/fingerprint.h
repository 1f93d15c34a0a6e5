// Fingerprints of values: 128 bits that are the same in every process and on
// every machine (absl::Hash is neither). The kernel's values tell what they are
// made of through AbslHashValue; this is one more hash state for it. They tell
// CPUs from other numbers by their types, so it can also see them renamed.
#ifndef BELFRY_LAB_FINGERPRINT_H_
#define BELFRY_LAB_FINGERPRINT_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "lab/renaming.h"

namespace belfry::lab {

struct Digest {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  // Of many, in whatever order.
  Digest& operator+=(const Digest& other) {
    high += other.high;
    low += other.low;
    return *this;
  }

  friend auto operator<=>(const Digest&, const Digest&) = default;
  // Its bits are as good as any.
  template <typename H>
  friend H AbslHashValue(H h, const Digest& d) {
    return H::combine(std::move(h), d.low);
  }
};

// The number of members of a plain struct that has no AbslHashValue: it is
// taken apart into exactly so many, so that a new member is a compile error and
// never left out.
template <typename T>
inline constexpr int kMembers = 0;

namespace internal {

template <typename T>
inline constexpr bool kIsOptional = false;
template <typename T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <typename T>
inline constexpr bool kIsVariant = false;
template <typename... T>
inline constexpr bool kIsVariant<std::variant<T...>> = true;
template <typename T>
inline constexpr bool kIsPair = false;
template <typename A, typename B>
inline constexpr bool kIsPair<std::pair<A, B>> = true;
template <typename T>
concept Sequence = requires(const T& t) {
  t.begin();
  t.end();
  t.size();
};
// Its order is that of its keys.
template <typename T>
concept Keyed = Sequence<T> && requires {
  typename T::key_type;
};

}  // namespace internal

// How a fingerprinter calls a CPU, and what else is renamed: as it is called...
struct OwnNames {
  template <Renamable T>
  const T& operator()(const T& value) const {
    return value;
  }
};
// ... or as it is in a renamed machine.
struct NewNames {
  const Renaming* renaming = nullptr;

  template <Renamable T>
  T operator()(const T& value) const {
    return (*renaming)(value);
  }
};

template <typename Names>
class BasicFingerprinter {
 public:
  explicit BasicFingerprinter(Names names = {}) : names_(names) {}

  // What AbslHashValue() asks of a hash state.
  template <typename... T>
  static BasicFingerprinter combine(BasicFingerprinter f, const T&... values) {
    (f.Add(values), ...);
    return f;
  }

  template <typename T>
  void Add(const T& value) {
    if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      AddWord(static_cast<std::uint64_t>(value));
    } else if constexpr (Renamable<T>) {
      AddParts(names_(value));
    } else if constexpr (std::is_same_v<T, std::string>) {
      AddText(value);
    } else if constexpr (internal::kIsOptional<T>) {
      Add(value.has_value());
      if (value) Add(*value);
    } else if constexpr (internal::kIsVariant<T>) {
      Add(value.index());
      std::visit([this](const auto& held) { Add(held); }, value);
    } else if constexpr (internal::kIsPair<T>) {
      Add(value.first);
      Add(value.second);
    } else if constexpr (internal::Sequence<T>) {
      Add(value.size());
      if constexpr (internal::Keyed<T> && !std::is_same_v<Names, OwnNames>) {
        AddInAnyOrder(value);
      } else {
        for (const auto& element : value) Add(element);
      }
    } else if constexpr (std::is_same_v<T, Digest>) {
      Add(value.high);
      Add(value.low);
    } else if constexpr (kMembers<T> > 0) {
      AddMembers(value);
    } else if constexpr (!std::is_empty_v<T>) {
      AddParts(value);
    }
  }

  Digest Get() const { return {Finish(high_), Finish(low_)}; }

 private:
  // Two walks over the same words, with different odd multipliers.
  void AddWord(std::uint64_t word) {
    high_ = (high_ ^ word) * 0x9e3779b97f4a7c15;
    high_ ^= high_ >> 32;
    low_ = (low_ + word) * 0xd6e8feb86659fd93;
    low_ ^= low_ >> 29;
  }

  // splitmix64's finisher.
  static std::uint64_t Finish(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  void AddText(const std::string& text) {
    AddWord(text.size());
    for (const char c : text) AddWord(static_cast<unsigned char>(c));
  }

  template <typename T>
  void AddParts(const T& value) {
    *this = AbslHashValue(std::move(*this), value);
  }

  template <typename T>
  void AddInAnyOrder(const T& values) {
    Digest sum;
    for (const auto& value : values) {
      BasicFingerprinter f(names_);
      f.Add(value);
      sum += f.Get();
    }
    Add(sum);
  }

  template <typename T>
  void AddMembers(const T& value) {
    constexpr int n = kMembers<T>;
    static_assert(n <= 9);
    if constexpr (n == 1) {
      const auto& [a] = value;
      AddAll(a);
    } else if constexpr (n == 2) {
      const auto& [a, b] = value;
      AddAll(a, b);
    } else if constexpr (n == 3) {
      const auto& [a, b, c] = value;
      AddAll(a, b, c);
    } else if constexpr (n == 4) {
      const auto& [a, b, c, d] = value;
      AddAll(a, b, c, d);
    } else if constexpr (n == 5) {
      const auto& [a, b, c, d, e] = value;
      AddAll(a, b, c, d, e);
    } else if constexpr (n == 6) {
      const auto& [a, b, c, d, e, f] = value;
      AddAll(a, b, c, d, e, f);
    } else if constexpr (n == 7) {
      const auto& [a, b, c, d, e, f, g] = value;
      AddAll(a, b, c, d, e, f, g);
    } else if constexpr (n == 8) {
      const auto& [a, b, c, d, e, f, g, i] = value;
      AddAll(a, b, c, d, e, f, g, i);
    } else {
      const auto& [a, b, c, d, e, f, g, i, j] = value;
      AddAll(a, b, c, d, e, f, g, i, j);
    }
  }

  template <typename... T>
  void AddAll(const T&... values) {
    (Add(values), ...);
  }

  std::uint64_t high_ = 0x6a09e667f3bcc908;
  std::uint64_t low_ = 0xbb67ae8584caa73b;
  [[no_unique_address]] Names names_;
};

using Fingerprinter = BasicFingerprinter<OwnNames>;
using RenamingFingerprinter = BasicFingerprinter<NewNames>;

template <typename T>
Digest DigestOf(const T& value) {
  Fingerprinter f;
  f.Add(value);
  return f.Get();
}
template <typename T>
Digest DigestOf(const T& value, const Renaming& renaming) {
  RenamingFingerprinter f(NewNames{&renaming});
  f.Add(value);
  return f.Get();
}

}  // namespace belfry::lab

#endif  // BELFRY_LAB_FINGERPRINT_H_
