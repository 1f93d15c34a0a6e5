#include "tests/support/effect_text.h"

#include <array>
#include <variant>

#include "absl/strings/str_cat.h"

namespace belfry::testing {
namespace {

using namespace kernel;  // NOLINT: one overload for each of its effects.

std::string To(CpuId dst, Seq seq) {
  return absl::StrCat(" ", dst.value, "#", seq);
}

std::string Failed(Errno error) {
  return error == Errno::kOk ? "" : absl::StrCat(" ", ErrnoName(error));
}

std::string Line(const SendEnqueue& e) {
  return absl::StrCat("enqueue", To(e.dst, e.csd.key.seq),
                      e.csd.wait ? " wait" : "", e.csd.many ? " many" : "",
                      e.fused ? "" : " split");
}
std::string Line(const SendEnqueued& e) {
  return absl::StrCat("enqueued", To(e.dst, e.seq),
                      e.was_empty ? " was_empty" : "", e.rung ? " rung" : "",
                      Failed(e.error));
}
std::string Line(const SendDone& e) {
  return absl::StrCat(e.refused ? "refuse" : "done", To(e.dst, e.seq),
                      Failed(e.error), e.result.empty() ? "" : " ", e.result);
}
std::string Line(const SendRing& e) {
  return absl::StrCat("ring", To(e.dst, e.seq));
}
std::string Line(const RingSelf& e) {
  return absl::StrCat("ring_self", To(e.key.src, e.key.seq));
}
std::string Line(const SendLatched& e) {
  return absl::StrCat("latched", To(e.dst, e.seq));
}
std::string Line(const RaiseIrq&) { return "raise_irq"; }
std::string Line(const WakeIdle&) { return "wake_idle"; }
std::string Line(const RunFunction& e) {
  return absl::StrCat("run ", ContextName(e.context), " of ", e.src.value);
}
std::string Line(const NextStep& e) {
  return absl::StrCat("next_step ", e.step);
}
std::string Line(const NextStage& e) {
  return absl::StrCat("next_stage ", OfflineStageName(e.stage));
}
std::string Line(const WakeStopper&) { return "wake stopper"; }
std::string Line(const HoldLease&) { return "hold lease"; }
std::string Line(const OpenWindow&) { return "open window"; }
std::string Line(const LookAtWindow&) { return "look at window"; }
std::string Line(const SendStopTwo& e) {
  return absl::StrCat(e.order.verb == StopTwoVerb::kPublish
                          ? MultiStopStateName(e.order.state)
                          : StopTwoVerbName(e.order.verb),
                      " -> ", e.dst.value);
}
std::string Line(const SendStopTwoReport& e) {
  return absl::StrCat(e.report.verb == StopTwoVerb::kPublish
                          ? MultiStopStateName(e.report.state)
                          : StopTwoVerbName(e.report.verb),
                      Failed(e.report.error), " done -> ", e.dst.value);
}
std::string Line(const CallQueued& e) {
  return absl::StrCat("call ", e.token, " queued");
}
std::string Line(const CallEnded& e) {
  constexpr std::array<absl::string_view, 3> kOutcomes = {"completed",
                                                          "refused", "lost"};
  return absl::StrCat("call ", e.token, " ",
                      kOutcomes[static_cast<std::size_t>(e.outcome)],
                      Failed(e.error), e.result.empty() ? "" : " ", e.result);
}

std::string Message(const StopAck& m) {
  return absl::StrCat(
      m.refused ? "refuse " : "ack ", MultiStopStateName(m.state),
      Failed(m.error),
      m.flushed > 0 ? absl::StrCat(" flushed ", m.flushed) : "",
      m.handover.device_irqs.empty()
          ? ""
          : absl::StrCat(" irqs ", m.handover.device_irqs.size()));
}
std::string Message(const StopAborted& m) {
  return m.ran ? "aborted and had run" : "aborted";
}
std::string Message(const StepsDone& m) {
  return absl::StrCat("walk ", m.walk.value, " at ", m.state, Failed(m.error));
}
std::string Message(const Alive&) { return "alive"; }
std::string Message(const StartingDone&) { return "starting_done"; }
std::string Message(const ViewAck& m) {
  return absl::StrCat("view_ack ", m.number);
}
std::string Message(const Readers& m) {
  return absl::StrCat("readers ", m.count);
}
std::string Message(const Dead& m) {
  return m.report_owed ? "dead, report owed" : "dead";
}

std::string Line(const Tell& e) {
  return absl::StrCat(
      "tell ", std::visit([](const auto& m) { return Message(m); }, e.message));
}
std::string Line(const Trace&) { return ""; }

}  // namespace

std::vector<std::string> EffectLines(const CpuEffects& effects) {
  std::vector<std::string> lines;
  for (const CpuEffect& effect : effects) {
    std::string line =
        std::visit([](const auto& e) { return Line(e); }, effect);
    if (!line.empty()) lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace belfry::testing
