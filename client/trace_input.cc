#include "client/trace_input.h"

#include <google/protobuf/util/json_util.h>

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/collect.h"
#include "client/coordinator.h"
#include "client/exit_code.h"
#include "client/files.h"
#include "trace/trace_file.h"

namespace belfry::client {

namespace {

// A trace file, or what `belfry trace show -o json` printed.
absl::StatusOr<v1::TraceReport> ParseTrace(const std::string& bytes) {
  absl::StatusOr<v1::TraceReport> trace = trace::ReadTrace(bytes);
  if (trace.ok() ||
      trace::DetectTraceFormat(bytes) != trace::TraceFormat::kPerfetto) {
    return trace;
  }
  v1::TraceReport report;
  if (!google::protobuf::util::JsonStringToMessage(bytes, &report).ok()) {
    return absl::InvalidArgumentError(
        "JSON, but not what `belfry trace show -o json` prints");
  }
  return report;
}

}  // namespace

absl::StatusOr<v1::TraceReport> ReadTraceFile(const std::string& path) {
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return UsageError(bytes.status().message());
  absl::StatusOr<v1::TraceReport> trace = ParseTrace(*bytes);
  if (trace.ok()) return trace;
  const std::string name = path == "-" ? "standard input" : path;
  return WithExitCode(absl::InvalidArgumentError(
                          absl::StrCat(name, ": ", trace.status().message())),
                      kExitBadFile);
}

absl::StatusOr<v1::TraceReport> ReadClusterTrace(const GlobalOptions& options) {
  auto coordinator = Connect(options);
  if (!coordinator.ok()) return coordinator.status();
  const auto view = CollectView(*coordinator, {.trace = true});
  if (!view.ok()) return view.status();
  return TraceOf(*view);
}

v1::TraceReport TraceOf(const trace::MachineView& view) {
  v1::TraceReport trace;
  trace.mutable_events()->Assign(view.events.begin(), view.events.end());
  trace.set_overwritten(view.overwritten);
  *trace.mutable_machine() = MachineOf(view.cluster);
  for (std::string& problem : ProblemsOf(view)) {
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
