#include "rpc/trace_ring.h"

#include <utility>

#include "rpc/codec.h"

namespace belfry::rpc {

TraceRing::TraceRing(std::optional<kernel::CpuId> cpu,
                     kernel::Incarnation incarnation, std::size_t capacity)
    : cpu_(cpu), incarnation_(incarnation), capacity_(capacity) {}

void TraceRing::Add(std::uint64_t lamport,
                    std::chrono::system_clock::time_point time,
                    kernel::TraceEvent event) {
  const std::uint64_t number = total_++;
  if (entries_.size() < capacity_) {
    entries_.push_back({lamport, time, std::move(event)});
  } else if (capacity_ > 0) {
    entries_[number % capacity_] = {lamport, time, std::move(event)};
  }
}

v1::ReadTraceResponse TraceRing::Read(std::uint64_t after_lamport,
                                      const FunctionNamer& name) const {
  v1::ReadTraceResponse response;
  response.set_overwritten(total_ - entries_.size());
  const std::size_t oldest = entries_.empty() ? 0 : total_ % entries_.size();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[(oldest + i) % entries_.size()];
    if (entry.lamport <= after_lamport) continue;
    ToProto(entry, name, response.add_events());
  }
  return response;
}

void TraceRing::ToProto(const Entry& entry, const FunctionNamer& name,
                        v1::TraceEvent* out) const {
  const std::string function =
      trace::HasFunction(entry.event) ? name(entry.event.func) : "";
  *out = trace::ToProto(cpu_, entry.event, function);
  out->set_incarnation(incarnation_.value);
  out->set_lamport(entry.lamport);
  *out->mutable_time() = ToTimestamp(entry.time);
}

}  // namespace belfry::rpc
