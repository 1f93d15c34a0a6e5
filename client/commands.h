// A function for each verb: prints its answer and returns the exit code, or the
// error that ends the program.
#ifndef BELFRY_CLIENT_COMMANDS_H_
#define BELFRY_CLIENT_COMMANDS_H_

#include "absl/status/statusor.h"
#include "client/options.h"
#include "client/output.h"

namespace belfry::client {

struct Context {
  const GlobalOptions& options;
  Output& out;
};

using ExitCode = absl::StatusOr<int>;

// cluster_commands.cc
ExitCode Run(Context& context, const UpOptions& options);
ExitCode Run(Context& context, const DownOptions& options);
ExitCode Run(Context& context, const StatusOptions& options);
// health_command.cc
ExitCode Run(Context& context, const HealthOptions& options);
// about_commands.cc
ExitCode Run(Context& context, const VersionOptions& options);
ExitCode Run(Context& context, const CompletionOptions& options);
ExitCode Run(Context& context, const LogsOptions& options);
// cpu_commands.cc
ExitCode Run(Context& context, const CpuListOptions& options);
ExitCode Run(Context& context, const CpuShowOptions& options);
ExitCode Run(Context& context, const CpuFailOptions& options);
// hotplug_commands.cc
ExitCode Run(Context& context, const CpuChangeOptions& options);
ExitCode Run(Context& context, const CpuCycleOptions& options);
// call_commands.cc
ExitCode Run(Context& context, const CallOptions& options);
ExitCode Run(Context& context, const KickOptions& options);
ExitCode Run(Context& context, const StopTwoOptions& options);
ExitCode Run(Context& context, const CanaryOptions& options);
// load_commands.cc
ExitCode Run(Context& context, const LoadStartOptions& options);
ExitCode Run(Context& context, const LoadStopOptions& options);
ExitCode Run(Context& context, const LoadShowOptions& options);
// profile_commands.cc
ExitCode Run(Context& context, const ProfileListOptions& options);
ExitCode Run(Context& context, const ProfileShowOptions& options);
ExitCode Run(Context& context, const ProfileDiffOptions& options);
// operation_commands.cc
ExitCode Run(Context& context, const StopMachineOptions& options);
ExitCode Run(Context& context, const OpsListOptions& options);
ExitCode Run(Context& context, const OpsWaitOptions& options);
ExitCode Run(Context& context, const OpsCancelOptions& options);
// insight_commands.cc
ExitCode Run(Context& context, const PendingOptions& options);
ExitCode Run(Context& context, const DumpOptions& options);
ExitCode Run(Context& context, const ExplainOptions& options);
ExitCode Run(Context& context, const AuditOptions& options);
// trace_commands.cc
ExitCode Run(Context& context, const TraceShowOptions& options);
ExitCode Run(Context& context, const TraceConvertOptions& options);
ExitCode Run(Context& context, const TraceCheckOptions& options);
ExitCode Run(Context& context, const TraceStatOptions& options);
// trace_record_command.cc
ExitCode Run(Context& context, const TraceRecordOptions& options);
// analyze_command.cc
ExitCode Run(Context& context, const AnalyzeOptions& options);
// conform_command.cc
ExitCode Run(Context& context, const ConformOptions& options);
// report_command.cc
ExitCode Run(Context& context, const ReportOptions& options);
// scenario_commands.cc
ExitCode Run(Context& context, const ScenarioListOptions& options);
ExitCode Run(Context& context, const ScenarioShowOptions& options);
// scenario_run.cc
ExitCode Run(Context& context, const ScenarioRunOptions& options);
// explore_command.cc
ExitCode Run(Context& context, const ExploreCommandOptions& options);
ExitCode Run(Context& context, const SimulateCommandOptions& options);
// replay_command.cc
ExitCode Run(Context& context, const ReplayCommandOptions& options);
// top_command.cc
ExitCode Run(Context& context, const TopOptions& options);
// torture_command.cc
ExitCode Run(Context& context, const TortureOptions& options);
// chaos_command.cc
ExitCode Run(Context& context, const ChaosOptions& options);

// Any of them: prints the error as well, and returns the exit code.
int RunCommand(const GlobalOptions& options, const Command& command);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_COMMANDS_H_
