#include "lab/replay.h"

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lab/explorer.h"
#include "lab/follower.h"
#include "lab/machine_fault.h"
#include "lab/observer.h"
#include "lab/runner.h"
#include "lab/schedule.h"

namespace belfry::lab {
namespace {

using Standing = v1::ReplayReport::Standing;

class Replayer {
 public:
  // Without a machine: in memory.
  Replayer(const v1::Schedule& schedule, Machine* machine,
           const ReplayOptions& options)
      : schedule_(schedule),
        machine_(machine),
        options_(options),
        playing_(schedule) {
    *report_.mutable_schedule() = schedule;
    report_.set_on(std::string(machine == nullptr ? kOnSim : kOnProcesses));
    result().set_scenario(schedule.scenario());
  }

  v1::ReplayReport Run() {
    if (machine_ == nullptr) {
      if (MakeMoves(nullptr)) JudgeInMemory();
    } else {
      Follower follower(*machine_, schedule_.scope().cpus());
      RunOnMachine(follower);
      follower.LetGo();
    }
    return std::move(report_);
  }

 private:
  v1::ScenarioResult& result() { return *report_.mutable_result(); }

  void RunOnMachine(Follower& follower) {
    Observer observer(*machine_);
    absl::Status status = observer.Begin();
    if (status.ok()) status = follower.Hold();
    if (!status.ok()) return Inconclusive(status.message());
    if (!MakeMoves(&follower)) return;
    report_.set_at_rest(std::move(playing_).End().quiet);
    if (report_.at_rest()) {
      follower.LetGo();
      status = observer.AwaitRest();
      if (!status.ok()) return Inconclusive(status.message());
    }
    status =
        observer.JudgeRun(schedule_.scope().victim(), schedule_.scope().cpus(),
                          options_.picture, &result());
    if (!status.ok()) Inconclusive(status.message());
  }

  // False when one could not be made; the report says which and why.
  bool MakeMoves(Follower* follower) {
    for (const std::string& name : schedule_.moves()) {
      const std::uint32_t number = report_.moves_made() + 1;
      if (options_.progress) {
        options_.progress(absl::StrCat("move ", number, " of ",
                                       schedule_.moves_size(), ": ", name));
      }
      const absl::Status made = MakeMove(name, follower);
      if (!made.ok()) {
        Stop(number, name, made, follower);
        return false;
      }
      report_.set_moves_made(number);
    }
    return true;
  }

  // NotFound when the schedule cannot be followed here.
  absl::Status MakeMove(const std::string& name, Follower* follower) {
    // Time passes by itself: the watchdog's events are moves of their own.
    absl::string_view event = name;
    const bool drop = absl::ConsumePrefix(&event, "drop ");
    if (const std::optional<MachineFault> kill = ParseKill(name)) {
      return MakeFault(name, *kill, follower);
    }
    if (name != kTimePasses) {
      const std::optional<Move> move =
          FindMove(playing_.world(), std::string(event));
      if (!move) return absl::NotFoundError("it is not possible here");
      if (follower != nullptr) {
        const absl::Status made =
            follower->Follow(playing_.world(), *move,
                             drop ? v1::PassGateRequest::HOW_NEVER
                                  : v1::PassGateRequest::HOW_ONCE);
        if (!made.ok()) return made;
      }
    }
    return playing_.Make(name);
  }

  absl::Status MakeFault(const std::string& name, const MachineFault& fault,
                         Follower* follower) {
    const World before = playing_.world();
    const absl::Status made = playing_.Make(name);
    if (!made.ok()) return absl::NotFoundError("it is not possible here");
    if (follower == nullptr) return absl::OkStatus();
    return follower->Make(before, fault, playing_.world());
  }

  void Stop(std::uint32_t number, const std::string& name,
            const absl::Status& why, Follower* follower) {
    Inconclusive(
        absl::StrCat("move ", number, ", \"", name, "\": ", why.message()));
    if (!absl::IsNotFound(why)) return;
    v1::ReplayReport::Diverged& diverged = *report_.mutable_diverged();
    diverged.set_move(number);
    diverged.set_name(name);
    diverged.set_why(std::string(why.message()));
    const std::vector<Standing> standing = follower == nullptr
                                               ? StandingIn(playing_.world())
                                               : follower->StandingThere();
    diverged.mutable_standing()->Assign(standing.begin(), standing.end());
  }

  void JudgeInMemory() {
    const Played played = std::move(playing_).End();
    report_.set_at_rest(played.quiet);
    result().mutable_violated()->Assign(played.violated.begin(),
                                        played.violated.end());
    result().set_verdict(std::string(played.hangs              ? kHang
                                     : played.violated.empty() ? kHolds
                                                               : kViolated));
    result().set_picture(trace::DrawPicture(
        played.events, schedule_.scope().cpus(), options_.picture));
  }

  void Inconclusive(absl::string_view message) {
    result().set_verdict(std::string(kInconclusive));
    result().set_message(std::string(message));
  }

  const v1::Schedule& schedule_;
  Machine* machine_;
  const ReplayOptions& options_;
  Playing playing_;
  v1::ReplayReport report_;
};

}  // namespace

v1::ReplayReport ReplayInMemory(const v1::Schedule& schedule,
                                const ReplayOptions& options) {
  return Replayer(schedule, nullptr, options).Run();
}

v1::ReplayReport ReplayOn(Machine& machine, const v1::Schedule& schedule,
                          const ReplayOptions& options) {
  return Replayer(schedule, &machine, options).Run();
}

std::string DifferenceFromSchedule(const v1::ReplayReport& report) {
  const std::string& said = report.schedule().verdict();
  const std::string& verdict = report.result().verdict();
  if (said.empty() || said == verdict || verdict == kInconclusive) return "";
  return absl::StrCat(
      "verdict is ", verdict, ", the schedule says ", said,
      report.at_rest() ? "" : "; its moves end before the machine is at rest");
}

}  // namespace belfry::lab
