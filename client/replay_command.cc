// belfry replay.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "belfry/v1/report.pb.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/files.h"
#include "client/interrupt.h"
#include "client/process_machine.h"
#include "client/profile_choice.h"
#include "client/scenario_text.h"
#include "client/temporary_cluster.h"
#include "lab/replay.h"
#include "lab/schedule.h"
#include "trace/codec.h"
#include "trace/report_text.h"

namespace belfry::client {
namespace {

absl::StatusOr<v1::Schedule> LoadSchedule(const std::string& file) {
  const absl::StatusOr<std::string> text = ReadFile(file);
  if (!text.ok()) return UsageError(text.status().message());
  absl::StatusOr<v1::Schedule> schedule =
      lab::ParseSchedule(*text, file == "-" ? "standard input" : file);
  if (schedule.ok()) return schedule;
  return WithExitCode(schedule.status(), kExitBadFile);
}

// The machine that was explored: no call's doorbell travels alone there.
absl::StatusOr<v1::LocalCluster> MachineOf(const v1::Schedule& schedule) {
  UpOptions up;
  up.cpus = static_cast<int>(schedule.scope().cpus());
  up.profile = schedule.profile().name();
  // What the file leaves out is what it was in memory, not the preset's.
  const v1::Profile rules =
      trace::ToProto(*trace::FromProto(schedule.profile()));
  for (const v1::Knob& knob : rules.knobs()) {
    up.set.push_back(absl::StrCat(knob.name(), "=", knob.value()));
  }
  up.gates = true;
  up.csd_lock_timeout = absl::Seconds(1);
  return MachineFromOptions(up);
}

absl::StatusOr<v1::ReplayReport> ReplayOnProcesses(
    Context& context, const v1::Schedule& schedule, bool keep,
    const lab::ReplayOptions& replay) {
  const absl::StatusOr<v1::LocalCluster> machine = MachineOf(schedule);
  if (!machine.ok()) return machine.status();
  const Interrupt interrupt;
  const Patience patience = PatienceOfRun(context.options, interrupt);
  auto cluster = TemporaryCluster::Start(
      *machine, keep ? Lifetime::kOwn : Lifetime::kOurs, patience,
      [&](absl::string_view text) { context.out.Progress(text); });
  if (!cluster.ok()) return cluster.status();
  Coordinator coordinator = (*cluster)->Connect();
  ProcessMachine processes(coordinator, patience);
  v1::ReplayReport report = lab::ReplayOn(processes, schedule, replay);
  context.out.EndProgress();
  if (keep) context.out.Note((*cluster)->KeptText());
  const absl::Status interrupted = interrupt.Check();
  if (!interrupted.ok()) return interrupted;
  return report;
}

void PrintDiverged(Output& out, const v1::ReplayReport& report) {
  const v1::ReplayReport::Diverged& diverged = report.diverged();
  out.Line(absl::StrCat("move ", diverged.move(), ", \"", diverged.name(),
                        "\": ", diverged.why()));
  out.Line(diverged.standing().empty() ? "Nothing can come instead."
                                       : "What can come instead:");
  Table table({{"EVENT"}, {"AT"}, {"GATE"}});
  for (const v1::ReplayReport::Standing& standing : diverged.standing()) {
    table.Add({standing.event(), standing.process(),
               standing.gate().empty() ? "<none>" : standing.gate()});
  }
  if (!table.empty()) out.Print(table);
  out.Line(absl::StrCat(
      out.Painted(Style::kBad, "! the schedule cannot be followed"), " under ",
      report.result().profile()));
}

void PrintReport(Output& out, const v1::ReplayReport& report,
                 const ShowOptions& show) {
  const v1::Schedule& schedule = report.schedule();
  out.Line(absl::StrCat(
      "replayed  ", report.moves_made(), " of ",
      trace::CountText(static_cast<std::uint64_t>(schedule.moves_size()),
                       "move"),
      " of ", schedule.scenario(),
      report.on() == lab::kOnSim ? ", in memory" : ", on processes"));
  if (report.has_diverged()) return PrintDiverged(out, report);
  const std::string difference = lab::DifferenceFromSchedule(report);
  PrintScenarioResult(out, report.result(), show, difference);
  if (!difference.empty()) {
    out.Line(out.Painted(Style::kBad, absl::StrCat("! ", difference)));
  } else if (report.result().verdict() == schedule.verdict()) {
    out.Line("as the schedule says");
  }
}

int ExitCodeOf(const v1::ReplayReport& report) {
  const bool diverged =
      report.has_diverged() || !lab::DifferenceFromSchedule(report).empty();
  return diverged ? kExitDiverged
                  : ExitCodeOfVerdict(report.result().verdict());
}

}  // namespace

ExitCode Run(Context& context, const ReplayCommandOptions& options) {
  const bool in_memory = options.driver == lab::kOnSim;
  if (in_memory && options.keep) {
    return UsageError("--on sim starts no cluster that --keep could keep");
  }
  const absl::StatusOr<v1::Schedule> schedule = LoadSchedule(options.file);
  if (!schedule.ok()) return schedule.status();
  const absl::Time start = absl::Now();
  const lab::ReplayOptions replay = {
      .progress = [&](absl::string_view text) { context.out.Progress(text); },
      .picture = PictureOptionsOf(context.out)};
  absl::StatusOr<v1::ReplayReport> report =
      in_memory ? lab::ReplayInMemory(*schedule, replay)
                : ReplayOnProcesses(context, *schedule, options.keep, replay);
  if (!report.ok()) return report.status();
  v1::ScenarioResult& result = *report->mutable_result();
  result.set_profile(ProfileText(schedule->profile()));
  result.set_duration_s(absl::ToDoubleSeconds(absl::Now() - start));
  const int exit_code = ExitCodeOf(*report);
  if (context.out.json()) {
    if (!options.show.picture) result.clear_picture();
    context.out.Json(*report);
  } else if (context.out.format() == Format::kName) {
    context.out.Line(result.verdict());
  } else {
    PrintReport(context.out, *report, options.show);
  }
  return exit_code;
}

}  // namespace belfry::client
