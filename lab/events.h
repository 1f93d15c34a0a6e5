// What happened in a lab::World, as events of a trace.
#ifndef BELFRY_LAB_EVENTS_H_
#define BELFRY_LAB_EVENTS_H_

#include <cstdint>
#include <vector>

#include "belfry/v1/debug.pb.h"
#include "lab/world.h"

namespace belfry::lab {

// Appends the trace events among them. Each comes after all before it, so its
// place in `events`, counted from 1, is its Lamport time. `ns`: when it was.
void AppendEvents(const Happenings& happenings, std::uint64_t ns,
                  std::vector<v1::TraceEvent>* events);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_EVENTS_H_
