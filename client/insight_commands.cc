// belfry pending, dump, explain, audit: each collects all that the
// processes know, and prints what trace/ makes of it.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "belfry/v1/report.pb.h"
#include "client/collect.h"
#include "client/commands.h"
#include "client/coordinator.h"
#include "client/cpu_text.h"
#include "client/dump_text.h"
#include "client/exit_code.h"
#include "client/insight_text.h"
#include "trace/audit.h"
#include "trace/dump.h"
#include "trace/explain.h"
#include "trace/pending.h"

namespace belfry::client {
namespace {

absl::StatusOr<trace::MachineView> Collect(const GlobalOptions& options,
                                           bool with_trace) {
  auto coordinator = Connect(options);
  if (!coordinator.ok()) return coordinator.status();
  return CollectView(*coordinator, {.trace = with_trace});
}

void TellProblems(Output& out, const trace::MachineView& view) {
  for (const std::string& problem : ProblemsOf(view)) out.Error(problem);
}

}  // namespace

ExitCode Run(Context& context, const PendingOptions&) {
  const auto view = Collect(context.options, /*with_trace=*/false);
  if (!view.ok()) return view.status();
  const v1::PendingReport report = trace::MakePendingReport(*view);
  if (context.out.json()) {
    context.out.Json(report);
  } else {
    PrintPending(context.out, report);
  }
  TellProblems(context.out, *view);
  return kExitOk;
}

ExitCode Run(Context& context, const DumpOptions& options) {
  const auto view = Collect(context.options, /*with_trace=*/false);
  if (!view.ok()) return view.status();
  const auto selected = SelectCpus(view->cluster, options.cpus);
  if (!selected.ok()) return selected.status();
  v1::DumpReport report = trace::MakeDumpReport(*view);
  auto* cpus = report.mutable_cpus();
  cpus->erase(std::remove_if(cpus->begin(), cpus->end(),
                             [&](const v1::DumpReport::Cpu& cpu) {
                               return std::none_of(
                                   selected->begin(), selected->end(),
                                   [&](const v1::CpuInfo& info) {
                                     return info.cpu() == cpu.info().cpu();
                                   });
                             }),
              cpus->end());
  if (context.out.json()) {
    context.out.Json(report);
    return kExitOk;
  }
  for (const v1::DumpReport::Cpu& cpu : report.cpus()) {
    context.out.Data(CpuDumpText(cpu, context.out));
  }
  return kExitOk;
}

ExitCode Run(Context& context, const ExplainOptions&) {
  const auto view = Collect(context.options, /*with_trace=*/true);
  if (!view.ok()) return view.status();
  const v1::ExplainReport report = trace::Explain(*view);
  if (context.out.json()) {
    context.out.Json(report);
  } else {
    context.out.Data(ExplanationText(report, context.out));
  }
  TellProblems(context.out, *view);
  return kExitOk;
}

ExitCode Run(Context& context, const AuditOptions&) {
  const auto view = Collect(context.options, /*with_trace=*/true);
  if (!view.ok()) return view.status();
  const v1::AuditReport report = trace::MakeAuditReport(*view);
  if (context.out.json()) {
    context.out.Json(report);
  } else {
    PrintAudit(context.out, report);
  }
  TellProblems(context.out, *view);
  if (report.clean()) return kExitOk;
  return IsViolated(report) ? kExitViolated : kExitInconclusive;
}

}  // namespace belfry::client
