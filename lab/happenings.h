// What a move did, as events of a trace.
#ifndef BELFRY_LAB_HAPPENINGS_H_
#define BELFRY_LAB_HAPPENINGS_H_

#include <chrono>
#include <string>
#include <vector>

#include "belfry/v1/debug.pb.h"
#include "kernel/ids.h"
#include "lab/world.h"

namespace belfry::lab {

// There are no functions in memory but the built-in ones.
std::string FunctionName(kernel::FuncId func);

// Appends the trace events among them. Each comes after all before it, so its
// place in `events`, counted from 1, is its Lamport time. `time`: when it was.
void AppendEvents(const Happenings& happenings, std::chrono::nanoseconds time,
                  std::vector<v1::TraceEvent>* events);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_HAPPENINGS_H_
