// An analysis as people read it.
#ifndef BELFRY_TRACE_ANALYSIS_TEXT_H_
#define BELFRY_TRACE_ANALYSIS_TEXT_H_

#include <string>

#include "belfry/v1/report.pb.h"

namespace belfry::trace {

struct AnalysisTextOptions {
  // Nothing outside ASCII.
  bool ascii = false;
};

// Long lists are cut, and say so: the report itself has all.
std::string AnalysisText(const v1::AnalysisReport& report,
                         const AnalysisTextOptions& options = {});

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_ANALYSIS_TEXT_H_
