#include "client/insight_text.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cpu_text.h"
#include "client/state_dir.h"
#include "trace/report_text.h"
#include "trace/time_text.h"

namespace belfry::client {
namespace {

using Align = Table::Align;

trace::FunctionCounts CountsOf(const v1::PendingReport::Cpu& cpu) {
  return {cpu.by_function().begin(), cpu.by_function().end()};
}

Table QueueTable(const v1::PendingReport& report) {
  Table table({{"CPU"},
               {"STATE"},
               {"QUEUED", Align::kRight},
               {"OLDEST", Align::kRight},
               {"LATCHED"},
               {"STRANDED"},
               {"FUNCTIONS"}});
  for (const v1::PendingReport::Cpu& cpu : report.cpus()) {
    table.Add({CpuName(cpu.cpu()), StateCell(cpu.state()),
               absl::StrCat(cpu.depth()),
               cpu.depth() > 0 ? trace::DurationText(cpu.oldest_age_s()) : "",
               cpu.latched() ? "yes" : "no",
               cpu.stranded() ? Cell("! yes", Style::kBad) : Cell("no"),
               trace::FunctionsText(CountsOf(cpu))});
  }
  return table;
}

// Of calls that nobody waits for, a few of each pair of CPUs tell enough.
constexpr int kAsyncRows = 3;

// The calls that are shown, and how many are not.
std::vector<const v1::PendingReport::Call*> ChooseCalls(
    const v1::PendingReport& report, std::uint32_t* left_out) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, int> shown;
  std::vector<const v1::PendingReport::Call*> chosen;
  for (const v1::PendingReport::Call& call : report.calls()) {
    if (!call.wait() && ++shown[{call.src_cpu(), call.cpu()}] > kAsyncRows) {
      ++*left_out;
    } else {
      chosen.push_back(&call);
    }
  }
  return chosen;
}

Table CallTable(const std::vector<const v1::PendingReport::Call*>& calls) {
  Table table({{"FROM"},
               {"TO"},
               {"CALL", Align::kRight},
               {"FUNCTION"},
               {"WAITS"},
               {"STATE"},
               {"PLACE", Align::kRight},
               {"AGE", Align::kRight},
               {"FRAMES"}});
  for (const v1::PendingReport::Call* shown : calls) {
    const v1::PendingReport::Call& call = *shown;
    const std::string age = trace::DurationText(call.age_s());
    table.Add({CpuName(call.src_cpu()), CpuName(call.cpu()),
               absl::StrCat(call.seq()), call.function(),
               call.stuck()  ? Cell("! stuck", Style::kBad)
               : call.wait() ? Cell("yes")
                             : Cell("no"),
               call.state(),
               call.position() > 0 ? absl::StrCat(call.position()) : "", age,
               absl::StrJoin(call.frames(), " > ")});
  }
  return table;
}

}  // namespace

void PrintPending(Output& out, const v1::PendingReport& report) {
  out.Print(QueueTable(report));
  if (report.calls().empty()) {
    out.Line("no call is pending");
    return;
  }
  out.Line("");
  std::uint32_t left_out = report.not_listed();
  out.Print(CallTable(ChooseCalls(report, &left_out)));
  if (left_out > 0) {
    out.Line(absl::StrCat("and ", left_out,
                          " more that nobody waits for (all: -o json)"));
  }
}

void PrintAudit(Output& out, const v1::AuditReport& report) {
  Table table({{"FROM"},
               {"TO"},
               {"ISSUED", Align::kRight},
               {"COMPLETED", Align::kRight},
               {"REFUSED", Align::kRight},
               {"LOST", Align::kRight},
               {"PENDING", Align::kRight},
               {"ERRORS"}});
  for (const v1::LedgerRow& row : report.rows()) {
    const std::string errors = absl::StrJoin(
        row.refused_by_errno(), ", ", [](std::string* text, const auto& count) {
          absl::StrAppend(text, count.count(), " ", count.errno_name());
        });
    table.Add({CpuName(row.src_cpu()), CpuName(row.cpu()),
               absl::StrCat(row.issued()), absl::StrCat(row.completed()),
               absl::StrCat(row.refused()),
               Cell(absl::StrCat(row.lost()),
                    row.lost() > 0 ? Style::kBad : Style::kPlain),
               absl::StrCat(row.pending()), errors});
  }
  table.Add({Cell("all", Style::kBold), "", absl::StrCat(report.issued()),
             absl::StrCat(report.completed()), absl::StrCat(report.refused()),
             absl::StrCat(report.lost()), absl::StrCat(report.pending()), ""});
  out.Print(table);
  for (const v1::AuditReport::Finding& finding : report.findings()) {
    out.Line(absl::StrCat(
        out.Painted(Style::kBad, "! "), finding.message(), " [", finding.kind(),
        finding.invariant().empty() ? "" : ": ", finding.invariant(), "]"));
  }
  for (const std::string& unknown : report.unknown()) {
    out.Line(absl::StrCat(out.Painted(Style::kBad, "? "), unknown));
  }
  out.Line(report.clean()
               ? out.Painted(Style::kGood, "ok: every call is accounted for")
           : IsViolated(report)
               ? out.Painted(Style::kBad, "! not clean")
               : out.Painted(Style::kBad,
                             "? not known: not all who were there can tell"));
}

bool IsViolated(const v1::AuditReport& report) {
  return std::any_of(
      report.findings().begin(), report.findings().end(),
      [](const auto& finding) { return finding.kind() != "carried"; });
}

std::string WhatDoesNotReturn(const v1::ExplainReport::Waiter& waiter) {
  if (waiter.operation() != 0) {
    return absl::StrCat("operation ", waiter.operation());
  }
  return absl::StrCat(waiter.function(), " on cpu ", waiter.target_cpu());
}

std::string ExplanationText(const v1::ExplainReport& report,
                            const Output& out) {
  std::string text;
  for (const v1::ExplainReport::Waiter& waiter : report.waiters()) {
    absl::StrAppend(
        &text,
        out.Painted(
            Style::kBold,
            absl::StrCat("cpu ", waiter.cpu(), " is stuck for ",
                         trace::DurationText(waiter.age_s()), ": ",
                         WhatDoesNotReturn(waiter), " does not return")),
        "\n");
    if (!waiter.frames().empty()) {
      absl::StrAppend(&text, "  in ", absl::StrJoin(waiter.frames(), " > "),
                      "\n");
    }
    int number = 1;
    for (const v1::ExplainReport::Cause& cause : waiter.causes()) {
      absl::StrAppend(&text, "  ", number++, ". ", cause.text(), "\n");
    }
    if (!waiter.remedy().empty()) {
      absl::StrAppend(&text, "  what frees it: ",
                      out.Painted(Style::kGood, waiter.remedy()), "\n");
    }
  }
  if (!report.stranded_cpus().empty()) {
    absl::StrAppend(&text, out.Painted(Style::kBad, "! "), "stranded queue on ",
                    absl::StrJoin(report.stranded_cpus(), ", ",
                                  [](std::string* list, std::uint32_t cpu) {
                                    absl::StrAppend(list, CpuName(cpu));
                                  }),
                    "\n");
  }
  if (!report.message().empty()) {
    absl::StrAppend(&text, report.message(), "\n");
  }
  return text;
}

}  // namespace belfry::client
