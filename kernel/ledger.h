// The account of a CPU's calls, kept from its trace events alone: what `audit`
// sums up, what the metrics show and what the invariant *conservation* is
// checked on. It is no part of the protocol's state.
#ifndef BELFRY_KERNEL_LEDGER_H_
#define BELFRY_KERNEL_LEDGER_H_

#include <cstdint>
#include <map>
#include <utility>

#include "kernel/errno.h"
#include "kernel/ids.h"
#include "kernel/trace_event.h"

namespace belfry::kernel {

// The calls of this CPU to one other.
struct LedgerRow {
  std::uint64_t issued = 0;
  std::uint64_t completed = 0;
  std::map<Errno, std::uint64_t> refused;
  std::uint64_t lost = 0;

  std::uint64_t refused_total() const;
  // Issued and not ended.
  std::uint64_t pending() const {
    return issued - completed - refused_total() - lost;
  }

  template <typename H>
  friend H AbslHashValue(H h, const LedgerRow& r) {
    return H::combine(std::move(h), r.pending());
  }
};

// The calls of one process of another CPU to this one.
struct InboundRow {
  std::uint64_t enqueued = 0;
  std::uint64_t run = 0;
  std::uint64_t dropped = 0;
  // Refused after all: an error to their source, and nothing lost.
  std::uint64_t returned = 0;

  std::uint64_t queued() const { return enqueued - run - dropped - returned; }

  template <typename H>
  friend H AbslHashValue(H h, const InboundRow& r) {
    return H::combine(std::move(h), r.queued());
  }
};

// Not thread-safe; owned with the Cpu whose events it reads.
class Ledger {
 public:
  explicit Ledger(CpuId cpu) : cpu_(cpu) {}

  void Apply(const TraceEvent& event);

  const std::map<CpuId, LedgerRow>& rows() const { return rows_; }
  const std::map<std::pair<CpuId, Incarnation>, InboundRow>& inbound() const {
    return inbound_;
  }
  std::uint64_t duplicates() const { return duplicates_; }
  // Calls that ran after the CPU had gone offline.
  std::uint64_t ran_late() const { return ran_late_; }
  // Calls that were in the queue after the reset that brought the CPU up, over
  // all cycles.
  std::uint64_t carried() const { return carried_; }
  std::uint64_t doorbells_taken() const { return doorbells_taken_; }
  // Device interrupts that came to a silent controller.
  std::uint64_t irqs_lost() const { return irqs_lost_; }
  // ... and that found no room to wait.
  std::uint64_t irqs_refused() const { return irqs_refused_; }

  // Of what conservation is judged by: the calls that are under way. Sums of
  // what is over tell apart no runs that can still differ.
  template <typename H>
  friend H AbslHashValue(H h, const Ledger& l) {
    return H::combine(std::move(h), l.rows_, l.inbound_);
  }

 private:
  CpuId cpu_;
  std::map<CpuId, LedgerRow> rows_;
  std::map<std::pair<CpuId, Incarnation>, InboundRow> inbound_;
  std::uint64_t duplicates_ = 0;
  std::uint64_t ran_late_ = 0;
  std::uint64_t carried_ = 0;
  std::uint64_t doorbells_taken_ = 0;
  std::uint64_t irqs_lost_ = 0;
  std::uint64_t irqs_refused_ = 0;
};

}  // namespace belfry::kernel

#endif  // BELFRY_KERNEL_LEDGER_H_
