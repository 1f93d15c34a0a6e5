#include "kernel/gate.h"

#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace belfry::kernel {
namespace {

constexpr std::array<absl::string_view, 12> kPlainCpuGates = {
    kAllGates, "enqueue", "ring", "latch", "irq_entry", "idle_exit",
    "run",     "reset",   "io",   "order", "answer",    "overdue"};
constexpr std::array<absl::string_view, 4> kPlainCoordinatorGates = {
    kAllGates, "commit", "report", "timeout"};

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

std::string AckGate(const StopPublish& publish, const Cpu& cpu) {
  const bool masks =
      MasksInterrupts(publish.state, publish.active.Has(cpu.id()));
  return absl::StrCat(
      "ack:", masks ? "DISABLE_IRQ" : MultiStopStateName(publish.state));
}

}  // namespace

std::string GateOf(const CpuEvent& event, const Cpu& cpu) {
  if (std::holds_alternative<Enqueue>(event)) return "enqueue";
  if (const auto* e = std::get_if<Enqueued>(&event)) {
    return RingOwed(*e, cpu) ? "ring" : "answer";
  }
  if (IsOneOf<Done, Latched>(event)) return "answer";
  if (std::holds_alternative<Doorbell>(event)) return "latch";
  if (std::holds_alternative<IrqEntry>(event)) return "irq_entry";
  if (std::holds_alternative<IdleExit>(event)) return "idle_exit";
  if (const auto* e = std::get_if<StopPublish>(&event)) return AckGate(*e, cpu);
  if (const auto* e = std::get_if<RunStep>(&event)) {
    return absl::StrCat("step:", e->step);
  }
  if (std::holds_alternative<Kick>(event)) return "reset";
  if (std::holds_alternative<DeviceIrq>(event)) return "io";
  if (IsOneOf<StopAbort, WalkSteps, BringOnline, SetView>(event)) {
    return "order";
  }
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
  return IsOneOf<HandoffTimeout, RecoveryTimeout>(event) ? "timeout" : "";
}

absl::StatusOr<std::string> ParseCpuGate(absl::string_view name,
                                         const CpuhpTable& table) {
  for (absl::string_view gate : kPlainCpuGates) {
    if (gate == name) return std::string(name);
  }
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
      "' of a CPU; there are: enqueue, ring, latch, irq_entry, idle_exit, run, "
      "reset, io, ack:STATE (PREPARE, DISABLE_IRQ, RUN, EXIT), step:N or "
      "step:NAME, "
      "order, answer, overdue, all"));
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
      "ap, takedown, stop, dead, done), commit, publish:STATE, report, "
      "timeout, all"));
}

}  // namespace belfry::kernel
