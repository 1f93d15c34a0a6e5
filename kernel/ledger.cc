#include "kernel/ledger.h"

namespace belfry::kernel {

std::uint64_t LedgerRow::refused_total() const {
  std::uint64_t total = 0;
  for (const auto& [error, count] : refused) total += count;
  return total;
}

void Ledger::Apply(const TraceEvent& event) {
  switch (event.kind) {
    case TraceKind::kCsdQueueCpu:
      // Else issued again after it had found the queue full.
      if (event.value == 0) ++rows_[*event.about].issued;
      return;
    case TraceKind::kCsdDone:
      ++rows_[*event.about].completed;
      return;
    case TraceKind::kCsdLost:
      ++rows_[*event.about].lost;
      return;
    case TraceKind::kCsdRefused:
      // value2 0: refused before it was sent, so not counted as issued yet.
      if (event.value2 == 0) ++rows_[*event.about].issued;
      ++rows_[*event.about].refused[static_cast<Errno>(event.value)];
      return;
    case TraceKind::kCsdEnqueued:
      ++inbound_[{event.csd->src, event.csd->src_incarnation}].enqueued;
      return;
    case TraceKind::kCsdDropped:
      ++inbound_[{event.csd->src, event.csd->src_incarnation}].dropped;
      return;
    case TraceKind::kCsdReturned:
      ++inbound_[{event.csd->src, event.csd->src_incarnation}].returned;
      return;
    case TraceKind::kCsdFunctionExit:
      if (event.detail == "late") ++ran_late_;
      if (event.csd->src == cpu_) return;
      ++inbound_[{event.csd->src, event.csd->src_incarnation}].run;
      return;
    case TraceKind::kCpuLife:
      // After the reset and before anybody knows the CPU: what comes between
      // ALIVE and ONLINE is new.
      if (event.detail == "ALIVE") {
        carried_ += static_cast<std::uint64_t>(event.value);
      }
      return;
    case TraceKind::kCsdDuplicate:
      ++duplicates_;
      return;
    case TraceKind::kCallFunctionSingleEntry:
      ++doorbells_taken_;
      return;
    case TraceKind::kIrqLost:
      ++irqs_lost_;
      return;
    case TraceKind::kIrqRefused:
      ++irqs_refused_;
      return;
    default:
      return;
  }
}

}  // namespace belfry::kernel
