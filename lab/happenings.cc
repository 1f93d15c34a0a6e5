#include "lab/happenings.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "kernel/functions.h"
#include "trace/codec.h"

namespace belfry::lab {

std::string FunctionName(kernel::FuncId func) {
  return func.value < kernel::kBuiltinFunctions.size()
             ? std::string(kernel::kBuiltinFunctions[func.value])
             : absl::StrCat("function ", func.value);
}

void AppendEvents(const Happenings& happenings, std::chrono::nanoseconds time,
                  std::vector<v1::TraceEvent>* events) {
  for (const Happening& happening : happenings) {
    const auto* event = std::get_if<kernel::TraceEvent>(&happening.what);
    if (event == nullptr) continue;
    events->push_back(
        trace::ToProto(happening.cpu, *event, FunctionName(event->func)));
    events->back().set_lamport(events->size());
    *events->back().mutable_time() =
        trace::ToTimestamp(std::chrono::system_clock::time_point(time));
  }
}

}  // namespace belfry::lab
