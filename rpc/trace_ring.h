// A process's recent protocol events, in a bounded ring.
#ifndef BELFRY_RPC_TRACE_RING_H_
#define BELFRY_RPC_TRACE_RING_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "belfry/v1/debug.pb.h"
#include "kernel/trace_event.h"

namespace belfry::rpc {

// Names functions: ids are a process's own.
using FunctionNamer = std::function<std::string(kernel::FuncId)>;

// What a process keeps unless it is told otherwise, and at most.
inline constexpr std::uint32_t kTraceEvents = 16384;
inline constexpr std::uint32_t kMaxTraceEvents = 100'000;

// Owned by a loop; not thread-safe.
class TraceRing {
 public:
  // `cpu` is where the events happen, in this life of its process; nothing for
  // the coordinator. Of no capacity: it only counts.
  TraceRing(std::optional<kernel::CpuId> cpu, kernel::Incarnation incarnation,
            std::size_t capacity);

  // On the way of every call: moves the event, which has no memory of its own
  // but for an unusual detail, and leaves all text to who reads.
  void Add(std::uint64_t lamport, std::chrono::system_clock::time_point time,
           kernel::TraceEvent event);

  // The events after that Lamport time, in order.
  v1::ReadTraceResponse Read(std::uint64_t after_lamport,
                             const FunctionNamer& name) const;

 private:
  struct Entry {
    std::uint64_t lamport = 0;
    std::chrono::system_clock::time_point time;
    kernel::TraceEvent event;
  };

  void ToProto(const Entry& entry, const FunctionNamer& name,
               v1::TraceEvent* out) const;

  std::optional<kernel::CpuId> cpu_;
  kernel::Incarnation incarnation_;
  std::size_t capacity_;
  // Grows to capacity. The oldest is at `total_ % size`, also until then.
  std::vector<Entry> entries_;
  std::uint64_t total_ = 0;
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_TRACE_RING_H_
