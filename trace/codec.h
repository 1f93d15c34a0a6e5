// The kernel's values as messages, for whoever reads or writes them without the
// wire: a run in memory is drawn and judged like one of processes.
#ifndef BELFRY_TRACE_CODEC_H_
#define BELFRY_TRACE_CODEC_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "belfry/v1/debug.pb.h"
#include "belfry/v1/types.pb.h"
#include "kernel/profile.h"
#include "kernel/trace_event.h"

namespace belfry::trace {

v1::Profile ToProto(const kernel::Profile& profile);
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
