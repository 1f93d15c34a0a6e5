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

void PrintLogs(Output& out, const v1::LogReport& report) {
  for (const v1::LogReport::Process& log : report.processes()) {
    if (out.format() == Format::kName) {
      out.Line(log.path());
      continue;
    }
    if (report.processes_size() > 1) {
      out.Line(out.Painted(
          Style::kBold,
          absl::StrCat("==> ", log.process(), ": ", log.path(), " <==")));
    }
    for (const std::string& line : log.lines()) out.Line(line);
  }
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
  v1::LogReport report;
  for (const std::string& name : names) {
    const auto process = FindLog(**cluster, name);
    if (!process.ok()) return process.status();
    v1::LogReport::Process& log = *report.add_processes();
    log.set_process(process->name());
    log.set_path(process->log());
    for (std::string& line : LastLines(process->log(), options.lines)) {
      log.add_lines(std::move(line));
    }
  }
  if (context.out.json()) {
    context.out.Json(report);
  } else {
    PrintLogs(context.out, report);
  }
  return kExitOk;
}

}  // namespace belfry::client
