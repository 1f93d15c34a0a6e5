// What the programs of bench/ measure in common: bench/speed.py reads the line.
#ifndef BELFRY_BENCH_MEASURE_H_
#define BELFRY_BENCH_MEASURE_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <vector>

namespace belfry::bench {

using Clock = std::chrono::steady_clock;

// One line of JSON.
inline void Print(std::uint64_t calls, Clock::duration took,
                  std::vector<std::uint64_t> nanos) {
  std::sort(nanos.begin(), nanos.end());
  const auto at = [&](double p) {
    if (nanos.empty()) return 0.0;
    const auto rank =
        static_cast<std::size_t>(p * static_cast<double>(nanos.size() - 1));
    return static_cast<double>(nanos[rank]) / 1e3;
  };
  const double seconds = std::chrono::duration<double>(took).count();
  std::printf(
      "{\"calls\": %llu, \"seconds\": %.6f, \"calls_per_s\": %.0f, "
      "\"p50_us\": %.2f, \"p99_us\": %.2f}\n",
      static_cast<unsigned long long>(calls), seconds,
      static_cast<double>(calls) / seconds, at(0.5), at(0.99));
  std::fflush(stdout);
}

// Calls of which up to `window` are under way at once, answered in their order.
class Window {
 public:
  Window(std::uint64_t count, std::uint64_t window)
      : count_(count), window_(window) {
    nanos_.reserve(count);
  }

  bool MayIssue() const { return issued_ < count_ && begun_.size() < window_; }
  bool ended() const { return nanos_.size() == count_; }

  void Issue() {
    ++issued_;
    begun_.push_back(Clock::now());
  }
  void End() {
    nanos_.push_back(static_cast<std::uint64_t>(
        (Clock::now() - begun_.front()) / std::chrono::nanoseconds(1)));
    begun_.pop_front();
  }
  void PrintAll() { Print(count_, Clock::now() - start_, std::move(nanos_)); }

 private:
  std::uint64_t count_;
  std::uint64_t window_;
  std::uint64_t issued_ = 0;
  std::deque<Clock::time_point> begun_;
  std::vector<std::uint64_t> nanos_;
  Clock::time_point start_ = Clock::now();
};

// What is received, from the first to the last.
class Flood {
 public:
  explicit Flood(std::uint64_t count) : left_(count), count_(count) {}

  // Whether these were the last.
  bool Receive(std::uint64_t messages) {
    if (left_ == count_) start_ = Clock::now();
    left_ -= std::min(messages, left_);
    return left_ == 0;
  }
  void PrintAll() const { Print(count_, Clock::now() - start_, {}); }

 private:
  std::uint64_t left_;
  std::uint64_t count_;
  Clock::time_point start_;
};

// Of a step that must not fail: nothing measured is worth reporting then.
inline void Check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

}  // namespace belfry::bench

#endif  // BELFRY_BENCH_MEASURE_H_
