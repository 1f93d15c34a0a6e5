// belfry trace record: reads the rings of all processes until the time is over,
// and writes one trace.
#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/commands.h"
#include "client/coordinator.h"
#include "client/exit_code.h"
#include "client/interrupt.h"
#include "client/recorder.h"
#include "client/trace_input.h"
#include "rpc/files.h"
#include "trace/report_text.h"
#include "trace/trace_file.h"

namespace belfry::client {

ExitCode Run(Context& context, const TraceRecordOptions& options) {
  auto coordinator = Connect(context.options);
  if (!coordinator.ok()) return coordinator.status();
  const Interrupt interrupt;
  Recorder recorder(&*coordinator);
  const absl::Time end = absl::Now() + options.duration;
  while (true) {
    if (const absl::Status read = recorder.Poll(); !read.ok()) return read;
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration() ||
        recorder.events() >= options.max_events ||
        !interrupt.Sleep(std::min(left, kRecordEvery))) {
      break;
    }
  }
  v1::TraceReport trace = recorder.Trace();
  if (recorder.events() > options.max_events) {
    auto* events = trace.mutable_events();
    events->DeleteSubrange(
        static_cast<int>(options.max_events),
        events->size() - static_cast<int>(options.max_events));
    trace.add_problems(absl::StrCat("the recording was ended after ",
                                    options.max_events, " events"));
  }
  const std::string bytes = trace::WriteBelfryTrace(trace);
  if (options.output == "-") {
    context.out.Data(bytes);
  } else {
    const absl::Status written =
        rpc::WriteFileAtomically(options.output, bytes);
    if (!written.ok()) return UsageError(written.message());
  }
  TellProblems(context.out, trace);
  context.out.Note(absl::StrCat(
      "recorded ", trace::CountText(trace.events_size(), "event"), " to ",
      options.output, ", ", trace.overwritten(), " overwritten"));
  if (const absl::Status ended = interrupt.Check(); !ended.ok()) return ended;
  return kExitOk;
}

}  // namespace belfry::client
