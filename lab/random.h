// Chance from a seed: splitmix64, the same numbers from every standard library.
#ifndef BELFRY_LAB_RANDOM_H_
#define BELFRY_LAB_RANDOM_H_

#include <cstdint>

namespace belfry::lab {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  // Below the bound, which is not 0.
  std::uint64_t Below(std::uint64_t bound) {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % bound;
  }

 private:
  std::uint64_t state_;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_RANDOM_H_
