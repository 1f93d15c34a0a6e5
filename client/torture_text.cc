#include "client/torture_text.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "client/duration.h"
#include "client/insight_text.h"
#include "trace/report_text.h"

namespace belfry::client {
namespace {

// torture_onoff_stats(): attempts that went well of all, up then down; the
// shortest and longest of each; the sums. A jiffy is a millisecond.
std::string OnoffText(const v1::TortureReport& report) {
  const v1::TortureReport::Onoff& on = report.online();
  const v1::TortureReport::Onoff& off = report.offline();
  return absl::StrCat("onoff: ", on.ok(), "/", on.tried(), ":", off.ok(), "/",
                      off.tried(), " ", on.min_ms(), ",", on.max_ms(), ":",
                      off.min_ms(), ",", off.max_ms(), " ", on.sum_ms(), ":",
                      off.sum_ms(), " (HZ=1000)");
}

std::string StuckText(const v1::TortureReport& report) {
  std::vector<std::string> queues;
  for (const v1::TortureReport::StuckQueue& queue : report.stuck_queues()) {
    queues.push_back(absl::StrCat(queue.cpu(), ":", queue.depth()));
  }
  return queues.empty() ? "0" : absl::StrJoin(queues, ",");
}

// Where a trace says that a function ran.
constexpr std::pair<absl::string_view, absl::string_view> kContexts[] = {
    {"doorbell", "by doorbell"},         {"idle", "by poll"},
    {"flush", "in the dying flush"},     {"late", "on an offline CPU"},
    {"self", "on the caller's own CPU"},
};

// "41203 by doorbell, 12 in the dying flush".
std::string RanText(const v1::TortureCounts& counts) {
  std::vector<std::string> parts;
  for (const auto& [context, text] : kContexts) {
    const auto ran = counts.ran().find(std::string(context));
    if (ran == counts.ran().end() || ran->second == 0) continue;
    parts.push_back(absl::StrCat(ran->second, " ", text));
  }
  return parts.empty() ? "0" : absl::StrJoin(parts, ", ");
}

std::string StuckLine(const v1::TortureReport::StuckQueue& queue) {
  return absl::StrCat(
      "stuck     cpu/", queue.cpu(), queue.online() ? ", online" : ", offline",
      ", ", trace::CountText(queue.depth(), "call"), " queued, ",
      queue.latched() ? "doorbell latched" : "no doorbell latched", ", ",
      queue.doorbells_in_flight(), " in flight; first seen after ",
      DurationText(absl::Seconds(queue.after_s())));
}

}  // namespace

std::string StatisticsLine(const v1::TortureReport& report, bool last) {
  const v1::TortureCounts& c = report.counts();
  const bool error = !report.failure().empty();
  return absl::StrCat(
      "scftorture: ", error ? "!!! " : "", "scf_invoked_count ",
      last ? "VER" : "ver", ": ", c.invoked(),
      " resched: 0 single: ", c.single(), "/", c.single_wait(),
      " single_ofl: ", c.single_ofl(), "/", c.single_wait_ofl(),
      " single_rpc: ", c.single_rpc(), " single_rpc_ofl: ", c.single_rpc_ofl(),
      " many: ", c.many(), "/", c.many_wait(), " all: ", c.all(), "/",
      c.all_wait(), " ", OnoffText(report), " ste: ", c.ste(),
      " stnmie: ", c.stnmie(), " stnmoe: ", c.stnmoe(), " staf: ", c.staf(),
      " irq: ", c.irq(), " lost: ", report.lost(), " late: ", report.late(),
      " dup: ", report.duplicates(), " stuckq: ", StuckText(report));
}

std::string TortureProgressText(const v1::TortureReport& report,
                                absl::Duration duration,
                                const std::string& doing) {
  const absl::Duration so_far =
      absl::Trunc(absl::Seconds(report.duration_s()), absl::Seconds(1));
  std::string text = absl::StrCat(
      absl::FormatDuration(so_far), " of ", absl::FormatDuration(duration),
      ": ", report.counts().invoked(), " calls run, ", report.offline().ok(),
      " offline, ", report.online().ok(), " online");
  if (report.kills() > 0)
    absl::StrAppend(&text, ", ", report.kills(), " killed");
  if (!doing.empty()) absl::StrAppend(&text, "; ", doing);
  return text;
}

std::string WrongCallsText(const v1::TortureCounts& counts) {
  if (counts.ste() + counts.stnmie() + counts.stnmoe() == 0) return "";
  return absl::StrCat(counts.ste(), " calls ran on another CPU, ",
                      counts.stnmie(), " without their arguments, ",
                      counts.stnmoe(), " came back without their answer");
}

void PrintTorture(Output& out, const v1::TortureReport& report) {
  out.Line(StatisticsLine(report, /*last=*/true));
  const v1::AuditReport& audit = report.audit();
  out.Line(absl::StrCat("calls     ", audit.issued(), " issued, ",
                        audit.completed(), " completed, ", audit.refused(),
                        " refused, ", audit.lost(), " lost with a process, ",
                        audit.pending(), " pending"));
  if (report.queued_with_doorbell() + report.queued_without_doorbell() > 0) {
    out.Line(absl::StrCat("queued    ", report.queued_with_doorbell(),
                          " with a doorbell under way, ",
                          report.queued_without_doorbell(), " without"));
  }
  out.Line(absl::StrCat("ran       ", RanText(report.counts())));
  out.Line(absl::StrCat(
      "barriers  ", report.barriers(), " took a CPU out; ",
      trace::CountText(static_cast<std::uint64_t>(report.breaches_size()),
                       "fault"),
      " in the accounts at their end"));
  if (report.kills() > 0) {
    out.Line(absl::StrCat("kills     ", report.kills()));
  }
  for (const std::string& breach : report.breaches()) {
    if (breach == report.failure()) continue;
    out.Line(absl::StrCat("breach    ", breach));
  }
  for (const v1::TortureReport::StuckQueue& queue : report.stuck_queues()) {
    out.Line(StuckLine(queue));
  }
  if (report.hang() || !report.explanation().waiters().empty()) {
    out.Data(ExplanationText(report.explanation(), out));
  }
  const bool good = report.verdict() == "SUCCESS";
  out.Line(out.Painted(
      good                            ? Style::kGood
      : report.verdict() == "FAILURE" ? Style::kBad
                                      : Style::kWarn,
      absl::StrCat("verdict   ", good ? "" : "! ", report.verdict(),
                   report.failure().empty() ? "" : ": ", report.failure(), " (",
                   report.profile(), ", ", report.cpus(), " CPUs, seed ",
                   report.seed(), ", ",
                   DurationText(absl::Seconds(report.duration_s())), ")")));
}

}  // namespace belfry::client
