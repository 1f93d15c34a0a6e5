#include "trace/observer_feed.h"

#include <optional>

#include "absl/strings/string_view.h"

namespace belfry::trace {
namespace {

using kernel::CpuId;
using kernel::TraceKind;

std::optional<TraceKind> ParseKind(absl::string_view name) {
  for (int i = 0; i < kernel::kTraceKinds; ++i) {
    const auto kind = static_cast<TraceKind>(i);
    if (kernel::TraceName(kind) == name) return kind;
  }
  return std::nullopt;
}

}  // namespace

void ObserverFeed::Observe(const v1::TraceEvent& event) {
  Tell(event);
  if (lost_behind_.contains(position_++)) {
    observer_.ObserveLoss(CpuId{event.cpu()});
  }
}

void ObserverFeed::Tell(const v1::TraceEvent& event) {
  const std::optional<TraceKind> kind = ParseKind(event.name());
  if (!kind) return;
  const kernel::TraceEvent read = Read(*kind, event);
  if (!event.has_cpu()) {
    if (*kind == TraceKind::kCpuCrashed && read.about) {
      return TellCrash(*read.about, static_cast<std::uint64_t>(read.value));
    }
    observer_.ObserveCoordinator(read);
    return;
  }
  const CpuId cpu{event.cpu()};
  if (!IsOfThisLife(cpu, event, *kind)) return;
  if (cut_ && known_.insert(cpu).second) observer_.ObserveLoss(cpu);
  if (read.csd && read.about && *kind == TraceKind::kCsdQueueCpu) {
    sent_[*read.about].insert(*read.csd);
  }
  if (read.csd && *kind == TraceKind::kCsdFunctionEntry) {
    SupplySending(cpu, read);
  }
  observer_.Observe(cpu, read);
}

void ObserverFeed::TellCrash(CpuId cpu, std::uint64_t incarnation) {
  ++crashes_[cpu];
  crashed_.insert({cpu, incarnation});
  const bool succeeded = incarnation != 0 && incarnation < lives_[cpu];
  if (!succeeded) EndLife(cpu);
}

void ObserverFeed::EndLife(CpuId cpu) {
  sent_.erase(cpu);
  observer_.ObserveCoordinator({.kind = TraceKind::kCpuCrashed, .about = cpu});
}

// Where nothing orders a crash and what its process did last, either may come
// first, and so may the next life: a coordinator that was started again has a
// young clock. So a process that is held for dead neither begins a life nor has
// a part in its successor's. What it has sent is named by its own.
bool ObserverFeed::IsOfThisLife(CpuId cpu, const v1::TraceEvent& event,
                                TraceKind kind) {
  if (event.incarnation() == 0 || kind == TraceKind::kCsdQueueCpu) return true;
  std::uint64_t& life = lives_[cpu];
  if (event.incarnation() < life) return false;
  if (event.incarnation() > life) {
    if (life != 0) EndLife(cpu);
    life = event.incarnation();
  }
  return kind != TraceKind::kCpuLife || !crashed_.contains({cpu, life});
}

kernel::TraceEvent ObserverFeed::Read(TraceKind kind,
                                      const v1::TraceEvent& event) const {
  kernel::TraceEvent out;
  out.kind = kind;
  if (event.has_about_cpu()) out.about = CpuId{event.about_cpu()};
  if (event.has_src_cpu()) {
    const CpuId src{event.src_cpu()};
    // An older trace does not have it: then a process is told from its
    // predecessor by the crashes between them.
    std::uint64_t incarnation = event.src_incarnation();
    if (const auto crashes = crashes_.find(src);
        incarnation == 0 && crashes != crashes_.end()) {
      incarnation = crashes->second;
    }
    out.csd =
        kernel::CsdKey{src, kernel::Incarnation{incarnation}, event.seq()};
  }
  out.value = event.value();
  out.value2 = event.value2();
  out.state = event.state();
  out.detail = event.detail();
  out.irqs_masked = event.irqs_masked();
  return out;
}

// A call that was sent before the trace, or by a process whose last events are
// lost, was sent to where it runs. Once: all it can do there is run once.
void ObserverFeed::SupplySending(CpuId cpu, const kernel::TraceEvent& entry) {
  const bool known = !sent_[cpu].insert(*entry.csd).second;
  if (known || (!cut_ && !died_.contains(entry.csd->src))) return;
  kernel::TraceEvent queued = entry;
  queued.kind = TraceKind::kCsdQueueCpu;
  queued.about = cpu;
  observer_.Observe(entry.csd->src, queued);
}

}  // namespace belfry::trace
