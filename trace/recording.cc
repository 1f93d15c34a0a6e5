#include "trace/recording.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "trace/merge.h"

namespace belfry::trace {
namespace {

using Life = std::pair<std::uint32_t, std::uint64_t>;

v1::TraceEvent CrashOf(const Life& life, const v1::TraceEvent& next) {
  v1::TraceEvent crash;
  crash.set_name("cpu_crashed");
  crash.set_lamport(next.lamport());
  *crash.mutable_time() = next.time();
  crash.set_about_cpu(life.first);
  crash.set_value(static_cast<std::int64_t>(life.second));
  return crash;
}

}  // namespace

std::uint64_t Recording::After(const Ring& ring) const {
  const auto log = logs_.find(ring);
  return log == logs_.end() ? 0 : log->second.last_lamport;
}

void Recording::Add(const Ring& ring, v1::ReadTraceResponse read) {
  Log& log = logs_[ring];
  // The ring counts every event that it no longer has, also those read before.
  if (read.overwritten() > log.past) {
    const std::uint64_t lost = read.overwritten() - log.past;
    log.trace.set_overwritten(log.trace.overwritten() + lost);
    log.past = read.overwritten();
    if (read.events_size() > 0) read.mutable_events(0)->set_lost(lost);
  }
  log.past += static_cast<std::uint64_t>(read.events_size());
  events_ += static_cast<std::size_t>(read.events_size());
  for (v1::TraceEvent& event : *read.mutable_events()) {
    log.last_lamport = std::max(log.last_lamport, event.lamport());
    *log.trace.add_events() = std::move(event);
  }
}

v1::TraceReport Recording::Merge() const {
  v1::TraceReport report;
  std::vector<ProcessTrace> processes;
  std::set<Life> crashed;
  std::optional<Life> before;
  for (const auto& [ring, log] : logs_) {
    report.set_overwritten(report.overwritten() + log.trace.overwritten());
    // A process' next life follows all that is known of the one before,
    // whatever their clocks: those two have never met.
    if (processes.empty() || processes.back().cpu != ring.cpu) {
      processes.push_back({ring.cpu, {}});
    }
    v1::ReadTraceResponse& trace = processes.back().trace;
    for (const v1::TraceEvent& event : log.trace.events()) {
      if (event.name() == "cpu_crashed") {
        crashed.insert(
            {event.about_cpu(), static_cast<std::uint64_t>(event.value())});
      }
    }
    if (ring.cpu && log.trace.events_size() > 0) {
      // A coordinator that died as well has not told of it, or nobody read it.
      if (before && before->first == *ring.cpu && !crashed.contains(*before)) {
        *trace.add_events() = CrashOf(*before, log.trace.events(0));
      }
      before = Life(*ring.cpu, ring.incarnation);
    }
    trace.MergeFrom(log.trace);
  }
  const std::vector<v1::TraceEvent> merged = MergeTraces(processes);
  report.mutable_events()->Assign(merged.begin(), merged.end());
  return report;
}

void Recording::Forget() {
  for (auto& [ring, log] : logs_) log.trace.Clear();
  events_ = 0;
}

}  // namespace belfry::trace
