// Judges a run of a lab::World by the invariants of kernel/: the world as it
// stands between two moves, and what happened in them. It is no part of the
// world's state: who only wants to know where a world can get does without.
#ifndef BELFRY_LAB_REFEREE_H_
#define BELFRY_LAB_REFEREE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "kernel/invariants.h"
#include "kernel/ledger.h"
#include "lab/world.h"

namespace belfry::lab {

// What a world violates as it stands, whatever its history.
kernel::Violations CheckState(const World& world);

// The calls that wait, and, if none does, the operation that has not ended.
kernel::Violations WaitsOf(const World& world);

// A value: equal ones judge whatever comes alike, and have equal hashes, as
// long as none keeps records. Not thread-safe.
class Referee {
 public:
  explicit Referee(std::uint32_t cpus);

  // Sees what a move did. Every move's happenings, in order.
  void See(const Happenings& happenings);
  // The CPU's process died; its next one keeps accounts of its own.
  void Forget(std::uint32_t cpu);
  // A doorbell to the CPU was dropped: until one arrives there, or the machine
  // is at rest, no_stranded_queue is not held against it.
  void RingDropped(kernel::CpuId cpu) { unrung_.insert(cpu); }
  void RingArrived(kernel::CpuId cpu) { unrung_.erase(cpu); }

  // What the invariants say of the world as it stands and of its history.
  kernel::Violations Check(const World& world) const;
  // Keeps what Check() finds. `at_rest`: nothing moves any more, so every wait
  // must have ended. `when` begins what is said, if there is something to say.
  void Record(const World& world, absl::FunctionRef<std::string()> when,
              bool at_rest);
  // The names of what was ever found, with what was said first of each.
  const std::map<kernel::Invariant, std::string>& violated() const {
    return violated_;
  }
  const kernel::Ledger& ledger(std::uint32_t cpu) const {
    return ledgers_.at({cpu});
  }

  template <typename H>
  friend H AbslHashValue(H h, const Referee& r) {
    return H::combine(std::move(h), r.ledgers_, r.observer_, r.unrung_);
  }

 private:
  std::map<kernel::CpuId, kernel::Ledger> ledgers_;
  kernel::TraceObserver observer_;
  std::set<kernel::CpuId> unrung_;
  std::map<kernel::Invariant, std::string> violated_;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_REFEREE_H_
