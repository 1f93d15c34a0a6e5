// Traces as the command line is given them: a file, standard input, or the
// running cluster.
#ifndef BELFRY_CLIENT_TRACE_INPUT_H_
#define BELFRY_CLIENT_TRACE_INPUT_H_

#include <string>

#include "absl/status/statusor.h"
#include "belfry/v1/coordinator.pb.h"
#include "belfry/v1/report.pb.h"
#include "client/options.h"
#include "client/output.h"
#include "trace/machine_view.h"

namespace belfry::client {

// "-" is standard input. Wrong usage when it cannot be read, and kExitBadFile
// when it is no trace; either with the file's name.
absl::StatusOr<v1::TraceReport> ReadTraceFile(const std::string& path);

// What the rings of the running cluster hold.
absl::StatusOr<v1::TraceReport> ReadClusterTrace(const GlobalOptions& options);

// What a view holds of it.
v1::TraceReport TraceOf(const trace::MachineView& view);

v1::TraceMachine MachineOf(const v1::Cluster& cluster);

// One line each, on standard error.
void TellProblems(Output& out, const v1::TraceReport& trace);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_TRACE_INPUT_H_
