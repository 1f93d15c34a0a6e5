// An operation that waits for what will never come, though no call is stuck.
#ifndef BELFRY_TRACE_ENDLESS_H_
#define BELFRY_TRACE_ENDLESS_H_

#include <optional>
#include <string>
#include <vector>

#include "trace/machine_view.h"

namespace belfry::trace {

struct EndlessWait {
  // The CPU whose task waits: the one that runs the control steps.
  std::uint32_t cpu = 0;
  // Where it waits, outermost first, in the kernel's names.
  std::vector<std::string> frames;
  // A sentence each, and what frees it.
  std::vector<std::string> causes;
  std::string remedy;
};

// Nothing for an operation that may still go on. What is asked are facts that
// no message on its way could change.
std::optional<EndlessWait> FindEndlessWait(const MachineView& view);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_ENDLESS_H_
