#include "client/dump_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cpu_text.h"
#include "client/state_dir.h"
#include "trace/report_text.h"
#include "trace/time_text.h"

namespace belfry::client {
namespace {

absl::string_view FateText(v1::Doorbell::Fate fate) {
  switch (fate) {
    case v1::Doorbell::FATE_IN_FLIGHT:
      return "still in flight";
    case v1::Doorbell::FATE_LATCHED:
      return "latched, waits for interrupts to be enabled";
    case v1::Doorbell::FATE_FLAGGED:
      return "no interrupt: set need_resched, the CPU polls";
    case v1::Doorbell::FATE_TAKEN:
      return "taken";
    case v1::Doorbell::FATE_CLEARED_BY_RESET:
      return "cleared by the reset that brought the CPU up";
    default:
      return "none";
  }
}

std::string QueueText(const v1::CpuSnapshot& snapshot) {
  if (snapshot.depth() == 0) return "empty";
  trace::FunctionCounts counts;
  for (const v1::FunctionCount& count : snapshot.by_function()) {
    counts[count.function()] += count.count();
  }
  return absl::StrCat(trace::CountText(snapshot.depth(), "call"), ": ",
                      trace::FunctionsText(counts));
}

std::string DoorbellText(const v1::CpuSnapshot& snapshot) {
  const v1::Doorbell& last = snapshot.last_doorbell();
  std::string text = snapshot.latched() ? "latched" : "not latched";
  if (snapshot.doorbells_in_flight() > 0) {
    absl::StrAppend(&text, ", ", snapshot.doorbells_in_flight(),
                    " held in flight");
  }
  if (last.fate() != v1::Doorbell::FATE_UNSPECIFIED &&
      last.fate() != v1::Doorbell::FATE_NONE) {
    // The operator's doorbell is for no call.
    const std::string who = last.seq() == 0
                                ? "an operator"
                                : absl::StrCat("cpu ", last.src_cpu(),
                                               " for its call ", last.seq());
    absl::StrAppend(&text, "; the last one, rung by ", who, ": ",
                    FateText(last.fate()));
  }
  return text;
}

void AddWaiter(const v1::CpuSnapshot& snapshot, const v1::OutgoingCall& call,
               const Output& out, std::string* text) {
  if (!call.wait()) return;
  const double age = trace::SecondsBetween(call.issue_time(), snapshot.time());
  const std::string line = absl::StrCat(
      "waits ", trace::DurationText(age), " for call ", call.seq(), " (",
      call.function(), ") on cpu ", call.cpu(), call.stuck() ? ": STUCK" : "");
  absl::StrAppend(text, "  ",
                  call.stuck() ? out.Painted(Style::kBad, "! ") : "", line,
                  "\n");
  int number = 0;
  for (auto frame = call.frames().rbegin(); frame != call.frames().rend();
       ++frame) {
    absl::StrAppend(text, "   #", number++, " ", *frame, "\n");
  }
}

std::string SnapshotText(const v1::CpuSnapshot& snapshot, const Output& out) {
  std::string text = absl::StrCat(
      "  life       ", snapshot.life(), ", interrupts ",
      snapshot.irqs_masked() ? "masked" : "enabled", ", view ",
      snapshot.view().number(), " (online ", snapshot.view().online(), ")\n",
      "  doorbell   ", DoorbellText(snapshot), "\n", "  queue      ",
      QueueText(snapshot), "\n");
  if (snapshot.blk_cpu_done() > 0) {
    absl::StrAppend(&text, "  softirq    BLOCK raised, ",
                    trace::CountText(snapshot.blk_cpu_done(), "request"),
                    " to complete\n");
  }
  if (!snapshot.stop().state().empty()) {
    absl::StrAppend(&text, "  stop       ", trace::StoppedByText(snapshot),
                    ", ", snapshot.stop().state(),
                    snapshot.stop().acked() ? ", acknowledged" : "", "\n");
  }
  for (const v1::OutgoingCall& call : snapshot.outgoing()) {
    AddWaiter(snapshot, call, out, &text);
  }
  return text;
}

}  // namespace

std::string CpuDumpText(const v1::DumpReport::Cpu& cpu, const Output& out) {
  const Cell state = StateCell(cpu.info().state());
  std::string text = absl::StrCat(
      out.Painted(Style::kBold, absl::StrCat("CPU ", cpu.info().cpu())), "  ",
      out.Painted(state.style, state.text), "  PID ", cpu.info().pid(),
      cpu.activity().empty() ? "" : "  ", cpu.activity(), "\n");
  if (cpu.stranded()) {
    absl::StrAppend(&text, "  ", out.Painted(Style::kBad, "! stranded: "),
                    "its queue is not empty and no doorbell is under way\n");
  }
  if (cpu.has_snapshot()) {
    text += SnapshotText(cpu.snapshot(), out);
  } else {
    absl::StrAppend(&text, "  ", out.Painted(Style::kBad, "! "), cpu.problem(),
                    "\n");
  }
  return text;
}

}  // namespace belfry::client
