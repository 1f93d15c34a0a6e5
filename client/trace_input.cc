#include "client/trace_input.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/collect.h"
#include "client/coordinator.h"
#include "client/exit_code.h"
#include "client/files.h"
#include "trace/trace_file.h"

namespace belfry::client {

absl::StatusOr<v1::TraceReport> ReadTraceFile(const std::string& path) {
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return UsageError(bytes.status().message());
  absl::StatusOr<v1::TraceReport> trace = trace::ReadTrace(*bytes);
  if (trace.ok()) return trace;
  return UsageError(absl::StrCat(path == "-" ? "standard input" : path, ": ",
                                 trace.status().message()));
}

absl::StatusOr<v1::TraceReport> ReadClusterTrace(const GlobalOptions& options) {
  auto coordinator = Connect(options);
  if (!coordinator.ok()) return coordinator.status();
  const auto view = CollectView(*coordinator, {.trace = true});
  if (!view.ok()) return view.status();
  v1::TraceReport trace;
  trace.mutable_events()->Assign(view->events.begin(), view->events.end());
  trace.set_overwritten(view->overwritten);
  *trace.mutable_machine() = MachineOf(view->cluster);
  for (std::string& problem : ProblemsOf(*view)) {
    trace.add_problems(std::move(problem));
  }
  return trace;
}

v1::TraceMachine MachineOf(const v1::Cluster& cluster) {
  v1::TraceMachine machine;
  machine.set_kind(v1::TraceMachine::KIND_BELFRY);
  machine.set_cpus(static_cast<std::uint32_t>(cluster.cpus_size()));
  *machine.mutable_profile() = cluster.profile();
  return machine;
}

void TellProblems(Output& out, const v1::TraceReport& trace) {
  for (const std::string& problem : trace.problems()) out.Error(problem);
}

}  // namespace belfry::client
