// The fields that our own events have in ftrace's text, where the kernel has no
// such event: what the writer prints and the reader reads.
#ifndef BELFRY_TRACE_FTRACE_FIELDS_H_
#define BELFRY_TRACE_FTRACE_FIELDS_H_

#include "absl/strings/string_view.h"

namespace belfry::trace {

// What an event prints, in this order: "cpu=3 func=nop csd=... ret=0". An empty
// name prints nothing.
struct FtraceFields {
  absl::string_view event;
  bool about = false;
  bool function = false;
  bool csd = false;
  absl::string_view value;
  absl::string_view value2;
  absl::string_view detail;
};

// An event that is not known shows everything it has.
const FtraceFields& FieldsOf(absl::string_view event);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_FTRACE_FIELDS_H_
