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
      ++crashes_[*read.about];
      sent_.erase(*read.about);
    }
    observer_.ObserveCoordinator(read);
    return;
  }
  const CpuId cpu{event.cpu()};
  if (cut_ && known_.insert(cpu).second) observer_.ObserveLoss(cpu);
  if (read.csd && read.about && *kind == TraceKind::kCsdQueueCpu) {
    sent_[*read.about].insert(*read.csd);
  }
  if (read.csd && *kind == TraceKind::kCsdFunctionEntry) {
    SupplySending(cpu, read);
  }
  observer_.Observe(cpu, read);
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
