// ftrace's text as events of ours: a recording of a real kernel, or what
// trace/ftrace_text.h wrote.
#ifndef BELFRY_TRACE_FTRACE_IMPORT_H_
#define BELFRY_TRACE_FTRACE_IMPORT_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "belfry/v1/report.pb.h"

namespace belfry::trace {

// A header of ftrace's, or an event among the first lines.
bool LooksLikeFtrace(absl::string_view text);

// Fails when the last line is cut off, or when there is no event at all. Lines
// that are no events are passed over, and counted in `problems`.
//
// The text has the order of the events but no Lamport times: they are numbered
// from 1. Of our own traces it does not have the context in which a call ran,
// nor the life of its source.
absl::StatusOr<v1::TraceReport> ReadFtraceText(absl::string_view text);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_FTRACE_IMPORT_H_
