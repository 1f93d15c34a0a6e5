// A leak on purpose, to see that a leak would be seen: a node reports a call
// that nobody takes, the metrics show it as the queue of a CPU named "canary",
// and the alert that this sets off must come back here.
#ifndef BELFRY_COORDINATOR_CANARY_H_
#define BELFRY_COORDINATOR_CANARY_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "belfry/v1/coordinator.pb.h"
#include "kernel/ids.h"

namespace belfry::coordinator {

// The account of it. Everything on the loop's thread.
class Canary {
 public:
  // The shortest and the longest life of one.
  static constexpr std::chrono::seconds kLifetimeMin{1};
  static constexpr std::chrono::seconds kLifetimeMax{3600};
  // Longer than the slowest alert takes, and the alert on its absence.
  static constexpr std::chrono::seconds kLifetimeDefault{300};

  // The node was told to report one. Takes the place of an earlier one.
  void Injected(kernel::CpuId cpu) {
    ++injected_;
    cpu_ = cpu;
    awaited_ = true;
  }
  // An alert about it has come. Returns the node that is to stop, if this was
  // the first alert about this canary: Alertmanager repeats itself.
  std::optional<kernel::CpuId> Detected() {
    if (!awaited_) return std::nullopt;
    awaited_ = false;
    ++detected_;
    return cpu_;
  }

  std::uint64_t injected() const { return injected_; }
  std::uint64_t detected() const { return detected_; }

 private:
  std::uint64_t injected_ = 0;
  std::uint64_t detected_ = 0;
  bool awaited_ = false;
  std::optional<kernel::CpuId> cpu_;
};

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_CANARY_H_
