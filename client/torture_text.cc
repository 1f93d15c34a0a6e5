#include "client/torture_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

// "41,203 by doorbell, 12 flushed".
std::string RanText(const v1::TortureCounts& counts) {
  std::vector<std::string> parts;
  for (const auto& [context, count] : counts.ran()) {
    parts.push_back(absl::StrCat(context, " ", count));
  }
  std::sort(parts.begin(), parts.end());
  return absl::StrJoin(parts, ", ");
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
      " many: 0/0 all: 0/0 ", OnoffText(report), " ste: ", c.ste(),
      " stnmie: ", c.stnmie(), " stnmoe: ", c.stnmoe(), " staf: ", c.staf(),
      " irq: ", c.irq(), " lost: ", report.lost(), " late: ", report.late(),
      " dup: ", report.duplicates(), " stuckq: ", StuckText(report));
}

void PrintTorture(Output& out, const v1::TortureReport& report) {
  out.Line(StatisticsLine(report, /*last=*/true));
  const v1::AuditReport& audit = report.audit();
  out.Line(absl::StrCat("calls     ", audit.issued(), " issued, ",
                        audit.completed(), " completed, ", audit.refused(),
                        " refused, ", audit.lost(), " lost with a process, ",
                        audit.pending(), " pending"));
  out.Line(absl::StrCat("ran       ", RanText(report.counts())));
  if (report.kills() > 0) {
    out.Line(absl::StrCat("kills     ", report.kills()));
  }
  for (const v1::TortureReport::StuckQueue& queue : report.stuck_queues()) {
    out.Line(absl::StrCat(
        "stuck     cpu/", queue.cpu(),
        queue.online() ? ", online" : ", offline", ", ",
        trace::CountText(queue.depth(), "call"), " queued, ",
        queue.latched() ? "doorbell latched" : "no doorbell latched", ", ",
        queue.doorbells_in_flight(), " in flight; first seen after ",
        DurationText(absl::Seconds(queue.after_s()))));
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
