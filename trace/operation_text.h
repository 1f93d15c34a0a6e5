// Hotplug and stop_machine operations as people read them.
#ifndef BELFRY_TRACE_OPERATION_TEXT_H_
#define BELFRY_TRACE_OPERATION_TEXT_H_

#include <string>

#include "belfry/v1/types.pb.h"

namespace belfry::trace {

// "online cpu 3".
std::string WhatText(const v1::Operation& operation);

// Of one that is done: "cpu/3 offlined (12 ms, 4 calls flushed)", or
// "cpu/3 not offlined: EBUSY: cpu 3 is the last online CPU".
std::string OutcomeText(const v1::Operation& operation);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_OPERATION_TEXT_H_
