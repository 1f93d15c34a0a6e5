// Traces as files: what a file is, and what is in it.
//
// A file is read whole or not at all: a file that was cut off, or of which a
// part makes no sense, is an error that says what the file is and where it
// ends, and none of its events are given out.
#ifndef BELFRY_TRACE_TRACE_FILE_H_
#define BELFRY_TRACE_TRACE_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "belfry/v1/report.pb.h"

namespace belfry::trace {

enum class TraceFormat {
  kUnknown,
  // Our own: proto/belfry/v1/trace.proto.
  kBelfry,
  // What `cat /sys/kernel/tracing/trace` and `trace-cmd report` print, of a
  // kernel or of ours (trace/ftrace_text.h).
  kFtrace,
  // Chrome's JSON, which Perfetto opens: written, never read.
  kPerfetto,
};

// By what the bytes begin with, never by a file's name.
TraceFormat DetectTraceFormat(absl::string_view bytes);

// A file of a format that can be read. The error is one line without the file's
// name: "a Belfry trace, cut off at byte 812, within record 14".
absl::StatusOr<v1::TraceReport> ReadTrace(absl::string_view bytes);

// Our own format.
std::string WriteBelfryTrace(const v1::TraceReport& trace);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_TRACE_FILE_H_
