// Chance that is the same everywhere: std's distributions are not.
#ifndef BELFRY_LAB_RANDOM_H_
#define BELFRY_LAB_RANDOM_H_

#include <cstdint>

namespace belfry::lab {

// splitmix64's step: a good 64-bit number of any other.
constexpr std::uint64_t Mix(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// splitmix64: one seed, one sequence.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    const std::uint64_t number = Mix(state_);
    state_ += 0x9e3779b97f4a7c15;
    return number;
  }
  // A number below the bound, which is at least 1.
  std::uint64_t Below(std::uint64_t bound) { return Next() % bound; }
  // low .. high.
  std::uint64_t Between(std::uint64_t low, std::uint64_t high) {
    return low + Below(high - low + 1);
  }
  // True in `n` of `of` cases.
  bool Chance(std::uint64_t n, std::uint64_t of) { return Below(of) < n; }

 private:
  std::uint64_t state_;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_RANDOM_H_
