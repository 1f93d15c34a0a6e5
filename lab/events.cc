#include "lab/events.h"

#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "kernel/functions.h"
#include "trace/codec.h"

namespace belfry::lab {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

std::string FunctionName(kernel::FuncId func) {
  return func.value < kernel::kBuiltinFunctions.size()
             ? std::string(kernel::kBuiltinFunctions[func.value])
             : absl::StrCat("function ", func.value);
}

}  // namespace

void AppendEvents(const Happenings& happenings, std::uint64_t ns,
                  std::vector<v1::TraceEvent>* events) {
  for (const Happening& happening : happenings) {
    const auto* event = std::get_if<kernel::TraceEvent>(&happening.what);
    if (event == nullptr) continue;
    events->push_back(
        trace::ToProto(happening.cpu, *event, FunctionName(event->func)));
    events->back().set_lamport(events->size());
    auto* time = events->back().mutable_time();
    time->set_seconds(static_cast<std::int64_t>(ns / kNsPerSecond));
    time->set_nanos(static_cast<std::int32_t>(ns % kNsPerSecond));
  }
}

}  // namespace belfry::lab
