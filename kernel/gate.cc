#include "kernel/gate.h"

#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace belfry::kernel {
namespace {

constexpr std::array<absl::string_view, 19> kPlainCpuGates = {
    kAllGates,   "task",        "enqueue", "ring",  "latch",
    "irq_entry", "idle_exit",   "run",     "reset", "stopper",
    "stop_work", "second_work", "io",      "order", "answer",
    "overdue",   "peer",        "link",    "attach"};
constexpr std::array<absl::string_view, 6> kPlainCoordinatorGates = {
    kAllGates, "commit", "report", "timeout", "lock_sleep", "link"};

template <typename... Kinds, typename Event>
bool IsOneOf(const Event& event) {
  return (std::holds_alternative<Kinds>(event) || ...);
}

// A call that rang when it left owes no ring.
bool RingOwed(const Enqueued& e, const Cpu& cpu) {
  const auto peer = cpu.peers().find(e.from);
  const Outgoing* call =
      peer == cpu.peers().end() ? nullptr : peer->second.out.Find(e.seq);
  const bool rang = call != nullptr && call->rang;
  const bool many = call != nullptr && call->many != 0;
  return e.error == Errno::kOk && !e.rung && !rang &&
         RingDue(cpu.profile(), many, e.was_empty);
}

std::string AckGate(MultiStopState state, bool active) {
  return absl::StrCat("ack:", MasksInterrupts(state, active)
                                  ? "DISABLE_IRQ"
                                  : MultiStopStateName(state));
}

std::string StopTwoGate(const StopTwoOrder& e, const Cpu& cpu) {
  if (e.verb != StopTwoVerb::kPublish) return "stop_work";
  const auto& work = cpu.stop();
  return AckGate(
      e.state, work && work->pair && work->pair->key == e.key && work->active);
}

// With both under lock there is no moment between the two.
bool IsBetweenWorks(const StopTwoReport& e, const Cpu& cpu) {
  const auto& stop = cpu.stop_two();
  return e.verb == StopTwoVerb::kQueue && e.error == Errno::kOk && stop &&
         cpu.profile().stop_two_queue == StopTwoQueue::kOneByOne &&
         e.from == stop->task.a && e.key.seq == stop->number;
}

}  // namespace

std::string GateOf(const CpuEvent& event, const Cpu& cpu) {
  if (IsOneOf<Call, CallMany>(event)) return "task";
  if (std::holds_alternative<Enqueue>(event)) return "enqueue";
  if (const auto* e = std::get_if<Enqueued>(&event)) {
    return RingOwed(*e, cpu) ? "ring" : "answer";
  }
  if (const auto* e = std::get_if<StopTwoReport>(&event)) {
    return IsBetweenWorks(*e, cpu) ? "second_work" : "answer";
  }
  if (IsOneOf<Done, Latched>(event)) return "answer";
  if (std::holds_alternative<Doorbell>(event)) return "latch";
  if (std::holds_alternative<IrqEntry>(event)) return "irq_entry";
  if (std::holds_alternative<IdleExit>(event)) return "idle_exit";
  if (const auto* e = std::get_if<StopPublish>(&event)) {
    return AckGate(e->state, e->active.Has(cpu.id()));
  }
  if (const auto* e = std::get_if<StopTwoOrder>(&event)) {
    return StopTwoGate(*e, cpu);
  }
  if (const auto* e = std::get_if<RunStep>(&event)) {
    return absl::StrCat("step:", e->step);
  }
  if (const auto* e = std::get_if<RunStage>(&event)) {
    return std::string(OfflineStageName(e->stage));
  }
  if (std::holds_alternative<Kick>(event)) return "reset";
  if (std::holds_alternative<StopperRuns>(event)) return "stopper";
  if (std::holds_alternative<DeviceIrq>(event)) return "io";
  if (IsOneOf<StopAbort, WalkSteps, BringOnline, SetView, PowerOff,
              ReadersGranted>(event)) {
    return "order";
  }
  if (IsOneOf<PeerIs, PeerGone>(event)) return "peer";
  const auto* up = std::get_if<LinkUp>(&event);
  const bool again = up != nullptr && up->again;
  if (again || std::holds_alternative<CoordinatorLost>(event)) return "link";
  return IsOneOf<Overdue, Retry>(event) ? "overdue" : "";
}

std::string GateOf(const CpuEffect& effect) {
  return std::holds_alternative<RunFunction>(effect) ? "run" : "";
}

std::string GateOf(const CoordinatorEvent& event) {
  if (const auto* e = std::get_if<Journaled>(&event)) {
    return e->leg == Leg::kCommit ? std::string("commit")
                                  : absl::StrCat("journal:", LegName(e->leg));
  }
  if (const auto* e = std::get_if<PublishState>(&event)) {
    return absl::StrCat("publish:", MultiStopStateName(e->state));
  }
  if (std::holds_alternative<FromCpuEvent>(event)) return "report";
  if (std::holds_alternative<SleepOnLock>(event)) return "lock_sleep";
  if (IsOneOf<Attached, ProcessLost>(event)) return "link";
  return IsOneOf<HandoffTimeout, RecoveryTimeout>(event) ? "timeout" : "";
}

absl::StatusOr<std::string> ParseCpuGate(absl::string_view name,
                                         const CpuhpTable& table) {
  for (absl::string_view gate : kPlainCpuGates) {
    if (gate == name) return std::string(name);
  }
  if (ParseOfflineStage(name)) return std::string(name);
  absl::string_view rest = name;
  if (absl::ConsumePrefix(&rest, "ack:") && ParseMultiStopState(rest)) {
    return std::string(name);
  }
  rest = name;
  if (absl::ConsumePrefix(&rest, "step:")) {
    CpuhpState number = kCpuhpInvalid;
    const CpuhpStep* step = absl::SimpleAtoi(rest, &number)
                                ? table.Find(number)
                                : table.FindByName(rest);
    if (step != nullptr) return absl::StrCat("step:", step->state);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown gate '", name,
      "' of a CPU; there are: task, enqueue, ring, latch, irq_entry, "
      "idle_exit, run, reset, stopper, stop_work, second_work, io, ack:STATE "
      "(PREPARE, DISABLE_IRQ, RUN, CONFIRM, EXIT), step:N or step:NAME, "
      "fixup_irqs, report_dead, order, answer, overdue, peer, link, attach, "
      "all"));
}

absl::StatusOr<std::string> ParseCoordinatorGate(absl::string_view name) {
  for (absl::string_view gate : kPlainCoordinatorGates) {
    if (gate == name) return std::string(name);
  }
  absl::string_view rest = name;
  if (absl::ConsumePrefix(&rest, "journal:") && ParseLeg(rest)) {
    return rest == "commit" ? std::string(rest) : std::string(name);
  }
  rest = name;
  if (absl::ConsumePrefix(&rest, "publish:") && ParseMultiStopState(rest)) {
    return std::string(name);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown gate '", name,
      "' of the coordinator; there are: journal:LEG (prepare, bringup, online, "
      "ap, takedown, stop, run, abort, dead, done), commit, publish:STATE, "
      "report, "
      "lock_sleep, timeout, link, all"));
}

}  // namespace belfry::kernel
