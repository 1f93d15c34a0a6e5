#include "lab/simulation_replay.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lab/explorer.h"
#include "lab/follower.h"
#include "lab/observer.h"
#include "lab/simulation.h"

namespace belfry::lab {
namespace {

// Its end is what one wants to see.
constexpr std::size_t kPictureEvents = 60;

using Kind = SimulatedMove::Kind;

std::string NameOf(const World& world, const SimulatedMove& move) {
  switch (move.kind) {
    case Kind::kDeliver:
      return NameOf(world, move.move);
    case Kind::kDrop:
      return absl::StrCat("drop ", NameOf(world, move.move));
    case Kind::kRepeat:
      return absl::StrCat("repeat ", NameOf(world, move.move));
    case Kind::kFault:
      break;
  }
  return NameOf(move.fault);
}

v1::PassGateRequest::How HowOf(Kind kind) {
  return kind == Kind::kDrop     ? v1::PassGateRequest::HOW_NEVER
         : kind == Kind::kRepeat ? v1::PassGateRequest::HOW_TWICE
                                 : v1::PassGateRequest::HOW_ONCE;
}

// The CPU that the run is about.
std::uint32_t SubjectOf(const v1::Simulation& simulation) {
  for (const v1::SimulationInput& input : simulation.inputs()) {
    if (input.has_offline()) return input.offline().cpu();
  }
  return 0;
}

class SimulationReplayer {
 public:
  SimulationReplayer(const v1::Simulation& simulation,
                     const Latencies& latencies, const ReplayOptions& options,
                     absl::string_view on)
      : simulation_(simulation), latencies_(latencies), options_(options) {
    *report_.mutable_simulation() = simulation;
    report_.set_on(std::string(on));
  }

  v1::ReplayReport InMemory() {
    const Simulated played =
        Simulate(simulation_, latencies_,
                 {.record = true,
                  .stop_at_violation = false,
                  .before_move = [this](const World&, const SimulatedMove&) {
                    report_.set_moves_made(report_.moves_made() + 1);
                    return absl::OkStatus();
                  }});
    for (const auto& [invariant, what] : played.violated) {
      result().add_violated(std::string(kernel::InvariantName(invariant)));
    }
    result().set_verdict(std::string(VerdictOf(result().violated())));
    report_.set_at_rest(true);
    report_.set_trace(FingerprintOf(played.events));
    const std::size_t shown = std::min(played.events.size(), kPictureEvents);
    result().set_picture(trace::DrawPicture(
        {played.events.end() - static_cast<std::ptrdiff_t>(shown),
         played.events.end()},
        simulation_.cpus(), options_.picture));
    return std::move(report_);
  }

  v1::ReplayReport On(Machine& machine) {
    Follower follower(machine, simulation_.cpus());
    RunOn(machine, follower);
    follower.LetGo();
    return std::move(report_);
  }

 private:
  v1::ScenarioResult& result() { return *report_.mutable_result(); }

  void RunOn(Machine& machine, Follower& follower) {
    Observer observer(machine);
    absl::Status status = observer.Begin();
    if (status.ok()) status = follower.Hold();
    if (!status.ok()) return Inconclusive(status.message());
    const bool to_end = VerdictOf(simulation_.violated()) != kViolated;
    const Simulated played = Simulate(
        simulation_, latencies_,
        {.stop_at_violation = !to_end,
         .before_move = [&](const World& world, const SimulatedMove& move) {
           return Make(world, move, follower);
         }});
    if (!played.stopped.ok()) return;
    report_.set_at_rest(to_end || played.violated.empty());
    if (report_.at_rest()) {
      follower.LetGo();
      status = observer.AwaitRest();
      if (!status.ok()) return Inconclusive(status.message());
    }
    status = observer.JudgeRun(SubjectOf(simulation_), simulation_.cpus(),
                               options_.picture, &result());
    if (!status.ok()) Inconclusive(status.message());
  }

  absl::Status Make(const World& world, const SimulatedMove& move,
                    Follower& follower) {
    const std::uint32_t number = report_.moves_made() + 1;
    const std::string name = NameOf(world, move);
    if (options_.progress) {
      options_.progress(absl::StrCat("move ", number, ": ", name));
    }
    const absl::Status made =
        move.kind == Kind::kFault
            ? follower.Make(world, move.fault, *move.after)
            : follower.Follow(world, move.move, HowOf(move.kind));
    if (made.ok()) {
      report_.set_moves_made(number);
      return made;
    }
    Inconclusive(
        absl::StrCat("move ", number, ", \"", name, "\": ", made.message()));
    if (!absl::IsNotFound(made)) return made;
    v1::ReplayReport::Diverged& diverged = *report_.mutable_diverged();
    diverged.set_move(number);
    diverged.set_name(name);
    diverged.set_why(std::string(made.message()));
    const auto standing = follower.StandingThere();
    diverged.mutable_standing()->Assign(standing.begin(), standing.end());
    return made;
  }

  void Inconclusive(absl::string_view message) {
    result().set_verdict(std::string(kInconclusive));
    result().set_message(std::string(message));
  }

  const v1::Simulation& simulation_;
  const Latencies& latencies_;
  const ReplayOptions& options_;
  v1::ReplayReport report_;
};

}  // namespace

v1::ReplayReport ReplayInMemory(const v1::Simulation& simulation,
                                const Latencies& latencies,
                                const ReplayOptions& options) {
  return SimulationReplayer(simulation, latencies, options, kOnSim).InMemory();
}

v1::ReplayReport ReplayOn(Machine& machine, const v1::Simulation& simulation,
                          const Latencies& latencies,
                          const ReplayOptions& options) {
  return SimulationReplayer(simulation, latencies, options, kOnProcesses)
      .On(machine);
}

std::string DifferenceFromSimulation(const v1::ReplayReport& report) {
  const v1::Simulation& said = report.simulation();
  const std::string& verdict = report.result().verdict();
  // A file that somebody wrote says neither.
  const bool says = !said.trace().empty() || !said.violated().empty();
  if (!says || verdict == kInconclusive) return "";
  const absl::string_view expected = VerdictOf(said.violated());
  if (verdict != expected) {
    return absl::StrCat("verdict is ", verdict, ", the simulation says ",
                        expected);
  }
  if (report.trace().empty() || said.trace().empty() ||
      report.trace() == said.trace()) {
    return "";
  }
  return absl::StrCat("its trace is ", report.trace(), ", the simulation says ",
                      said.trace());
}

}  // namespace belfry::lab
