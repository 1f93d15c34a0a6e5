#include "trace/merge.h"

#include <algorithm>
#include <cstddef>
#include <tuple>

namespace belfry::trace {
namespace {

struct Stamped {
  // The highest Lamport time so far in this ring. A process that restarted may
  // begin below what its predecessor had reached; its events still follow.
  std::uint64_t lamport = 0;
  // The coordinator is 0, CPU n is n + 1.
  std::uint64_t process = 0;
  const v1::TraceEvent* event = nullptr;
};

}  // namespace

std::vector<v1::TraceEvent> MergeTraces(
    const std::vector<ProcessTrace>& processes) {
  std::vector<Stamped> stamped;
  for (const ProcessTrace& process : processes) {
    const std::uint64_t rank = process.cpu ? *process.cpu + 1ull : 0;
    std::uint64_t lamport = 0;
    for (const v1::TraceEvent& event : process.trace.events()) {
      lamport = std::max(lamport, event.lamport());
      stamped.push_back({lamport, rank, &event});
    }
  }
  std::stable_sort(
      stamped.begin(), stamped.end(), [](const Stamped& a, const Stamped& b) {
        return std::tie(a.lamport, a.process) < std::tie(b.lamport, b.process);
      });
  std::vector<v1::TraceEvent> merged;
  merged.reserve(stamped.size());
  for (const Stamped& one : stamped) merged.push_back(*one.event);
  return merged;
}

}  // namespace belfry::trace
