// belfry trace show, convert, check, stat: what trace/ makes of a file.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/table.h"
#include "client/trace_input.h"
#include "rpc/files.h"
#include "trace/ftrace_text.h"
#include "trace/perfetto.h"
#include "trace/trace_check.h"
#include "trace/trace_file.h"
#include "trace/trace_stat.h"

namespace belfry::client {
namespace {

std::string FtraceOf(const v1::TraceReport& trace) {
  const std::vector<v1::TraceEvent> events(trace.events().begin(),
                                           trace.events().end());
  return trace::FtraceText(events, {.cpus = trace.machine().cpus(),
                                    .overwritten = trace.overwritten()});
}

std::string Converted(const v1::TraceReport& trace, const std::string& format) {
  if (format == "ftrace") return FtraceOf(trace);
  if (format == "perfetto") return trace::PerfettoJson(trace);
  return trace::WriteBelfryTrace(trace);
}

void PrintCheck(Output& out, const v1::TraceCheckReport& report) {
  for (const auto& violation : report.violations()) {
    out.Line(absl::StrCat(
        out.Painted(Style::kBad, "violated"), "  ", violation.invariant(),
        violation.has_cpu() ? absl::StrCat("  cpu/", violation.cpu()) : "",
        ": ", violation.message()));
  }
  for (const std::string& name : report.judged()) {
    const bool violated = std::any_of(
        report.violations().begin(), report.violations().end(),
        [&](const auto& violation) { return violation.invariant() == name; });
    if (!violated) {
      out.Line(absl::StrCat(out.Painted(Style::kGood, "holds   "), "  ", name));
    }
  }
  for (const auto& unjudged : report.unjudged()) {
    out.Line(absl::StrCat(out.Painted(Style::kDim, "unjudged"), "  ",
                          unjudged.invariant(), ": ", unjudged.reason()));
  }
}

void PrintStat(Output& out, const v1::TraceStatReport& report) {
  out.Line(
      absl::StrFormat("%u events from %.6f to %.6f, %u overwritten, "
                      "%u earlier than the one before",
                      report.events(), report.begin_s(), report.end_s(),
                      report.overwritten(), report.backwards()));
  Table kinds({{"EVENT"}, {"COUNT", Table::Align::kRight}});
  for (const auto& kind : report.kinds()) {
    kinds.Add({kind.name(), absl::StrCat(kind.count())});
  }
  out.Print(kinds);
  Table cpus({{"CPU"},
              {"EVENTS", Table::Align::kRight},
              {"FIRST", Table::Align::kRight},
              {"LAST", Table::Align::kRight},
              {"LONGEST GAP", Table::Align::kRight},
              {"FROM", Table::Align::kRight}});
  for (const auto& cpu : report.cpus()) {
    cpus.Add({cpu.has_cpu() ? absl::StrCat(cpu.cpu()) : "coordinator",
              absl::StrCat(cpu.events()),
              absl::StrFormat("%.6f", cpu.first_s()),
              absl::StrFormat("%.6f", cpu.last_s()),
              absl::StrFormat("%.6f", cpu.longest_gap_s()),
              absl::StrFormat("%.6f", cpu.longest_gap_at_s())});
  }
  out.Print(cpus);
}

}  // namespace

ExitCode Run(Context& context, const TraceShowOptions& options) {
  const auto trace = options.file.empty() ? ReadClusterTrace(context.options)
                                          : ReadTraceFile(options.file);
  if (!trace.ok()) return trace.status();
  if (context.out.json()) {
    context.out.Json(*trace);
    return kExitOk;
  }
  context.out.Data(FtraceOf(*trace));
  TellProblems(context.out, *trace);
  return kExitOk;
}

ExitCode Run(Context& context, const TraceConvertOptions& options) {
  const auto trace = ReadTraceFile(options.file);
  if (!trace.ok()) return trace.status();
  const std::string bytes = Converted(*trace, options.to);
  TellProblems(context.out, *trace);
  if (options.output == "-") {
    context.out.Data(bytes);
    return kExitOk;
  }
  const absl::Status written = rpc::WriteFileAtomically(options.output, bytes);
  if (!written.ok()) return UsageError(written.message());
  return kExitOk;
}

ExitCode Run(Context& context, const TraceCheckOptions& options) {
  const auto trace = ReadTraceFile(options.file);
  if (!trace.ok()) return trace.status();
  const v1::TraceCheckReport report = trace::CheckTrace(*trace);
  if (context.out.json()) {
    context.out.Json(report);
  } else {
    PrintCheck(context.out, report);
    for (const std::string& problem : report.problems()) {
      context.out.Note(problem);
    }
  }
  if (!report.violations().empty()) return kExitViolated;
  return report.judged().empty() ? kExitInconclusive : kExitOk;
}

ExitCode Run(Context& context, const TraceStatOptions& options) {
  const auto trace = ReadTraceFile(options.file);
  if (!trace.ok()) return trace.status();
  const v1::TraceStatReport report = trace::MakeTraceStat(*trace);
  if (context.out.json()) {
    context.out.Json(report);
    return kExitOk;
  }
  PrintStat(context.out, report);
  TellProblems(context.out, *trace);
  return kExitOk;
}

}  // namespace belfry::client
