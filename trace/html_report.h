// A run as one HTML file that draws it, explains it and needs no network.
#ifndef BELFRY_TRACE_HTML_REPORT_H_
#define BELFRY_TRACE_HTML_REPORT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "belfry/v1/report.pb.h"

namespace belfry::trace {

// The file's text. `title` says what was recorded: "lost.trace". Whatever the
// strings of the trace hold, they stay text in it.
std::string HtmlReport(const v1::TraceReport& trace,
                       const v1::ExplainReport& explanation,
                       absl::string_view title);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_HTML_REPORT_H_
