// belfry scenario run.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "belfry/v1/report.pb.h"
#include "client/commands.h"
#include "client/coordinator.h"
#include "client/exit_code.h"
#include "client/explore.h"
#include "client/interrupt.h"
#include "client/process_machine.h"
#include "client/profile_choice.h"
#include "client/scenario_file.h"
#include "client/scenario_text.h"
#include "client/temporary_cluster.h"
#include "lab/runner.h"
#include "lab/scenario.h"
#include "lab/schedule.h"
#include "lab/world_machine.h"
#include "rpc/codec.h"
#include "trace/report_text.h"

namespace belfry::client {
namespace {

constexpr int kDefaultCsdLockTimeoutMs = 1000;

// The machine that the scenario asks for, under the profile that the user does.
absl::StatusOr<v1::LocalCluster> MachineOf(const v1::Scenario& scenario,
                                           const ScenarioRunOptions& options) {
  UpOptions up;
  up.cpus = static_cast<int>(scenario.machine().cpus());
  up.profile = options.profile;
  up.set = options.set;
  up.split_doorbell = scenario.machine().split_doorbell();
  up.gates = true;
  const std::uint32_t timeout = scenario.machine().csd_lock_timeout_ms();
  up.csd_lock_timeout =
      absl::Milliseconds(timeout > 0 ? timeout : kDefaultCsdLockTimeoutMs);
  return MachineFromOptions(up);
}

// Plays one scenario, once or often.
class Player {
 public:
  Player(Context& context, const v1::Scenario& scenario,
         const ScenarioRunOptions& options)
      : context_(context), scenario_(scenario), options_(options) {}

  absl::StatusOr<v1::ScenarioResult> PlayOnOwnCluster() {
    const absl::Time start = absl::Now();
    const absl::StatusOr<v1::LocalCluster> machine =
        MachineOf(scenario_, options_);
    if (!machine.ok()) return machine.status();
    const Patience patience = PatienceOfRun(context_.options, interrupt_);
    auto cluster = TemporaryCluster::Start(
        *machine, options_.keep ? Lifetime::kOwn : Lifetime::kOurs, patience,
        [this](absl::string_view text) {
          // Of many runs, their number says enough.
          if (options_.count == 1) context_.out.Progress(text);
        });
    if (!cluster.ok()) return cluster.status();
    Coordinator coordinator = (*cluster)->Connect();
    auto result =
        Play(coordinator, patience, ProfileText(machine->profile()), start);
    if (options_.keep) context_.out.Note((*cluster)->KeptText());
    return result;
  }

  absl::StatusOr<v1::ScenarioResult> PlayOnRunningCluster() {
    const absl::Time start = absl::Now();
    auto coordinator = Connect(context_.options);
    if (!coordinator.ok()) return coordinator.status();
    const auto cluster = coordinator->GetCluster();
    if (!cluster.ok()) return cluster.status();
    absl::Status fits = CheckProfile(*cluster);
    if (fits.ok()) fits = CheckFits(*cluster);
    if (!fits.ok()) return fits;
    return Play(*coordinator, PatienceOfRun(context_.options, interrupt_),
                ProfileText(cluster->profile()), start);
  }

  // `run`, from 0, is a part of the seed: many runs are many orders.
  absl::StatusOr<v1::ScenarioResult> PlayInMemory(std::uint32_t run) {
    const absl::Time start = absl::Now();
    const absl::StatusOr<kernel::Profile> profile =
        ChooseProfile(options_.profile, options_.set);
    if (!profile.ok()) return profile.status();
    lab::WorldMachine machine(*profile, scenario_.machine(),
                              options_.seed + run);
    return Play(machine, ProfileText(rpc::ToProto(*profile)), start);
  }

  absl::StatusOr<v1::ScenarioResult> PlayOnce(std::uint32_t run) {
    if (options_.driver == kDriverSim) return PlayInMemory(run);
    return options_.attach ? PlayOnRunningCluster() : PlayOnOwnCluster();
  }

  const Interrupt& interrupt() const { return interrupt_; }

 private:
  absl::StatusOr<v1::ScenarioResult> Play(Coordinator& coordinator,
                                          const Patience& patience,
                                          const std::string& profile,
                                          absl::Time start) {
    ProcessMachine machine(coordinator, patience);
    return Play(machine, profile, start);
  }

  absl::StatusOr<v1::ScenarioResult> Play(lab::Machine& machine,
                                          const std::string& profile,
                                          absl::Time start) {
    lab::RunOptions run;
    run.profile = profile;
    run.picture = PictureOptionsOf(context_.out);
    if (context_.out.table() && options_.count == 1) {
      Output& out = context_.out;
      out.Line(out.Painted(Style::kBold, absl::StrCat(scenario_.name(), ": ",
                                                      scenario_.title())));
      run.progress = [&out](absl::string_view line) {
        out.Line(absl::StrCat("  ", line));
      };
    }
    v1::ScenarioResult result = lab::RunScenario(scenario_, machine, run);
    const absl::Status interrupted = interrupt_.Check();
    if (!interrupted.ok()) return interrupted;
    result.set_duration_s(absl::ToDoubleSeconds(absl::Now() - start));
    return result;
  }

  // Rules that were asked for must be those that it plays by.
  absl::Status CheckProfile(const v1::Cluster& cluster) const {
    if (!options_.profile_given && options_.set.empty()) {
      return absl::OkStatus();
    }
    const auto wanted = ChooseProfile(
        options_.profile_given ? options_.profile : cluster.profile().name(),
        options_.set);
    if (!wanted.ok()) return wanted.status();
    const std::string running = ProfileText(cluster.profile());
    if (ProfileText(rpc::ToProto(*wanted)) == running) return absl::OkStatus();
    return UsageError(absl::StrCat(
        "the running cluster has profile ", running,
        ": leave --profile and --set out, or run without --attach"));
  }

  absl::Status CheckFits(const v1::Cluster& cluster) const {
    if (!cluster.gates()) {
      return absl::FailedPreconditionError(
          "the running cluster has no gates; run: belfry down; belfry up "
          "--gates --detach");
    }
    if (cluster.split_doorbell() != scenario_.machine().split_doorbell()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the scenario needs --doorbell ",
          scenario_.machine().split_doorbell() ? "split" : "fused"));
    }
    for (std::uint32_t cpu = 0; cpu < scenario_.machine().cpus(); ++cpu) {
      const auto info = FindCpuInfo(cluster, cpu);
      if (!info.ok()) return info.status();
      if (info->state() != v1::CPU_STATE_ONLINE) {
        return absl::FailedPreconditionError(
            absl::StrCat("the scenario needs cpu ", cpu,
                         " online; run: belfry cpu online ", cpu));
      }
    }
    return absl::OkStatus();
  }

  Context& context_;
  const v1::Scenario& scenario_;
  const ScenarioRunOptions& options_;
  Interrupt interrupt_;
};

int ExitCodeFor(const ScenarioRunOptions& options, const std::string& verdict) {
  if (options.expect.empty()) return ExitCodeOfVerdict(verdict);
  return verdict == options.expect ? kExitOk : kExitFailed;
}

ExitCode RunOnce(Context& context, const v1::Scenario& scenario,
                 const ScenarioRunOptions& options) {
  Player player(context, scenario, options);
  absl::StatusOr<v1::ScenarioResult> result = player.PlayOnce(0);
  if (!result.ok()) return result.status();
  if (context.out.json()) {
    if (!options.show.picture) result->clear_picture();
    context.out.Json(*result);
  } else if (context.out.format() == Format::kName) {
    context.out.Line(result->verdict());
  } else {
    PrintScenarioResult(context.out, *result, options.show,
                        lab::DifferenceFromExpected(scenario, *result));
  }
  return ExitCodeFor(options, result->verdict());
}

void AddRun(const v1::Scenario& scenario, v1::ScenarioResult result,
            v1::ScenarioSummary* summary) {
  const bool unexpected =
      !lab::DifferenceFromExpected(scenario, result).empty();
  const bool first_unexpected = unexpected && summary->unexpected() == 0;
  summary->set_runs(summary->runs() + 1);
  summary->set_profile(result.profile());
  ++(*summary->mutable_verdicts())[result.verdict()];
  if (unexpected) summary->set_unexpected(summary->unexpected() + 1);
  if (first_unexpected || summary->unexpected() == 0) {
    *summary->mutable_shown() = std::move(result);
  }
}

ExitCode RunOften(Context& context, const v1::Scenario& scenario,
                  const ScenarioRunOptions& options) {
  v1::ScenarioSummary summary;
  summary.set_scenario(scenario.name());
  const absl::Time start = absl::Now();
  Player player(context, scenario, options);
  int exit_code = kExitOk;
  for (std::uint32_t run = 0; run < options.count; ++run) {
    context.out.Progress(absl::StrCat("run ", run + 1, " of ", options.count));
    absl::StatusOr<v1::ScenarioResult> result = player.PlayOnce(run);
    if (!result.ok()) return result.status();
    // The worst verdict of all decides: their codes rise with it.
    exit_code = std::max(exit_code, ExitCodeFor(options, result->verdict()));
    AddRun(scenario, *std::move(result), &summary);
  }
  summary.set_duration_s(absl::ToDoubleSeconds(absl::Now() - start));
  if (context.out.json()) {
    if (!options.show.picture) summary.mutable_shown()->clear_picture();
    context.out.Json(summary);
  } else {
    const std::string difference =
        lab::DifferenceFromExpected(scenario, summary.shown());
    if (!difference.empty()) {
      PrintScenarioResult(context.out, summary.shown(), options.show,
                          difference);
    }
    PrintScenarioSummary(context.out, summary);
  }
  return exit_code;
}

// The same machine and rules, every interleaving of them. Where a frame carries
// its ring, doorbells are prompt, as on processes.
ExitCode Explore(Context& context, const v1::Scenario& scenario,
                 const ScenarioRunOptions& options) {
  ExploreCommandOptions explore;
  explore.scenario = options.scenario;
  explore.profile = options.profile;
  explore.set = options.set;
  explore.doorbells =
      std::string(scenario.machine().split_doorbell() ? lab::kLateDoorbells
                                                      : lab::kPromptDoorbells);
  const absl::StatusOr<kernel::Profile> profile =
      ChooseProfile(options.profile, options.set);
  if (!profile.ok()) return profile.status();
  const std::string expected =
      lab::ExpectedOfExploring(scenario, ProfileText(rpc::ToProto(*profile)));
  if (expected == lab::kViolated) explore.until = "any";
  absl::StatusOr<v1::ExploreReport> report =
      ExploreScenario(context, scenario, explore);
  if (!report.ok()) return report.status();
  report->set_expected(expected);
  ShowExploreReport(context, *report, explore);
  return ExitCodeFor(options, report->verdict());
}

absl::Status CheckDriver(const ScenarioRunOptions& options) {
  if (options.driver != kDriverProcesses && (options.keep || options.attach)) {
    return UsageError(
        "--keep and --attach are for a cluster of processes: leave --on out");
  }
  if (options.driver != kDriverSim && options.seed != 0) {
    return UsageError("--seed picks an order in memory: it needs --on sim");
  }
  if (options.count > 1 && options.keep) {
    return UsageError("--keep keeps one cluster: leave --count out");
  }
  if (options.count > 1 && options.driver == kDriverExplore) {
    return UsageError(
        "--on explore sees every order at once: leave --count "
        "out");
  }
  return absl::OkStatus();
}

}  // namespace

ExitCode Run(Context& context, const ScenarioRunOptions& options) {
  const absl::Status possible = CheckDriver(options);
  if (!possible.ok()) return possible;
  const absl::StatusOr<v1::Scenario> scenario = LoadScenario(options.scenario);
  if (!scenario.ok()) return scenario.status();
  if (options.driver == kDriverExplore) {
    return Explore(context, *scenario, options);
  }
  return options.count == 1 ? RunOnce(context, *scenario, options)
                            : RunOften(context, *scenario, options);
}

}  // namespace belfry::client
