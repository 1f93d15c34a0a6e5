// belfry explore.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "belfry/v1/report.pb.h"
#include "client/commands.h"
#include "client/duration.h"
#include "client/exit_code.h"
#include "client/explore.h"
#include "client/interrupt.h"
#include "client/profile_choice.h"
#include "client/scenario_file.h"
#include "client/scenario_text.h"
#include "kernel/cpumask.h"
#include "lab/explorer.h"
#include "lab/runner.h"
#include "lab/sampler.h"
#include "lab/schedule.h"
#include "rpc/files.h"
#include "trace/codec.h"
#include "trace/picture.h"
#include "trace/report_text.h"

namespace belfry::client {
namespace {

using Verdict = lab::ExploreResult::Verdict;

constexpr std::size_t kMebi = 1 << 20;
constexpr std::size_t kUsualMemory = 4096 * kMebi;

absl::string_view VerdictName(const lab::ExploreResult& result) {
  if (result.verdict == Verdict::kHangs) return lab::kHang;
  if (result.verdict == Verdict::kBroken) return lab::kViolated;
  return result.cut.empty() ? lab::kHolds : lab::kInconclusive;
}

// What was explored, for it is a part of what the verdict means.
std::string ScopeText(const v1::ExploreReport& report) {
  const v1::ExploreScope& scope = report.scope();
  return absl::StrCat(
      trace::CountText(scope.cpus(), "CPU"), ", CPU ", scope.victim(),
      " offline and online ", scope.cycles() == 1 ? "once" : "",
      scope.cycles() == 1 ? "" : trace::CountText(scope.cycles(), "time"), ", ",
      trace::CountText(scope.async_calls(), "interrupt"),
      " of each other CPU, ",
      report.doorbells() == lab::kPromptDoorbells ? "doorbells prompt"
                                                  : "doorbells of any delay",
      ", faults: ", report.faults());
}

std::string CountsText(const v1::ExploreReport& report) {
  if (report.schedules() > 0) {
    return absl::StrCat(trace::CountText(report.schedules(), "schedule"),
                        " by chance (", report.scheduler(), "), ",
                        report.transitions(), " transitions");
  }
  const std::string up_to =
      report.exchanged().empty()
          ? ""
          : absl::StrCat(" (CPUs ", report.exchanged(), " exchanged)");
  return absl::StrCat(report.states(), " states", up_to, ", ",
                      report.transitions(), " transitions, ", report.depth(),
                      " deep; ",
                      static_cast<std::uint64_t>(report.states_per_s()),
                      " states/s, ", report.memory_bytes() / kMebi, " MiB");
}

void PrintSchedule(Output& out, const v1::Schedule& schedule) {
  const bool decided = schedule.has_point_of_no_return();
  const auto point = static_cast<int>(schedule.point_of_no_return());
  for (int i = 0; i < schedule.moves_size(); ++i) {
    std::string line = absl::StrCat("  ", i + 1, ". ", schedule.moves(i));
    if (decided && i + 1 == point) {
      line = out.Painted(
          Style::kBad,
          absl::StrCat(line, "   ! from here on nothing ends the wait"));
    }
    out.Line(line);
  }
  if (decided && point == 0) out.Line("  nothing ends the wait from the start");
  if (!decided && schedule.verdict() == lab::kHang) {
    out.Line("  a call that has not been made could still end the wait");
  }
}

void PrintReport(Output& out, const v1::ExploreReport& report, bool moves) {
  out.Line(absl::StrCat("explored  ", ScopeText(report)));
  out.Line(absl::StrCat("          ", CountsText(report)));
  if (!report.picture().empty()) {
    out.Line("");
    out.Data(report.picture());
  }
  const v1::Schedule& schedule = report.schedule();
  if (schedule.moves_size() > 0) {
    out.Line("");
    out.Line(absl::StrCat("schedule  ", schedule.moves_size(), " moves",
                          report.schedule_file().empty()
                              ? ""
                              : ", in " + report.schedule_file()));
    if (moves) PrintSchedule(out, schedule);
    if (!moves && schedule.point_of_no_return() > 0) {
      const auto point = static_cast<int>(schedule.point_of_no_return());
      out.Line(absl::StrCat("          move ", point, ", \"",
                            schedule.moves(point - 1),
                            "\", is the point of no return"));
    }
  }
  for (const std::string& finding : report.findings()) {
    out.Line(absl::StrCat("finding   ", finding));
  }
  const bool good = report.verdict() == lab::kHolds;
  std::string line = out.Painted(
      good                                              ? Style::kGood
      : report.exhausted() || schedule.moves_size() > 0 ? Style::kBad
                                                        : Style::kWarn,
      absl::StrCat("verdict   ", good ? "" : "! ",
                   absl::AsciiStrToUpper(report.verdict())));
  absl::StrAppend(&line, " under ", report.profile());
  if (good) absl::StrAppend(&line, ": exhausted, nothing found");
  if (report.upper_bound() > 0) {
    absl::StrAppend(
        &line,
        absl::StrFormat(": 0 in %d schedules: below %.1g per schedule at 95 %%",
                        report.schedules(), report.upper_bound()));
  } else if (!report.cut_short().empty()) {
    absl::StrAppend(&line, ": cut short ", report.cut_short(),
                    "; nothing found until then");
  }
  if (report.bit_state() && schedule.moves_size() == 0) {
    absl::StrAppend(
        &line, absl::StrFormat("; about %.6g %% of the states were seen, and "
                               "the chance that one was missed is %.1g",
                               100 * report.coverage(), report.miss_chance()));
  }
  if (!report.violated().empty()) {
    absl::StrAppend(&line, ", violates ",
                    absl::StrJoin(report.violated(), ", "));
  }
  out.Line(absl::StrCat(line, " (",
                        DurationText(absl::Seconds(report.duration_s())), ")"));
  if (report.expected().empty()) return;
  const bool as_expected = report.expected() == report.verdict();
  out.Line(as_expected
               ? "as the scenario expects of this profile"
               : out.Painted(Style::kBad,
                             absl::StrCat("! verdict is ", report.verdict(),
                                          ", expected ", report.expected())));
}

// Plays the schedule in memory: it must end as the search said.
absl::Status AddPlayed(const Output& out, v1::ExploreReport* report) {
  v1::Schedule& schedule = *report->mutable_schedule();
  const absl::StatusOr<lab::Played> played = lab::Play(schedule);
  if (!played.ok()) return played.status();
  if (schedule.verdict() == lab::kHang && !played->hangs) {
    return absl::InternalError("the schedule does not end in the hang");
  }
  schedule.mutable_violated()->Assign(played->violated.begin(),
                                      played->violated.end());
  *report->mutable_violated() = schedule.violated();
  report->set_picture(trace::DrawPicture(
      played->events, schedule.scope().cpus(), PictureOptionsOf(out)));
  return absl::OkStatus();
}

std::string FaultsText(const v1::ExploreScope& scope) {
  std::vector<std::string> faults;
  if (scope.drops() > 0) {
    faults.push_back(trace::CountText(scope.drops(), "dropped doorbell"));
  }
  if (scope.kills() > 0) {
    faults.push_back(trace::CountText(scope.kills(), "process kill"));
  }
  return faults.empty() ? "none" : absl::StrJoin(faults, ", ");
}

v1::ExploreReport MakeReport(const v1::Scenario& scenario,
                             const v1::ExploreScope& scope,
                             const ExploreCommandOptions& options,
                             const lab::ExploreOptions& search,
                             const lab::ExploreResult& result,
                             absl::Duration duration) {
  v1::ExploreReport report;
  report.set_scenario(scenario.name());
  report.set_profile(ProfileText(trace::ToProto(search.profile)));
  report.set_verdict(std::string(VerdictName(result)));
  report.set_exhausted(report.verdict() == lab::kHolds);
  report.set_cut_short(result.cut);
  *report.mutable_scope() = scope;
  report.set_doorbells(options.doorbells);
  report.set_faults(FaultsText(scope));
  for (const kernel::Violation& violation : result.violations) {
    report.add_findings(absl::StrCat(
        violation.cpu ? absl::StrCat("cpu ", violation.cpu->value, ": ") : "",
        violation.what));
  }
  if (!result.schedule.empty()) {
    *report.mutable_schedule() =
        lab::MakeSchedule(scenario.name(), search, result);
  }
  report.set_exchanged(kernel::FormatCpuList(result.exchanged));
  report.set_states(result.last.states);
  report.set_transitions(result.last.transitions);
  report.set_depth(result.last.depth);
  const double seconds = absl::ToDoubleSeconds(duration);
  report.set_duration_s(seconds);
  report.set_states_per_s(
      seconds > 0 ? static_cast<double>(result.last.states) / seconds : 0);
  report.set_memory_bytes(result.last.bytes);
  report.set_bit_state(search.bit_state);
  const auto seen = static_cast<double>(result.last.states);
  if (search.bit_state) {
    report.set_coverage(seen / (seen + result.expected_misses));
    report.set_miss_chance(-std::expm1(-result.expected_misses));
  }
  return report;
}

// Plays the schedule of a report that has one, and writes it where that is
// asked for.
absl::Status KeepSchedule(const Output& out, const std::string& file,
                          v1::ExploreReport* report) {
  if (!report->has_schedule()) return absl::OkStatus();
  const absl::Status played = AddPlayed(out, report);
  if (!played.ok() || file.empty()) return played;
  report->set_schedule_file(file);
  return rpc::WriteFileAtomically(file,
                                  lab::FormatSchedule(report->schedule()));
}

absl::StatusOr<v1::ExploreReport> SampleSchedules(
    Context& context, const v1::Scenario& scenario,
    const v1::ExploreScope& scope, const ExploreCommandOptions& options,
    const lab::ExploreOptions& search) {
  if (scope.drops() > 0 || scope.kills() > 0 || search.until_any ||
      search.bit_state) {
    return UsageError(
        "--schedules draws orders, and looks for a hang: it goes without "
        "--drops, --kills, --bitstate and --until any");
  }
  Interrupt interrupt;
  const absl::Time start = absl::Now();
  const lab::SampleResult sampled = lab::Sample(
      {.profile = search.profile,
       .scope = search.scope,
       .scheduler = options.scheduler == "pct" ? lab::Scheduler::kPct
                                               : lab::Scheduler::kUniform,
       .depth = options.depth,
       .schedules = options.schedules,
       .seed = options.seed,
       .progress = [&](std::uint64_t schedules) {
         context.out.Progress(
             absl::StrCat(schedules, " of ", options.schedules, " schedules"));
         return !interrupt.requested();
       }});
  context.out.EndProgress();
  if (interrupt.requested()) return interrupt.Check();
  const bool hangs = !sampled.schedule.empty();
  const lab::ExploreResult result{
      .verdict = hangs ? Verdict::kHangs : Verdict::kNothing,
      .cut = hangs ? "" : "by the number of schedules",
      .last = {.transitions = sampled.moves},
      .schedule = sampled.schedule,
      .violations = sampled.violations};
  v1::ExploreReport report =
      MakeReport(scenario, scope, options, search, result, absl::Now() - start);
  report.set_scheduler(options.scheduler);
  report.set_schedules(sampled.schedules);
  if (!hangs) report.set_upper_bound(lab::UpperBound(sampled.schedules));
  const absl::Status kept = KeepSchedule(context.out, options.out, &report);
  if (!kept.ok()) return kept;
  return report;
}

std::size_t MemoryOfThisMachine() {
  return static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// What cannot be is said before the search begins.
absl::Status CheckMemory(const lab::ExploreOptions& search) {
  if (search.max_bytes > MemoryOfThisMachine()) {
    return UsageError(absl::StrCat("--memory is ", search.max_bytes / kMebi,
                                   " MiB; this machine has ",
                                   MemoryOfThisMachine() / kMebi));
  }
  const absl::Status fits = lab::CheckFits(search);
  return fits.ok() ? fits : UsageError(fits.message());
}

}  // namespace

absl::StatusOr<v1::ExploreReport> ExploreScenario(
    Context& context, const v1::Scenario& scenario,
    const ExploreCommandOptions& options) {
  if (!scenario.has_explore()) {
    return UsageError(absl::StrCat(
        "scenario ", scenario.name(),
        " has no bounds to explore: it needs explore { cpus: 3 victim: 2 "
        "async_calls: 2 cycles: 1 }, or the like"));
  }
  const absl::StatusOr<kernel::Profile> profile =
      ChooseProfile(options.profile, options.set);
  if (!profile.ok()) return profile.status();
  v1::ExploreScope scope = scenario.explore();
  if (options.drops) scope.set_drops(*options.drops);
  if (options.kills) scope.set_kills(*options.kills);
  if (options.async_calls) scope.set_async_calls(*options.async_calls);
  if (options.cpus) scope.set_cpus(*options.cpus);
  if (options.cycles) scope.set_cycles(*options.cycles);
  const absl::Status bounds = lab::CheckScope(scope);
  if (!bounds.ok()) return UsageError(bounds.message());
  Interrupt interrupt;
  lab::ExploreOptions search{
      .profile = *profile,
      .scope = lab::ScopeOf(scope, options.doorbells),
      .until_any = options.until == "any",
      .max_states = options.states,
      .max_bytes = options.memory_mib != 0
                       ? options.memory_mib * kMebi
                       : std::min(kUsualMemory, MemoryOfThisMachine()),
      .bit_state = options.bit_state,
      .threads = options.threads != 0
                     ? options.threads
                     : std::max(1U, std::thread::hardware_concurrency())};
  if (options.schedules > 0) {
    return SampleSchedules(context, scenario, scope, options, search);
  }
  const absl::Status memory = CheckMemory(search);
  if (!memory.ok()) return memory;
  search.progress = [&](const lab::ExploreProgress& progress) {
    context.out.Progress(absl::StrCat(progress.states, " states, ",
                                      progress.depth, " deep, ",
                                      progress.bytes / kMebi, " MiB"));
    return !interrupt.requested();
  };
  const absl::Time start = absl::Now();
  const lab::ExploreResult result = lab::Explore(search);
  context.out.EndProgress();
  if (interrupt.requested()) return interrupt.Check();
  v1::ExploreReport report =
      MakeReport(scenario, scope, options, search, result, absl::Now() - start);
  const absl::Status kept = KeepSchedule(context.out, options.out, &report);
  if (!kept.ok()) return kept;
  return report;
}

void ShowExploreReport(Context& context, const v1::ExploreReport& report,
                       const ExploreCommandOptions& options) {
  if (context.out.json()) {
    context.out.Json(report);
  } else if (context.out.format() == Format::kName) {
    context.out.Line(report.verdict());
  } else {
    PrintReport(context.out, report, options.moves);
  }
}

ExitCode Run(Context& context, const ExploreCommandOptions& options) {
  const absl::StatusOr<v1::Scenario> scenario = LoadScenario(options.scenario);
  if (!scenario.ok()) return scenario.status();
  const absl::StatusOr<v1::ExploreReport> report =
      ExploreScenario(context, *scenario, options);
  if (!report.ok()) return report.status();
  ShowExploreReport(context, *report, options);
  return ExitCodeOfVerdict(report->verdict());
}

}  // namespace belfry::client
