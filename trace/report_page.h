// trace/report/report.html, held inside the program.
#ifndef BELFRY_TRACE_REPORT_PAGE_H_
#define BELFRY_TRACE_REPORT_PAGE_H_

#include <span>
#include <string_view>

namespace belfry::trace {

struct EmbeddedFile {
  std::string_view name;
  std::string_view content;
};

// One file. Lives as long as the program.
std::span<const EmbeddedFile> EmbeddedReport();

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_REPORT_PAGE_H_
