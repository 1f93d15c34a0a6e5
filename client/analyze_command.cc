// belfry analyze: a trace of a real kernel, or of ours, judged by itself.
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/trace_input.h"
#include "trace/analysis.h"
#include "trace/analysis_text.h"

namespace belfry::client {

ExitCode Run(Context& context, const AnalyzeOptions& options) {
  const auto trace = ReadTraceFile(options.file);
  if (!trace.ok()) return trace.status();
  const v1::AnalysisReport report = trace::Analyze(*trace);
  if (context.out.json()) {
    context.out.Json(report);
  } else {
    context.out.Data(
        trace::AnalysisText(report, {.ascii = context.out.ascii()}));
  }
  return kExitOk;
}

}  // namespace belfry::client
