// `belfry dump`: every CPU as a crash dump would show it.
#ifndef BELFRY_TRACE_DUMP_H_
#define BELFRY_TRACE_DUMP_H_

#include <string>

#include "belfry/v1/report.pb.h"
#include "trace/machine_view.h"

namespace belfry::trace {

v1::DumpReport MakeDumpReport(const MachineView& view);

// What the CPU is doing, in a line: "waits in smp_call_function_single for CPU
// 3 (5.2 s)".
std::string ActivityText(const MachineView& view, const CpuView& cpu);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_DUMP_H_
