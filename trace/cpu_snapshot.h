// A CPU's whole state as the message that `dump`, `pending` and `audit` read,
// whether it runs in a process or in memory.
#ifndef BELFRY_TRACE_CPU_SNAPSHOT_H_
#define BELFRY_TRACE_CPU_SNAPSHOT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "belfry/v1/node.pb.h"
#include "kernel/cpu.h"
#include "kernel/ledger.h"
#include "trace/call_times.h"

namespace belfry::trace {

// A CPU, and what its driver knows about it.
struct CpuFacts {
  const kernel::Cpu& cpu;
  const kernel::Ledger& ledger;
  const CallTimes& times;
  // Doorbells that a gate holds.
  std::uint32_t doorbells_in_flight = 0;
  std::function<std::string(kernel::FuncId)> name_of;
};

// At most `max_entries` of each list; the totals are whole. Its own functions
// and the time of the snapshot are the driver's business and stay unset.
v1::CpuSnapshot MakeSnapshot(const CpuFacts& facts, std::uint32_t max_entries);

// The queue's calls by function.
template <typename Message>
void FillByFunction(const CpuFacts& facts, Message* out) {
  std::map<std::string, std::uint32_t> counts;
  for (const kernel::Csd& csd : facts.cpu.queue().calls()) {
    ++counts[facts.name_of(csd.func)];
  }
  for (const auto& [function, count] : counts) {
    v1::FunctionCount* entry = out->add_by_function();
    entry->set_function(function);
    entry->set_count(count);
  }
}

// Calls to `dst` that were issued and have not ended.
std::uint64_t CallsUnderWay(const kernel::Cpu& cpu, kernel::CpuId dst);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_CPU_SNAPSHOT_H_
