#include "client/scenario_text.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/duration.h"
#include "client/exit_code.h"
#include "client/insight_text.h"
#include "client/state_dir.h"
#include "lab/runner.h"
#include "trace/report_text.h"
#include "trace/time_text.h"

namespace belfry::client {
namespace {

std::string QueueText(const v1::ScenarioResult::Cpu& cpu) {
  if (cpu.depth() == 0) return "empty";
  const trace::FunctionCounts counts(cpu.by_function().begin(),
                                     cpu.by_function().end());
  return absl::StrCat(trace::CountText(cpu.depth(), "call"), ": ",
                      trace::FunctionsText(counts));
}

std::string DoorbellText(const v1::ScenarioResult::DoorbellState& doorbell) {
  return absl::StrCat(doorbell.latched() ? "latched" : "not latched", ", ",
                      doorbell.in_flight(), " in flight; the last one: ",
                      absl::StrReplaceAll(doorbell.fate(), {{"_", " "}}));
}

void PrintState(Output& out, const v1::ScenarioResult& result) {
  Table table({{"CPU"}, {"QUEUE"}});
  for (const v1::ScenarioResult::Cpu& cpu : result.cpus()) {
    table.Add(
        {CpuName(cpu.cpu()),
         Cell(QueueText(cpu), cpu.depth() > 0 ? Style::kWarn : Style::kPlain)});
  }
  if (!table.empty()) out.Print(table);
  if (result.has_doorbell()) {
    out.Line(absl::StrCat("doorbell  ", DoorbellText(result.doorbell())));
  }
  for (const v1::ScenarioResult::Stuck& stuck : result.stuck()) {
    out.Line(absl::StrCat(out.Painted(Style::kBad, "! stuck   "),
                          CpuName(stuck.cpu()), " for ",
                          trace::DurationText(stuck.age_s()), " in ",
                          absl::StrJoin(stuck.chain(), " > ")));
  }
  for (const v1::ScenarioResult::Gate& gate : result.gates().prevented()) {
    out.Line(absl::StrCat("prevented ", gate.process(), " ", gate.name(), ": ",
                          gate.message()));
  }
  if (!result.has_ledger()) return;
  const v1::ScenarioResult::Ledger& ledger = result.ledger();
  out.Line(absl::StrCat("ledger    ", ledger.issued(),
                        " issued = ", ledger.completed(), " completed + ",
                        ledger.refused(), " refused + ", ledger.lost(),
                        " lost + ", ledger.pending(), " pending"));
}

Style StyleOf(const std::string& verdict) {
  if (verdict == lab::kHolds) return Style::kGood;
  return verdict == lab::kInconclusive ? Style::kWarn : Style::kBad;
}

}  // namespace

int ExitCodeOfVerdict(absl::string_view verdict) {
  if (verdict == lab::kHolds) return kExitOk;
  if (verdict == lab::kHang) return kExitHang;
  if (verdict == lab::kViolated) return kExitViolated;
  return kExitInconclusive;
}

trace::PictureOptions PictureOptionsOf(const Output& out) {
  return {.color = out.color() && out.table(),
          .width = out.width(),
          .ascii = out.ascii()};
}

void PrintScenarioResult(Output& out, const v1::ScenarioResult& result,
                         const ShowOptions& show,
                         const std::string& difference) {
  const bool bad = result.verdict() != lab::kHolds;
  if ((bad || show.picture) && !result.picture().empty()) {
    out.Line("");
    out.Data(result.picture());
  }
  // In memory there is no more to tell than the picture does.
  if (result.has_ledger() || result.has_gates()) {
    out.Line("");
    PrintState(out, result);
  }
  if ((bad || show.explain) && result.has_explanation()) {
    out.Line("");
    out.Data(ExplanationText(result.explanation(), out));
  }
  out.Line("");
  std::string line =
      out.Painted(StyleOf(result.verdict()),
                  absl::StrCat("verdict   ", bad ? "! " : "",
                               absl::AsciiStrToUpper(result.verdict())));
  absl::StrAppend(&line, " under ", result.profile());
  if (!result.violated().empty()) {
    absl::StrAppend(&line, ", violates ",
                    absl::StrJoin(result.violated(), ", "));
  }
  out.Line(absl::StrCat(line, " (",
                        DurationText(absl::Seconds(result.duration_s())), ")"));
  if (!result.message().empty()) out.Line(result.message());
  if (result.expected().empty()) return;
  out.Line(difference.empty()
               ? "as the scenario expects of this profile"
               : out.Painted(Style::kBad, absl::StrCat("! ", difference)));
}

void PrintScenarioSummary(Output& out, const v1::ScenarioSummary& summary) {
  const std::string verdicts = absl::StrJoin(
      summary.verdicts(), ", ", [](std::string* text, const auto& entry) {
        absl::StrAppend(text, entry.second, " ", entry.first);
      });
  out.Line(absl::StrCat(
      summary.scenario(), " under ", summary.profile(), ": ",
      trace::CountText(summary.runs(), "run"), " in ",
      DurationText(absl::Seconds(summary.duration_s())), ": ", verdicts,
      summary.unexpected() == 0
          ? ""
          : absl::StrCat("; ", summary.unexpected(), " not as expected")));
}

}  // namespace belfry::client
