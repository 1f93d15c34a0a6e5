// belfry torture.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/commands.h"
#include "client/coordinator.h"
#include "client/duration.h"
#include "client/exit_code.h"
#include "client/interrupt.h"
#include "client/temporary_cluster.h"
#include "client/torture.h"
#include "client/torture_text.h"

namespace belfry::client {
namespace {

constexpr absl::Duration kStartTimeout = absl::Seconds(60);

int ExitCodeOfReport(const v1::TortureReport& report) {
  if (report.hang()) return kExitHang;
  if (report.verdict() == "FAILURE") return kExitViolated;
  return report.verdict() == "SUCCESS" ? kExitOk : kExitFailed;
}

ExitCode RunOn(Context& context, const TortureOptions& options,
               Coordinator& coordinator, TemporaryCluster* cluster,
               const Interrupt& interrupt) {
  Torture torture(
      options,
      {.coordinator = coordinator,
       .cluster = cluster,
       .interrupt = interrupt,
       .on_statistics =
           [&](const v1::TortureReport& report) {
             context.out.EndProgress();
             if (context.out.table()) {
               context.out.Line(StatisticsLine(report, /*last=*/false));
             }
           },
       .on_progress =
           [&](const v1::TortureReport& report, const std::string& doing) {
             context.out.Progress(
                 TortureProgressText(report, options.duration, doing));
           }});
  const absl::StatusOr<v1::TortureReport> report = torture.Run();
  context.out.EndProgress();
  if (!report.ok()) return report.status();
  if (context.out.json()) {
    context.out.Json(*report);
  } else {
    PrintTorture(context.out, *report);
  }
  const absl::Status interrupted = interrupt.Check();
  if (!interrupted.ok() && report->failure().empty()) return interrupted;
  return ExitCodeOfReport(*report);
}

}  // namespace

ExitCode Run(Context& context, const TortureOptions& options) {
  const Interrupt interrupt;
  if (!context.options.coordinator.empty()) {
    if (options.kill_interval > absl::ZeroDuration()) {
      return UsageError(
          "--kill-interval is for a cluster of our own, not for --coordinator");
    }
    auto coordinator = Connect(context.options);
    if (!coordinator.ok()) return coordinator.status();
    return RunOn(context, options, *coordinator, nullptr, interrupt);
  }
  const absl::StatusOr<v1::LocalCluster> machine =
      MachineFromOptions(options.machine);
  if (!machine.ok()) return machine.status();
  const Patience patience{absl::Now() + kStartTimeout, &interrupt};
  auto cluster = TemporaryCluster::Start(
      *machine, options.keep ? Lifetime::kOwn : Lifetime::kOurs, patience,
      [&](absl::string_view text) { context.out.Progress(text); });
  if (!cluster.ok()) return cluster.status();
  Coordinator coordinator = (*cluster)->Connect();
  ExitCode exit_code =
      RunOn(context, options, coordinator, cluster->get(), interrupt);
  if (options.keep) context.out.Note((*cluster)->KeptText());
  return exit_code;
}

}  // namespace belfry::client
