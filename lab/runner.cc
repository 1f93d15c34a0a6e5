#include "lab/runner.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernel/cpu_event.h"
#include "lab/gate.h"
#include "lab/observer.h"
#include "lab/quiet.h"
#include "lab/scenario.h"
#include "trace/machine_view.h"
#include "trace/stranded.h"

namespace belfry::lab {
namespace {

// How a wait came out of one look at the machine.
struct Look {
  bool done = false;
  // What is waited for cannot happen; said of which gate, and why.
  bool prevented = false;
  v1::ScenarioResult::Gate gate;
};

v1::ScenarioResult::Gate PreventedGate(const v1::GateAt& at,
                                       const std::string& message) {
  v1::ScenarioResult::Gate gate;
  gate.set_process(ProcessText(at));
  gate.set_name(at.gate());
  gate.set_message(message);
  return gate;
}

class Runner {
 public:
  Runner(const v1::Scenario& scenario, Machine& machine,
         const RunOptions& options)
      : scenario_(scenario),
        machine_(machine),
        options_(options),
        observer_(machine) {}

  v1::ScenarioResult Run() {
    result_.set_scenario(scenario_.name());
    result_.set_profile(options_.profile);
    if (const auto* expected = FindExpectation(scenario_, options_.profile)) {
      result_.set_expected(expected->verdict());
    }
    const absl::Status status = RunSteps();
    if (status.ok()) {
      JudgeEnd();
    } else {
      Inconclusive(std::string(status.message()));
    }
    LetGo();
    return std::move(result_);
  }

 private:
  const v1::Profile& profile() const { return observer_.profile(); }

  absl::Status RunSteps() {
    const absl::Status begun = observer_.Begin();
    if (!begun.ok()) return begun;
    for (int i = 0; i < scenario_.steps_size() && !hung_; ++i) {
      const v1::ScenarioStep& step = scenario_.steps(i);
      where_ = absl::StrCat("step ", i + 1, " (", StepText(step), ")");
      if (!step.note().empty()) Log(absl::StrCat("# ", step.note()));
      const absl::Status status = RunStep(step);
      if (!status.ok()) {
        return absl::Status(status.code(),
                            absl::StrCat(where_, ": ", status.message()));
      }
    }
    return absl::OkStatus();
  }

  absl::Status RunStep(const v1::ScenarioStep& step) {
    switch (step.step_case()) {
      case v1::ScenarioStep::kHold:
        return Hold(step.hold());
      case v1::ScenarioStep::kReach:
        return Reach(step.reach());
      case v1::ScenarioStep::kRelease:
        return Release(step.release());
      case v1::ScenarioStep::kOffline:
        return Started(step.offline(), machine_.Offline(step.offline()));
      case v1::ScenarioStep::kOnline:
        return Started(step.online(), machine_.Online(step.online()));
      case v1::ScenarioStep::kAwaitOperation:
        return AwaitOperation(step.await_operation().cpu());
      case v1::ScenarioStep::kAwaitCpu:
        return Wait([&] { return LookAtCpu(step.await_cpu()); });
      case v1::ScenarioStep::kBlockIo:
        return BlockIo(step.block_io());
      case v1::ScenarioStep::kCall:
        return Logged(machine_.StartCall(step.call()));
      case v1::ScenarioStep::kStopTwo:
        return Logged(machine_.StartStopTwo(step.stop_two()));
      case v1::ScenarioStep::kAct:
        return Logged(machine_.Act(step.act()));
      case v1::ScenarioStep::kCallMany:
        return Logged(machine_.StartCallMany(step.call_many()));
      case v1::ScenarioStep::kIrqCallMany:
        return AwaitInterrupts(machine_.StartIrqCallMany(step.irq_call_many()),
                               step.irq_call_many().on(), 1);
      case v1::ScenarioStep::kSettle:
        return AwaitRest();
      case v1::ScenarioStep::STEP_NOT_SET:
        break;
    }
    return absl::InvalidArgumentError("it says nothing to do");
  }

  // ---- Gates.

  absl::Status Hold(const v1::GateAt& at) {
    // Whoever waits for it finds it prevented.
    if (!ProfileHasGate(at, profile())) return Logged(absl::OkStatus());
    const v1::GateAt gate = ResolveGate(at, profile());
    const absl::Status status = machine_.Hold(gate);
    if (status.ok()) held_.push_back(gate);
    return Logged(status);
  }

  absl::Status Release(const v1::GateAt& at) {
    if (!ProfileHasGate(at, profile())) return Logged(absl::OkStatus());
    const v1::GateAt gate = ResolveGate(at, profile());
    std::erase_if(held_, [&](const v1::GateAt& held) {
      return GateText(held) == GateText(gate);
    });
    return Logged(machine_.Release(gate));
  }

  absl::Status Reach(const v1::GateAt& at) {
    return Wait([&]() -> absl::StatusOr<Look> {
      // First whether anything can move, then the gate: in the other order it
      // could be reached in between.
      const auto still = FindStandstill(machine_);
      if (!still.ok()) return still.status();
      const auto gate = FindGate(machine_, ResolveGate(at, profile()));
      if (!gate.ok()) return gate.status();
      Look look;
      look.done = gate->waiting() > 0;
      if (!look.done && still->has_value()) {
        const auto rests = IsOfTheControlPlane(at.gate())
                               ? absl::StatusOr<bool>(true)
                               : DataPlaneRests();
        if (!rests.ok()) return rests.status();
        look.prevented = *rests;
      }
      look.gate = PreventedGate(at, StillText(*still));
      return look;
    });
  }

  static bool IsOfTheControlPlane(absl::string_view gate) {
    return absl::StartsWith(gate, "ack:") || absl::StartsWith(gate, "step:") ||
           absl::StartsWith(gate, "publish:") ||
           absl::StartsWith(gate, "journal:") ||
           kernel::ParseOfflineStage(gate).has_value() || gate == "reset" ||
           gate == "stopper" || gate == "lock_sleep" || gate == "commit" ||
           gate == "order" || gate == "report";
  }

  // The gates of calls and doorbells can be reached while hotplug stands.
  absl::StatusOr<bool> DataPlaneRests() {
    const auto view = ViewWithoutTrace(machine_);
    if (!view.ok()) return view.status();
    const absl::StatusOr<bool> still = NoCallMoves(machine_, *view);
    if (!still.ok()) return still.status();
    return *still && observer_.rests();
  }

  static std::string StillText(const std::optional<Standstill>& still) {
    if (!still || still->gate.gate().empty()) return "no operation runs";
    return absl::StrCat("all that could move waits for ",
                        GateText(still->gate));
  }

  // ---- Operations.

  absl::Status Started(const v1::Hotplug& hotplug,
                       const absl::StatusOr<std::uint32_t>& id) {
    if (id.ok()) operations_[hotplug.cpu()] = *id;
    return Logged(id.status());
  }

  absl::Status AwaitOperation(std::uint32_t cpu) {
    const auto found = operations_.find(cpu);
    if (found == operations_.end()) {
      return absl::FailedPreconditionError(
          "no step before it has started an operation on this CPU");
    }
    std::string result;
    const absl::Status status = Wait([&]() -> absl::StatusOr<Look> {
      const auto operation = machine_.GetOperation(found->second);
      if (!operation.ok()) return operation.status();
      result = operation->done() ? operation->result() : "0";
      Look look;
      look.done = operation->done();
      return look;
    });
    if (!status.ok() || result == "0") return status;
    return absl::AbortedError(
        absl::StrCat("operation ", found->second, " ended with ", result));
  }

  // ---- CPUs.

  absl::StatusOr<Look> LookAtCpu(const v1::AwaitCpu& await) {
    const auto still = FindStandstill(machine_);
    if (!still.ok()) return still.status();
    const auto snapshot = machine_.Snapshot(await.cpu());
    if (!snapshot.ok()) return snapshot.status();
    Look look;
    look.done = Meets(*snapshot, await.condition());
    if (look.done) return look;
    if (IsOfTheDataPlane(await.condition())) {
      const auto view = ViewWithoutTrace(machine_);
      if (!view.ok()) return view.status();
      const bool never = await.condition() == v1::AwaitCpu::CONDITION_LATCHED
                             ? NoDoorbellComes(*view, await.cpu())
                             : trace::IsStranded(*view, await.cpu()) ||
                                   trace::IsLeftBehind(*view, await.cpu());
      look.prevented = never && observer_.rests();
    } else if (!IsOfTheLock(await.condition())) {
      look.prevented = still->has_value();
    }
    v1::GateAt at;
    if (*still && !(*still)->gate.gate().empty()) {
      at = (*still)->gate;
      NameAsHeld(&at);
    } else {
      at.set_cpu(await.cpu());
      at.set_gate(absl::AsciiStrToLower(
          v1::AwaitCpu::Condition_Name(await.condition()).substr(10)));
    }
    look.gate = PreventedGate(
        at, absl::StrCat(where_, ": impossible here, ", StillText(*still)));
    return look;
  }

  static bool IsOfTheDataPlane(v1::AwaitCpu::Condition condition) {
    return condition == v1::AwaitCpu::CONDITION_LATCHED ||
           condition == v1::AwaitCpu::CONDITION_QUEUE_EMPTY;
  }

  // Readers come and go whatever stands.
  static bool IsOfTheLock(v1::AwaitCpu::Condition condition) {
    return condition == v1::AwaitCpu::CONDITION_READ_LOCKED ||
           condition == v1::AwaitCpu::CONDITION_READ_UNLOCKED;
  }

  static bool Meets(const v1::CpuSnapshot& cpu,
                    v1::AwaitCpu::Condition condition) {
    switch (condition) {
      case v1::AwaitCpu::CONDITION_IRQS_MASKED:
        return cpu.irqs_masked() && !cpu.stop().state().empty();
      case v1::AwaitCpu::CONDITION_LATCHED:
        return cpu.latched();
      case v1::AwaitCpu::CONDITION_PARKED:
        return cpu.life() == "DEAD";
      case v1::AwaitCpu::CONDITION_ONLINE:
        return cpu.life() == "ONLINE";
      case v1::AwaitCpu::CONDITION_QUEUE_EMPTY:
        return cpu.depth() == 0;
      case v1::AwaitCpu::CONDITION_READ_LOCKED:
        return cpu.readers() > 0;
      case v1::AwaitCpu::CONDITION_READ_UNLOCKED:
        return cpu.readers() == 0;
      default:
        return false;
    }
  }

  // A process may name the gate more closely than the scenario did; results
  // speak the scenario's language.
  void NameAsHeld(v1::GateAt* at) const {
    for (const v1::ScenarioStep& step : scenario_.steps()) {
      if (!step.has_hold() || step.hold().has_cpu() != at->has_cpu() ||
          step.hold().cpu() != at->cpu()) {
        continue;
      }
      const std::string resolved = ResolveGate(step.hold(), profile()).gate();
      if (at->gate() == resolved || (resolved == "ack:DISABLE_IRQ" &&
                                     absl::StartsWith(at->gate(), resolved))) {
        at->set_gate(step.hold().gate());
        return;
      }
    }
  }

  absl::Status BlockIo(const v1::BlockIo& io) {
    const absl::Status started = machine_.StartBlockIo(io);
    if (io.nowait()) return Logged(started);
    return AwaitInterrupts(started, io.on(), io.count());
  }

  absl::Status AwaitInterrupts(const absl::Status& started, std::uint32_t on,
                               std::uint32_t count) {
    if (!started.ok()) return Logged(started);
    return Wait([&]() -> absl::StatusOr<Look> {
      const auto status = machine_.BlockIoStatus(on);
      if (!status.ok()) return status.status();
      Look look;
      look.done = status->completions() >= count;
      return look;
    });
  }

  absl::Status AwaitRest() {
    return Wait([&]() -> absl::StatusOr<Look> {
      const absl::StatusOr<bool> settled = observer_.HasSettled();
      if (!settled.ok()) return settled.status();
      Look look;
      look.done = *settled;
      return look;
    });
  }

  // ---- Waiting.

  absl::Status Wait(const std::function<absl::StatusOr<Look>()>& look) {
    observer_.StartOver();
    for (int attempt = 0;; ++attempt) {
      const absl::StatusOr<Look> seen = look();
      if (!seen.ok()) return seen.status();
      if (seen->done) {
        Log(where_);
        return absl::OkStatus();
      }
      if (seen->prevented) {
        Prevent(seen->gate);
        return absl::OkStatus();
      }
      const absl::Status status = WatchForHang();
      if (!status.ok() || hung_) return status;
      if (!machine_.WaitForChange(attempt)) {
        return absl::DeadlineExceededError("time is over, still waiting");
      }
    }
  }

  // A machine that hangs will not do what the step waits for, and there is no
  // need to wait for the deadline to know it.
  absl::Status WatchForHang() {
    const absl::Status looked = observer_.Look();
    if (!looked.ok()) return looked;
    hung_ = observer_.hangs();
    if (hung_) Log(where_ + ": the machine hangs");
    return absl::OkStatus();
  }

  void Prevent(const v1::ScenarioResult::Gate& gate) {
    Log(absl::StrCat(where_, ": prevented, passed over"));
    const std::string name = absl::StrCat(gate.process(), " ", gate.name());
    if (prevented_.insert(name).second) {
      *result_.mutable_gates()->add_prevented() = gate;
    }
  }

  // ---- The end.

  void JudgeEnd() {
    const absl::Status judged =
        observer_.JudgeRun(scenario_.subject_cpu(), scenario_.machine().cpus(),
                           options_.picture, &result_);
    if (!judged.ok()) Inconclusive(std::string(judged.message()));
  }

  void Inconclusive(const std::string& message) {
    result_.set_verdict(std::string(kInconclusive));
    result_.set_message(message);
    Log(message);
  }

  // A machine that outlives the run keeps no gate held. What fails here fails
  // with the machine.
  void LetGo() {
    for (const v1::GateAt& gate : held_) (void)machine_.Release(gate);
  }

  absl::Status Logged(const absl::Status& status) {
    if (status.ok()) Log(where_);
    return status;
  }

  void Log(const std::string& line) {
    result_.add_log(line);
    if (options_.progress) options_.progress(line);
  }

  const v1::Scenario& scenario_;
  Machine& machine_;
  const RunOptions& options_;
  v1::ScenarioResult result_;
  Observer observer_;
  std::string where_;
  // The last operation on each CPU.
  std::map<std::uint32_t, std::uint32_t> operations_;
  std::vector<v1::GateAt> held_;
  std::set<std::string> prevented_;
  bool hung_ = false;
};

std::string SetText(const std::set<std::string>& names) {
  return names.empty() ? "none" : absl::StrJoin(names, ", ");
}

}  // namespace

v1::ScenarioResult RunScenario(const v1::Scenario& scenario, Machine& machine,
                               const RunOptions& options) {
  return Runner(scenario, machine, options).Run();
}

std::string DifferenceFromExpected(const v1::Scenario& scenario,
                                   const v1::ScenarioResult& result) {
  const v1::Expectation* expected = FindExpectation(scenario, result.profile());
  if (expected == nullptr) return "";
  if (expected->verdict() != result.verdict()) {
    return absl::StrCat("verdict is ", result.verdict(), ", expected ",
                        expected->verdict());
  }
  const std::set<std::string> violated(result.violated().begin(),
                                       result.violated().end());
  const std::set<std::string> may(expected->violated().begin(),
                                  expected->violated().end());
  if (violated != may) {
    return absl::StrCat("violated: ", SetText(violated), "; expected ",
                        SetText(may));
  }
  std::set<std::string> prevented;
  for (const v1::ScenarioResult::Gate& gate : result.gates().prevented()) {
    prevented.insert(absl::StrCat(gate.process(), " ", gate.name()));
  }
  const std::set<std::string> must(expected->prevented().begin(),
                                   expected->prevented().end());
  if (prevented != must) {
    return absl::StrCat("prevented: ", SetText(prevented), "; expected ",
                        SetText(must));
  }
  return "";
}

}  // namespace belfry::lab
