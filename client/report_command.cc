// belfry report: a run as one HTML file, from a trace or from the cluster.
#include <google/protobuf/util/json_util.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "belfry/v1/report.pb.h"
#include "client/collect.h"
#include "client/commands.h"
#include "client/coordinator.h"
#include "client/exit_code.h"
#include "client/files.h"
#include "rpc/files.h"
#include "trace/explain.h"
#include "trace/html_report.h"
#include "trace/report_text.h"
#include "trace/trace_file.h"
#include "trace/traced_machine.h"

namespace belfry::client {
namespace {

// What a report is made of.
struct Recorded {
  v1::TraceReport trace;
  v1::ExplainReport explanation;
  std::string title;
};

// A trace file, or what `belfry trace show -o json` printed.
absl::StatusOr<v1::TraceReport> ParseTrace(const std::string& bytes) {
  absl::StatusOr<v1::TraceReport> trace = trace::ReadTrace(bytes);
  if (trace.ok() ||
      trace::DetectTraceFormat(bytes) != trace::TraceFormat::kPerfetto) {
    return trace;
  }
  v1::TraceReport report;
  if (!google::protobuf::util::JsonStringToMessage(bytes, &report).ok()) {
    return absl::InvalidArgumentError(
        "JSON, but not what `belfry trace show -o json` prints");
  }
  return report;
}

absl::StatusOr<Recorded> FromFile(const std::string& path) {
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return UsageError(bytes.status().message());
  absl::StatusOr<v1::TraceReport> trace = ParseTrace(*bytes);
  if (!trace.ok()) {
    return WithExitCode(absl::InvalidArgumentError(
                            absl::StrCat(path, ": ", trace.status().message())),
                        kExitBadFile);
  }
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
  Recorded recorded{
      .explanation = trace::Explain(*view),
      .title = absl::StrCat("cluster, ", view->cluster.profile().name())};
  recorded.trace.mutable_events()->Assign(view->events.begin(),
                                          view->events.end());
  recorded.trace.set_overwritten(view->overwritten);
  for (std::string& problem : ProblemsOf(*view)) {
    recorded.trace.add_problems(std::move(problem));
  }
  return recorded;
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
  for (const std::string& problem : recorded->trace.problems()) {
    context.out.Error(problem);
  }
  return kExitOk;
}

}  // namespace belfry::client
