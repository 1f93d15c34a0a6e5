// belfry report: a run as one HTML file, from a trace or from the cluster.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "belfry/v1/report.pb.h"
#include "client/collect.h"
#include "client/commands.h"
#include "client/coordinator.h"
#include "client/exit_code.h"
#include "client/trace_input.h"
#include "rpc/files.h"
#include "trace/explain.h"
#include "trace/html_report.h"
#include "trace/report_text.h"
#include "trace/traced_machine.h"

namespace belfry::client {
namespace {

// What a report is made of.
struct Recorded {
  v1::TraceReport trace;
  v1::ExplainReport explanation;
  std::string title;
};

absl::StatusOr<Recorded> FromFile(const std::string& path) {
  absl::StatusOr<v1::TraceReport> trace = ReadTraceFile(path);
  if (!trace.ok()) return trace.status();
  Recorded recorded{
      .trace = *std::move(trace),
      .title = path == "-" ? "a trace" : path.substr(path.rfind('/') + 1)};
  recorded.explanation = trace::Explain(trace::ViewOfTrace(recorded.trace));
  return recorded;
}

absl::StatusOr<Recorded> FromCluster(const GlobalOptions& options) {
  auto coordinator = Connect(options);
  if (!coordinator.ok()) return coordinator.status();
  const auto view = CollectView(*coordinator, {.trace = true});
  if (!view.ok()) return view.status();
  return Recorded{
      .trace = TraceOf(*view),
      .explanation = trace::Explain(*view),
      .title = absl::StrCat("cluster, ", view->cluster.profile().name())};
}

}  // namespace

ExitCode Run(Context& context, const ReportOptions& options) {
  const absl::StatusOr<Recorded> recorded = options.trace.empty()
                                                ? FromCluster(context.options)
                                                : FromFile(options.trace);
  if (!recorded.ok()) return recorded.status();
  const std::string page = trace::HtmlReport(
      recorded->trace, recorded->explanation, recorded->title);
  if (options.output == "-") {
    context.out.Data(page);
    return kExitOk;
  }
  const absl::Status written = rpc::WriteFileAtomically(options.output, page);
  if (!written.ok()) return UsageError(written.message());
  context.out.Line(
      absl::StrCat(options.output, ": ",
                   trace::CountText(recorded->trace.events_size(), "event")));
  TellProblems(context.out, recorded->trace);
  return kExitOk;
}

}  // namespace belfry::client
