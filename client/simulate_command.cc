// belfry simulate.
#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "belfry/v1/report.pb.h"
#include "client/commands.h"
#include "client/duration.h"
#include "client/exit_code.h"
#include "client/files.h"
#include "client/interrupt.h"
#include "client/profile_choice.h"
#include "client/scenario_text.h"
#include "lab/runner.h"
#include "lab/shrink.h"
#include "lab/simulation.h"
#include "lab/simulation_file.h"
#include "lab/simulation_maker.h"
#include "lab/sweep.h"
#include "rpc/files.h"
#include "trace/codec.h"
#include "trace/picture.h"
#include "trace/report_text.h"
#include "trace/trace_file.h"

namespace belfry::client {
namespace {

// Of a failing run's picture: its end is what one wants to see.
constexpr std::size_t kPictureEvents = 60;

absl::StatusOr<std::set<lab::Fault>> ParseFaults(
    const std::vector<std::string>& names) {
  std::set<lab::Fault> faults;
  for (const std::string& name : names) {
    const auto* found =
        std::find(lab::kFaultNames.begin(), lab::kFaultNames.end(), name);
    if (found == lab::kFaultNames.end() && name != "all" && name != "none") {
      return UsageError(absl::StrCat("--faults: there is no fault '", name,
                                     "'; there are all, none, ",
                                     absl::StrJoin(lab::kFaultNames, ", ")));
    }
    for (std::size_t i = 0; i < lab::kFaultNames.size(); ++i) {
      if (name == "all" || lab::kFaultNames[i] == name) {
        faults.insert(static_cast<lab::Fault>(i));
      }
    }
  }
  return faults;
}

absl::StatusOr<lab::SimulationShape> ShapeOf(
    const SimulateCommandOptions& options) {
  const auto profile = ChooseProfile(options.profile, options.set);
  if (!profile.ok()) return profile.status();
  const auto faults = ParseFaults(options.faults);
  if (!faults.ok()) return faults.status();
  return lab::SimulationShape{.profile = *profile,
                              .cpus = options.cpus,
                              .split_doorbell = options.split_doorbell,
                              .cycles = options.cycles,
                              .calls = options.calls,
                              .block_ios = options.block_ios,
                              .faults = *faults,
                              .faults_per_100 = options.fault_rate,
                              .swarm = options.swarm};
}

std::string CountsText(const v1::SimulationCounts& counts) {
  return absl::StrCat(
      trace::CountText(counts.offlines(), "offline"), ", ",
      trace::CountText(counts.onlines(), "online"), ", ",
      trace::CountText(counts.failed_operations(), "failed operation"), "; ",
      trace::CountText(counts.calls_completed(), "call"), " completed, ",
      counts.calls_refused(), " refused, ", counts.calls_lost(),
      " lost with a process");
}

void PrintReport(Output& out, const v1::SimulateReport& report) {
  const v1::SimulationCounts& counts = report.counts();
  const double seconds = std::max(report.duration_s(), 1e-6);
  out.Line(absl::StrCat("simulated ", trace::CountText(report.runs(), "run"),
                        " of ", trace::CountText(report.cpus(), "CPU"), ", ",
                        DurationText(absl::Microseconds(counts.virtual_us())),
                        " of virtual time, ", counts.events(), " events (",
                        static_cast<std::uint64_t>(
                            static_cast<double>(counts.events()) / seconds),
                        "/s)"));
  out.Line(absl::StrCat("          ", CountsText(counts)));
  std::vector<std::string> faults;
  for (const auto& [kind, count] : counts.faults()) {
    faults.push_back(absl::StrCat(count, " ", kind));
  }
  std::sort(faults.begin(), faults.end());
  out.Line(absl::StrCat("faults    ",
                        faults.empty() ? "none" : absl::StrJoin(faults, ", ")));
  if (!report.picture().empty()) {
    out.Line("");
    out.Data(report.picture());
    out.Line("");
  }
  if (report.has_failed_seed()) {
    const bool smaller = report.inputs_left() < report.inputs();
    out.Line(absl::StrCat(
        "seed      ", report.failed_seed(), ": ",
        trace::CountText(report.inputs_left(), "input"),
        smaller ? absl::StrCat(" of ", report.inputs(), " are enough") : "",
        report.simulation_file().empty() ? ""
                                         : ", in " + report.simulation_file()));
  }
  for (const std::string& finding : report.findings()) {
    out.Line(absl::StrCat("finding   ", finding));
  }
  const bool good = report.verdict() == lab::kHolds;
  const bool bad = !report.violated().empty();
  out.Line(absl::StrCat(
      out.Painted(good  ? Style::kGood
                  : bad ? Style::kBad
                        : Style::kWarn,
                  absl::StrCat("verdict   ", good ? "" : "! ",
                               absl::AsciiStrToUpper(report.verdict()))),
      " under ", report.profile(),
      good ? ": nothing violated"
      : bad
          ? absl::StrCat(", violates ", absl::StrJoin(report.violated(), ", "))
          : ": interrupted",
      " (", DurationText(absl::Seconds(report.duration_s())), ")"));
}

// One invocation: what was run, and what is told of it.
class Simulator {
 public:
  Simulator(Context& context, const SimulateCommandOptions& options)
      : context_(context), options_(options) {}

  ExitCode Run() {
    const absl::Time start = absl::Now();
    const absl::Status ran = options_.file.empty() ? RunSeeds() : RunFile();
    context_.out.EndProgress();
    if (!ran.ok()) return ran;
    report_.set_duration_s(absl::ToDoubleSeconds(absl::Now() - start));
    report_.set_latencies(latencies_.fingerprint());
    if (interrupt_.requested()) return interrupt_.Check();
    const absl::Status written = WriteFiles();
    if (!written.ok()) return written;
    Print();
    return ExitCodeOfVerdict(report_.verdict());
  }

 private:
  absl::Status RunSeeds() {
    const auto shape = ShapeOf(options_);
    if (!shape.ok()) return shape.status();
    const bool one = options_.first_seed == options_.last_seed;
    report_.set_profile(ProfileText(trace::ToProto(shape->profile)));
    report_.set_cpus(shape->cpus);
    report_.set_first_seed(options_.first_seed);
    report_.set_last_seed(options_.last_seed);
    lab::Sweep sweep{
        .shape = *shape,
        .first_seed = options_.first_seed,
        .last_seed = options_.last_seed,
        .jobs = options_.jobs != 0
                    ? options_.jobs
                    : std::max(1U, std::thread::hardware_concurrency())};
    sweep.progress = [&](std::uint64_t runs) {
      context_.out.Progress(absl::StrCat(
          runs, " of ", options_.last_seed - options_.first_seed + 1, " runs"));
      return !interrupt_.requested();
    };
    lab::SweepResult result = lab::RunSweep(sweep, latencies_);
    report_.set_runs(result.runs);
    *report_.mutable_counts() = std::move(result.counts);
    report_.set_verdict(std::string(lab::kHolds));
    if (result.failure) {
      simulation_ = std::move(result.failure->simulation);
      const auto made = static_cast<std::uint32_t>(simulation_->inputs_size());
      if (options_.shrink) Minimise(&*simulation_);
      Failed(made);
    }
    const bool wanted = !options_.trace.empty() || !options_.out.empty();
    if (!result.failure && one && wanted) {
      simulation_ =
          lab::MakeSimulation(*shape, latencies_, options_.first_seed);
      simulation_->set_trace(lab::FingerprintOf(Played().events));
    }
    return absl::OkStatus();
  }

  absl::Status RunFile() {
    const absl::StatusOr<std::string> text = ReadFile(options_.file);
    if (!text.ok()) return UsageError(text.status().message());
    auto simulation = lab::ParseSimulation(*text, options_.file);
    if (!simulation.ok()) {
      return WithExitCode(simulation.status(), kExitBadFile);
    }
    if (simulation->latencies() != latencies_.fingerprint()) {
      context_.out.Note(
          absl::StrCat(options_.file, " was made with latencies ",
                       simulation->latencies(), ", and this program has ",
                       latencies_.fingerprint(), ": the run may differ"));
    }
    report_.set_profile(ProfileText(simulation->profile()));
    report_.set_cpus(simulation->cpus());
    report_.set_runs(1);
    report_.set_first_seed(simulation->seed());
    report_.set_last_seed(simulation->seed());
    report_.set_verdict(std::string(lab::kHolds));
    simulation_ = *std::move(simulation);
    *report_.mutable_counts() = Played().counts;
    if (lab::Fails(Played(), options_.until_hang)) {
      Failed(static_cast<std::uint32_t>(simulation_->inputs_size()));
    }
    return absl::OkStatus();
  }

  void Minimise(v1::Simulation* failing) {
    const lab::Simulated first = lab::Simulate(
        *failing, latencies_, {.stop_at_violation = !options_.until_hang});
    const kernel::Invariant violated = options_.until_hang
                                           ? kernel::Invariant::kEveryWaitEnds
                                           : first.violated.begin()->first;
    // What would have come after the violation had no part in it.
    const auto used = static_cast<int>(first.inputs);
    failing->mutable_inputs()->DeleteSubrange(used,
                                              failing->inputs_size() - used);
    *failing =
        lab::Shrink(*failing, latencies_, violated, [&](std::size_t inputs) {
          context_.out.Progress(
              absl::StrCat("seed ", failing->seed(), " violates ",
                           kernel::InvariantName(violated), "; shrinking, ",
                           inputs, " inputs left"));
          return !interrupt_.requested();
        });
  }

  // The run that is told of, whole.
  const lab::Simulated& Played() {
    if (!played_) {
      played_ = lab::Simulate(*simulation_, latencies_,
                              {.record = true, .stop_at_violation = false});
    }
    return *played_;
  }

  // Says how it ends. Its seed had made so many inputs.
  void Failed(std::uint32_t made) {
    v1::Simulation& failing = *simulation_;
    const lab::Simulated& whole = Played();
    failing.clear_violated();
    failing.set_trace(lab::FingerprintOf(whole.events));
    report_.set_failed_seed(failing.seed());
    // A swarm's seed has a machine of its own.
    report_.set_profile(ProfileText(failing.profile()));
    report_.set_cpus(failing.cpus());
    report_.set_inputs(made);
    report_.set_inputs_left(static_cast<std::uint32_t>(failing.inputs_size()));
    for (const auto& [invariant, what] : whole.violated) {
      const std::string name(kernel::InvariantName(invariant));
      report_.add_violated(name);
      report_.add_findings(absl::StrCat(name, " ", what));
      failing.add_violated(name);
    }
    report_.set_verdict(
        std::string(whole.violated.contains(kernel::Invariant::kEveryWaitEnds)
                        ? lab::kHang
                        : lab::kViolated));
    Draw(whole.events, failing.cpus());
    *report_.mutable_simulation() = failing;
  }

  void Draw(const std::vector<v1::TraceEvent>& events, std::uint32_t cpus) {
    const std::size_t shown = std::min(events.size(), kPictureEvents);
    report_.set_picture(trace::DrawPicture(
        {events.end() - static_cast<std::ptrdiff_t>(shown), events.end()}, cpus,
        {.color = context_.out.color(),
         .width = context_.out.width(),
         .ascii = context_.out.ascii()}));
  }

  absl::Status WriteFiles() {
    if (!options_.out.empty() && simulation_) {
      const absl::Status written = rpc::WriteFileAtomically(
          options_.out, lab::FormatSimulation(*simulation_));
      if (!written.ok()) return written;
      report_.set_simulation_file(options_.out);
    }
    if (options_.trace.empty()) return absl::OkStatus();
    if (!simulation_) {
      return UsageError(
          "--trace: no run failed, and of many it is not said which is meant: "
          "give one --seed");
    }
    const std::vector<v1::TraceEvent>& events = Played().events;
    v1::TraceReport trace;
    trace.mutable_events()->Assign(events.begin(), events.end());
    v1::TraceMachine& machine = *trace.mutable_machine();
    machine.set_kind(v1::TraceMachine::KIND_BELFRY);
    machine.set_cpus(simulation_->cpus());
    *machine.mutable_profile() = simulation_->profile();
    machine.set_latencies(latencies_.fingerprint());
    return rpc::WriteFileAtomically(options_.trace,
                                    trace::WriteBelfryTrace(trace));
  }

  void Print() {
    if (context_.out.json()) {
      context_.out.Json(report_);
    } else if (context_.out.format() == Format::kName) {
      context_.out.Line(report_.verdict());
    } else {
      PrintReport(context_.out, report_);
    }
  }

  Context& context_;
  const SimulateCommandOptions& options_;
  const lab::Latencies latencies_ = lab::Latencies::Measured();
  const Interrupt interrupt_;
  v1::SimulateReport report_;
  // The one run that there is a trace of, and how it went.
  std::optional<v1::Simulation> simulation_;
  std::optional<lab::Simulated> played_;
};

}  // namespace

ExitCode Run(Context& context, const SimulateCommandOptions& options) {
  return Simulator(context, options).Run();
}

}  // namespace belfry::client
