// belfry replay.
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
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
#include "lab/simulation.h"
#include "lab/simulation_file.h"
#include "lab/simulation_replay.h"
#include "trace/codec.h"
#include "trace/report_text.h"

namespace belfry::client {
namespace {

using File = std::variant<v1::Schedule, v1::Simulation>;

template <typename Message>
absl::StatusOr<File> AsFile(absl::StatusOr<Message> parsed) {
  if (parsed.ok()) return File(*std::move(parsed));
  return WithExitCode(parsed.status(), kExitBadFile);
}

// Its head says which it is; without one it is a schedule.
absl::StatusOr<File> LoadFile(const std::string& file) {
  const absl::StatusOr<std::string> text = ReadFile(file);
  if (!text.ok()) return UsageError(text.status().message());
  const std::string name = file == "-" ? "standard input" : file;
  return absl::StrContains(*text, v1::Simulation::descriptor()->full_name())
             ? AsFile(lab::ParseSimulation(*text, name))
             : AsFile(lab::ParseSchedule(*text, name));
}

// The machine that was explored: no call's doorbell travels alone there.
absl::StatusOr<v1::LocalCluster> MachineWith(const v1::Profile& profile,
                                             std::uint32_t cpus) {
  UpOptions up;
  up.cpus = static_cast<int>(cpus);
  up.profile = profile.name();
  // What the file leaves out is what it was in memory, not the preset's.
  const v1::Profile rules = trace::ToProto(*trace::FromProto(profile));
  for (const v1::Knob& knob : rules.knobs()) {
    up.set.push_back(absl::StrCat(knob.name(), "=", knob.value()));
  }
  up.gates = true;
  up.csd_lock_timeout = absl::Seconds(1);
  return MachineFromOptions(up);
}

absl::StatusOr<v1::LocalCluster> MachineOf(const v1::Schedule& schedule) {
  return MachineWith(schedule.profile(), schedule.scope().cpus());
}

absl::StatusOr<v1::LocalCluster> MachineOf(const v1::Simulation& simulation) {
  if (simulation.cpus() > lab::kBootedAtOnce) {
    return UsageError(absl::StrCat(
        "a simulation of ", simulation.cpus(),
        " CPUs is played with --on sim only; processes follow at most ",
        lab::kBootedAtOnce));
  }
  auto machine = MachineWith(simulation.profile(), simulation.cpus());
  if (machine.ok()) machine->set_split_doorbell(simulation.split_doorbell());
  return machine;
}

v1::ReplayReport InMemory(const v1::Schedule& schedule,
                          const lab::ReplayOptions& replay) {
  return lab::ReplayInMemory(schedule, replay);
}

v1::ReplayReport InMemory(const v1::Simulation& simulation,
                          const lab::ReplayOptions& replay) {
  return lab::ReplayInMemory(simulation, lab::Latencies::Measured(), replay);
}

v1::ReplayReport On(lab::Machine& machine, const v1::Schedule& schedule,
                    const lab::ReplayOptions& replay) {
  return lab::ReplayOn(machine, schedule, replay);
}

v1::ReplayReport On(lab::Machine& machine, const v1::Simulation& simulation,
                    const lab::ReplayOptions& replay) {
  return lab::ReplayOn(machine, simulation, lab::Latencies::Measured(), replay);
}

std::string DifferenceFromFile(const v1::ReplayReport& report) {
  return report.has_simulation() ? lab::DifferenceFromSimulation(report)
                                 : lab::DifferenceFromSchedule(report);
}

template <typename Played>
absl::StatusOr<v1::ReplayReport> ReplayOnProcesses(
    Context& context, const Played& played, bool keep,
    const lab::ReplayOptions& replay) {
  const absl::StatusOr<v1::LocalCluster> machine = MachineOf(played);
  if (!machine.ok()) return machine.status();
  const Interrupt interrupt;
  const Patience patience = PatienceOfRun(context.options, interrupt);
  auto cluster = TemporaryCluster::Start(
      *machine, keep ? Lifetime::kOwn : Lifetime::kOurs, patience,
      [&](absl::string_view text) { context.out.Progress(text); });
  if (!cluster.ok()) return cluster.status();
  Coordinator coordinator = (*cluster)->Connect();
  ProcessMachine processes(coordinator, patience, cluster->get());
  v1::ReplayReport report = On(processes, played, replay);
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
      out.Painted(
          Style::kBad,
          absl::StrCat("! the ",
                       report.has_simulation() ? "simulation" : "schedule",
                       " cannot be followed")),
      " under ", report.result().profile()));
}

// "12 of 14 moves of lost-ipi", "231 moves of seed 7".
std::string MovesText(const v1::ReplayReport& report) {
  if (report.has_simulation()) {
    return absl::StrCat(trace::CountText(report.moves_made(), "move"),
                        " of seed ", report.simulation().seed());
  }
  const v1::Schedule& schedule = report.schedule();
  return absl::StrCat(
      report.moves_made(), " of ",
      trace::CountText(static_cast<std::uint64_t>(schedule.moves_size()),
                       "move"),
      " of ", schedule.scenario());
}

void PrintReport(Output& out, const v1::ReplayReport& report,
                 const ShowOptions& show) {
  out.Line(absl::StrCat(
      "replayed  ", MovesText(report),
      report.on() == lab::kOnSim ? ", in memory" : ", on processes"));
  if (report.has_diverged()) return PrintDiverged(out, report);
  const std::string difference = DifferenceFromFile(report);
  PrintScenarioResult(out, report.result(), show, difference);
  if (!difference.empty()) {
    out.Line(out.Painted(Style::kBad, absl::StrCat("! ", difference)));
  } else if (report.has_simulation()) {
    out.Line("as the simulation says");
  } else if (report.result().verdict() == report.schedule().verdict()) {
    out.Line("as the schedule says");
  }
}

int ExitCodeOf(const v1::ReplayReport& report) {
  const bool diverged =
      report.has_diverged() || !DifferenceFromFile(report).empty();
  return diverged ? kExitDiverged
                  : ExitCodeOfVerdict(report.result().verdict());
}

}  // namespace

ExitCode Run(Context& context, const ReplayCommandOptions& options) {
  const bool in_memory = options.driver == lab::kOnSim;
  if (in_memory && options.keep) {
    return UsageError("--on sim starts no cluster that --keep could keep");
  }
  const absl::StatusOr<File> file = LoadFile(options.file);
  if (!file.ok()) return file.status();
  const absl::Time start = absl::Now();
  const lab::ReplayOptions replay = {
      .progress = [&](absl::string_view text) { context.out.Progress(text); },
      .picture = PictureOptionsOf(context.out)};
  absl::StatusOr<v1::ReplayReport> report = std::visit(
      [&](const auto& played) -> absl::StatusOr<v1::ReplayReport> {
        if (in_memory) return InMemory(played, replay);
        return ReplayOnProcesses(context, played, options.keep, replay);
      },
      *file);
  if (!report.ok()) return report.status();
  v1::ScenarioResult& result = *report->mutable_result();
  result.set_profile(std::visit(
      [](const auto& played) { return ProfileText(played.profile()); }, *file));
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
