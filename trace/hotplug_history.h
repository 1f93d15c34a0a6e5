// The hotplug operations in a trace, made of its cpuhp_* events: which steps
// ran for which CPU, how long each took, what failed and was rolled back.
#ifndef BELFRY_TRACE_HOTPLUG_HISTORY_H_
#define BELFRY_TRACE_HOTPLUG_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "belfry/v1/report.pb.h"

namespace belfry::trace {

struct HotplugStep {
  std::int64_t step = 0;
  // The function's, or our step's name.
  std::string name;
  // Places in TraceReport.events. No exit: it had not returned at the end.
  std::size_t enter = 0;
  std::optional<std::size_t> exit;
  // 0, or the errno, negative.
  std::int64_t ret = 0;
  // Other steps ran inside it: those of the CPU itself, inside the control
  // CPU's cpuhp_kick_ap_work or cpuhp_bringup_ap.
  bool contains_others = false;
};

struct HotplugOperation {
  std::uint32_t cpu = 0;
  bool up = false;
  // Ours only: places of op_begin and op_end.
  std::optional<std::size_t> begin;
  std::optional<std::size_t> end;
  // Of the operation and of its rollback, in order of entry.
  std::vector<HotplugStep> steps;
  // In `steps`: the first whose exit told of an error.
  std::optional<std::size_t> failed;
  // In `steps`: the last one before the walk turned round. An injected failure
  // is answered before the step begins: then only this shows where.
  std::optional<std::size_t> turned_after;
};

// In the order in which they began. Of ours, an operation is what lies between
// op_begin and op_end. A kernel has no such event: there a walk that begins
// anew, or that turns round without having failed, is the next operation.
std::vector<HotplugOperation> FollowHotplug(const v1::TraceReport& trace);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_HOTPLUG_HISTORY_H_
