// Reads the rings of many processes again and again, and makes one trace of it:
// each event once, and what a ring overwrote in between is counted, there.
#ifndef BELFRY_TRACE_RECORDING_H_
#define BELFRY_TRACE_RECORDING_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "belfry/v1/debug.pb.h"
#include "belfry/v1/report.pb.h"

namespace belfry::trace {

class Recording {
 public:
  // One life of a process has one ring.
  struct Ring {
    // Absent: the coordinator.
    std::optional<std::uint32_t> cpu;
    std::uint64_t incarnation = 0;

    friend auto operator<=>(const Ring&, const Ring&) = default;
  };

  // What to ask the ring for next: ReadTraceRequest.after_lamport.
  std::uint64_t After(const Ring& ring) const;

  void Add(const Ring& ring, v1::ReadTraceResponse read);

  std::size_t events() const { return events_; }

  // In causal order, a process' next life behind the one before, with the sum
  // of what was overwritten. The machine is the caller's to fill in.
  v1::TraceReport Merge() const;

  // Keeps only how far each ring was read.
  void Forget();

 private:
  struct Log {
    v1::ReadTraceResponse trace;
    std::uint64_t last_lamport = 0;
    // Events of the ring's life that were read, or are lost.
    std::uint64_t past = 0;
  };

  std::map<Ring, Log> logs_;
  std::size_t events_ = 0;
};

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_RECORDING_H_
