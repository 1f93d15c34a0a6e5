// The kernel's values as messages, for whoever reads or writes them without the
// wire: a run in memory is drawn and judged like one of processes.
#ifndef BELFRY_TRACE_CODEC_H_
#define BELFRY_TRACE_CODEC_H_

#include <chrono>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "belfry/v1/coordinator.pb.h"
#include "belfry/v1/debug.pb.h"
#include "belfry/v1/types.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "kernel/control.h"
#include "kernel/coordinator_event.h"
#include "kernel/cpu_event.h"
#include "kernel/profile.h"
#include "kernel/trace_event.h"

namespace belfry::trace {

google::protobuf::Timestamp ToTimestamp(
    std::chrono::system_clock::time_point time);
std::chrono::system_clock::time_point FromTimestamp(
    const google::protobuf::Timestamp& time);

v1::View ToProto(const kernel::View& view);

// What the CPU is told; Invalid when the act is missing.
absl::StatusOr<kernel::CpuEvent> FromProto(const v1::CpuAct& act);

// Times and durations are the driver's business and stay unset.
v1::Operation ToProto(const kernel::Operation& op);

v1::Profile ToProto(const kernel::Profile& profile);
// "linux-3.0", "belfry with ring_rule=always".
std::string ProfileText(const v1::Profile& profile);
// InvalidArgument names the knob or the value that there is not.
absl::StatusOr<kernel::Profile> FromProto(const v1::Profile& profile);

// Whether the event speaks of a function: of the call that it names, or of one
// that was refused before it had a name.
bool HasFunction(const kernel::TraceEvent& event);

// `cpu`: where it happened; nothing for the coordinator. `function`: the name
// of the event's function. Times are the writer's business and stay unset.
v1::TraceEvent ToProto(std::optional<kernel::CpuId> cpu,
                       const kernel::TraceEvent& event,
                       const std::string& function);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_CODEC_H_
