#include "rpc/trace_ring.h"

#include <utility>

#include "rpc/codec.h"

namespace belfry::rpc {

TraceRing::TraceRing(std::optional<kernel::CpuId> cpu, std::size_t capacity)
    : cpu_(cpu), capacity_(capacity) {}

void TraceRing::Add(std::uint64_t lamport, kernel::TraceEvent event) {
  Entry entry{lamport, std::chrono::system_clock::now(), std::move(event)};
  if (entries_.size() < capacity_) {
    entries_.push_back(std::move(entry));
  } else {
    entries_[total_ % capacity_] = std::move(entry);
  }
  ++total_;
}

v1::ReadTraceResponse TraceRing::Read(std::uint64_t after_lamport,
                                      const FunctionNamer& name) const {
  v1::ReadTraceResponse response;
  response.set_overwritten(total_ - entries_.size());
  const std::size_t oldest =
      entries_.size() < capacity_ ? 0 : total_ % capacity_;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[(oldest + i) % entries_.size()];
    if (entry.lamport <= after_lamport) continue;
    ToProto(entry, name, response.add_events());
  }
  return response;
}

void TraceRing::ToProto(const Entry& entry, const FunctionNamer& name,
                        v1::TraceEvent* out) const {
  const kernel::TraceEvent& event = entry.event;
  out->set_lamport(entry.lamport);
  *out->mutable_time() = ToTimestamp(entry.time);
  if (cpu_) out->set_cpu(cpu_->value);
  out->set_name(std::string(kernel::TraceName(event.kind)));
  if (event.about) out->set_about_cpu(event.about->value);
  const bool has_function =
      event.csd.has_value() || event.kind == kernel::TraceKind::kCsdRefused;
  if (has_function) out->set_function(name(event.func));
  if (event.csd) {
    out->set_src_cpu(event.csd->src.value);
    out->set_src_incarnation(event.csd->src_incarnation.value);
    out->set_seq(event.csd->seq);
  }
  out->set_value(event.value);
  out->set_value2(event.value2);
  out->set_state(event.state);
  out->set_detail(event.detail);
  out->set_irqs_masked(event.irqs_masked);
}

}  // namespace belfry::rpc
