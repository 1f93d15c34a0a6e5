// What became of the doorbell that should have covered a queue: when it rang,
// why it was not taken, and what took it away.
#ifndef BELFRY_TRACE_DOORBELL_STORY_H_
#define BELFRY_TRACE_DOORBELL_STORY_H_

#include <string>

#include "belfry/v1/report.pb.h"
#include "trace/machine_view.h"

namespace belfry::trace {

// One more sentence; `proof` may be null.
void AddCause(const std::string& text, const v1::TraceEvent* proof,
              v1::ExplainReport::Waiter* waiter);

// Adds the sentences about the call at the head of the target's queue and its
// doorbell. The snapshot lists at least one call.
void TellDoorbellStory(const MachineView& view, const CpuView& target,
                       v1::ExplainReport::Waiter* waiter);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_DOORBELL_STORY_H_
