#include "lab/replay.h"

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "kernel/gate.h"
#include "lab/explorer.h"
#include "lab/gate.h"
#include "lab/observer.h"
#include "lab/runner.h"
#include "lab/schedule.h"

namespace belfry::lab {
namespace {

using Standing = v1::ReplayReport::Standing;

// So often is an event looked for in vain before it is said that it will not
// come: nothing else moves, so it is late by one message's way at most, or by
// the watchdog's timeout. Five seconds on processes.
constexpr int kPatience = 250;

v1::GateAt PlaceOf(const Lane& lane, absl::string_view gate) {
  v1::GateAt at;
  if (!lane.to_coordinator()) at.set_cpu(lane.to);
  at.set_gate(std::string(gate));
  return at;
}

Standing MakeStanding(const v1::GateAt& at, const std::string& event) {
  Standing standing;
  standing.set_process(ProcessText(at));
  standing.set_gate(at.gate());
  standing.set_event(event);
  return standing;
}

std::vector<Standing> StandingIn(const World& world) {
  std::vector<Standing> standing;
  for (const Move move : world.Enabled()) {
    const World::Pending& pending = world.pending()[move.place];
    standing.push_back(MakeStanding(
        PlaceOf(pending.lane, world.GateOf(pending)), NameOf(world, move)));
  }
  return standing;
}

// The machine, led by the world's moves.
class Follower {
 public:
  Follower(Machine& machine, std::uint32_t cpus) : machine_(machine) {
    places_.emplace_back();
    for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
      places_.emplace_back().set_cpu(cpu);
    }
    for (v1::GateAt& at : places_) at.set_gate(std::string(kernel::kAllGates));
  }

  absl::Status Hold() {
    for (const v1::GateAt& at : places_) {
      const absl::Status status = machine_.Hold(at);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // What fails here fails with the machine.
  void LetGo() {
    for (const v1::GateAt& at : places_) (void)machine_.Release(at);
  }

  // Makes the world's move, which is still to be made there. NotFound says what
  // was waited for in vain.
  absl::Status Follow(const World& world, Move move) {
    const World::Pending& pending = world.pending()[move.place];
    const auto& event = pending.message->event;
    if (const auto* e = std::get_if<kernel::CoordinatorEvent>(&event)) {
      if (const auto* request = std::get_if<kernel::Request>(e)) {
        return Ask(*request);
      }
    } else if (const auto* irq = std::get_if<kernel::DeviceIrq>(
                   &std::get<kernel::CpuEvent>(event))) {
      const absl::Status status =
          Interrupt(pending.lane.to, irq->submitter.value);
      if (!status.ok()) return status;
    }
    const std::string gate = world.GateOf(pending);
    // News of links: it has come by itself, or will.
    if (gate.empty()) return absl::OkStatus();
    return Pass(PlaceOf(pending.lane, gate), NameOf(world, move));
  }

  std::vector<Standing> StandingThere() {
    std::vector<Standing> standing;
    for (v1::GateAt at : places_) {
      const absl::StatusOr<std::vector<v1::Gate>> gates = machine_.Gates(at);
      if (!gates.ok()) continue;
      for (const v1::Gate& gate : *gates) {
        if (gate.name() == kernel::kAllGates) continue;
        at.set_gate(gate.name());
        for (const std::string& event : gate.events()) {
          standing.push_back(MakeStanding(at, event));
        }
      }
    }
    return standing;
  }

 private:
  absl::Status Ask(const kernel::Request& request) {
    v1::Hotplug hotplug;
    hotplug.set_cpu(request.cpu.value);
    return request.kind == kernel::OpKind::kOffline
               ? machine_.Offline(hotplug).status()
               : machine_.Online(hotplug).status();
  }

  absl::Status Interrupt(std::uint32_t cpu, std::uint32_t submitter) {
    v1::BlockIo io;
    io.set_on(cpu);
    io.set_submitter(submitter);
    io.set_count(1);
    return machine_.StartBlockIo(io);
  }

  absl::Status Pass(v1::GateAt at, const std::string& event) {
    const std::string gate =
        std::exchange(*at.mutable_gate(), std::string(kernel::kAllGates));
    for (int attempt = 0; attempt < kPatience; ++attempt) {
      const absl::Status passed = machine_.Pass(at, event);
      if (!absl::IsNotFound(passed)) return passed;
      if (!machine_.WaitForChange(attempt)) {
        return absl::DeadlineExceededError("time is over, still waiting");
      }
    }
    return absl::NotFoundError(absl::StrCat("waited in vain for it at gate ",
                                            gate, " of ", ProcessText(at)));
  }

  Machine& machine_;
  // The coordinator and the CPUs, at all their gates.
  std::vector<v1::GateAt> places_;
};

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
      status = AwaitRest(observer);
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
    if (follower != nullptr && IsFault(name)) {
      return absl::NotFoundError(
          "a fault is made in memory only; play it with --on sim");
    }
    if (name != kTimePasses && !IsFault(name)) {
      const std::optional<Move> move = FindMove(playing_.world(), name);
      if (!move) return absl::NotFoundError("it is not possible here");
      if (follower != nullptr) {
        const absl::Status made = follower->Follow(playing_.world(), *move);
        if (!made.ok()) return made;
      }
    }
    return playing_.Make(name);
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

  absl::Status AwaitRest(Observer& observer) {
    for (int attempt = 0;; ++attempt) {
      const absl::StatusOr<bool> settled = observer.HasSettled();
      if (!settled.ok()) return settled.status();
      if (*settled) return absl::OkStatus();
      const absl::Status looked = observer.Look();
      if (!looked.ok() || observer.hangs()) return looked;
      if (!machine_->WaitForChange(attempt)) {
        return absl::DeadlineExceededError(
            "all moves are made; time is over before the machine has come to "
            "rest");
      }
    }
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
