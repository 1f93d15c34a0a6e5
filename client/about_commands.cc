// belfry version, completion, logs.
#include <grpcpp/grpcpp.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "belfry/v1/report.pb.h"
#include "client/commands.h"
#include "client/completion.h"
#include "client/exit_code.h"
#include "client/files.h"
#include "client/state_dir.h"
#include "google/protobuf/stubs/common.h"
#include "rpc/version.h"

namespace belfry::client {
namespace {

// The log of the process that the user names in one way or another.
absl::StatusOr<v1::LocalCluster::Process> FindLog(
    const v1::LocalCluster& cluster, const std::string& name) {
  std::uint32_t cpu = 0;
  const std::string full = absl::SimpleAtoi(name, &cpu) ? CpuName(cpu) : name;
  const auto* process = FindProcess(cluster, full);
  if (process == nullptr) {
    return UsageError(absl::StrCat("no process ", name,
                                   ": name coordinator or "
                                   "a CPU below ",
                                   cluster.cpus()));
  }
  return *process;
}

void PrintLog(Output& out, const v1::LocalCluster::Process& process,
              const LogsOptions& options) {
  v1::LogReport report;
  report.set_process(process.name());
  report.set_path(process.log());
  if (out.format() == Format::kName) {
    out.Line(process.log());
    return;
  }
  for (std::string& line : LastLines(process.log(), options.lines)) {
    report.add_lines(std::move(line));
  }
  if (out.json()) {
    out.Json(report);
    return;
  }
  if (options.process.empty()) {
    out.Line(out.Painted(
        Style::kBold,
        absl::StrCat("==> ", process.name(), ": ", process.log(), " <==")));
  }
  for (const std::string& line : report.lines()) out.Line(line);
}

}  // namespace

ExitCode Run(Context& context, const VersionOptions&) {
  v1::VersionReport report;
  report.set_version(rpc::Version());
  report.set_revision(rpc::Revision());
  report.set_compiler("g++ " __VERSION__);
  report.set_grpc(grpc::Version());
  report.set_protobuf(
      google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION));
  if (context.out.json()) {
    context.out.Json(report);
  } else {
    context.out.Line(absl::StrCat("belfry ", report.version(), " (",
                                  report.revision(), "), ", report.compiler(),
                                  ", gRPC ", report.grpc(), ", protobuf ",
                                  report.protobuf()));
  }
  return kExitOk;
}

ExitCode Run(Context& context, const CompletionOptions& options) {
  context.out.Data(CompletionScript(options.shell, options.root));
  return kExitOk;
}

ExitCode Run(Context& context, const LogsOptions& options) {
  const StateDir dir(context.options.state_dir);
  const auto cluster = LoadCluster(dir);
  if (!cluster.ok()) return cluster.status();
  if (!cluster->has_value()) {
    return absl::NotFoundError(absl::StrCat("no cluster in ", dir.path(),
                                            "; what the last one left is in ",
                                            dir.log_dir()));
  }
  std::vector<std::string> names = {options.process};
  if (options.process.empty()) names = ProcessNames(**cluster);
  for (const std::string& name : names) {
    const auto process = FindLog(**cluster, name);
    if (!process.ok()) return process.status();
    PrintLog(context.out, *process, options);
  }
  return kExitOk;
}

}  // namespace belfry::client
