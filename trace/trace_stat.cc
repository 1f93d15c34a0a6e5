#include "trace/trace_stat.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "trace/time_text.h"
#include "trace/trace_clock.h"

namespace belfry::trace {
namespace {

using Stat = v1::TraceStatReport;

void AddKinds(const v1::TraceReport& trace, Stat* stat) {
  std::map<std::string, std::uint64_t> counts;
  for (const v1::TraceEvent& event : trace.events()) ++counts[event.name()];
  std::vector<std::pair<std::string, std::uint64_t>> sorted(counts.begin(),
                                                            counts.end());
  std::stable_sort(
      sorted.begin(), sorted.end(),
      [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const auto& [name, count] : sorted) {
    Stat::Kind* kind = stat->add_kinds();
    kind->set_name(name);
    kind->set_count(count);
  }
}

// Between two events of one CPU that follow each other.
void AddGap(double from, double to, Stat::Cpu* cpu) {
  if (to - from <= cpu->longest_gap_s()) return;
  cpu->set_longest_gap_s(to - from);
  cpu->set_longest_gap_at_s(from);
}

void AddCpus(const v1::TraceReport& trace, Stat* stat) {
  const TraceClock clock(trace);
  // The coordinator is 0, CPU n is n + 1.
  std::map<std::uint32_t, Stat::Cpu> cpus;
  for (const v1::TraceEvent& event : trace.events()) {
    Stat::Cpu& cpu = cpus[event.has_cpu() ? event.cpu() + 1 : 0];
    const double at = clock.At(event);
    if (event.has_cpu()) cpu.set_cpu(event.cpu());
    if (cpu.events() == 0) cpu.set_first_s(at);
    if (cpu.events() > 0) AddGap(cpu.last_s(), at, &cpu);
    cpu.set_events(cpu.events() + 1);
    cpu.set_last_s(at);
  }
  for (auto& [rank, cpu] : cpus) *stat->add_cpus() = std::move(cpu);
  stat->set_begin_s(clock.begin());
  stat->set_end_s(clock.end());
}

std::uint64_t CountBackwards(const v1::TraceReport& trace) {
  std::uint64_t backwards = 0;
  for (int i = 1; i < trace.events_size(); ++i) {
    if (Micros(trace.events(i).time()) < Micros(trace.events(i - 1).time())) {
      ++backwards;
    }
  }
  return backwards;
}

}  // namespace

v1::TraceStatReport MakeTraceStat(const v1::TraceReport& trace) {
  Stat stat;
  *stat.mutable_machine() = trace.machine();
  stat.set_events(trace.events_size());
  stat.set_overwritten(trace.overwritten());
  *stat.mutable_problems() = trace.problems();
  stat.set_backwards(CountBackwards(trace));
  AddKinds(trace, &stat);
  AddCpus(trace, &stat);
  return stat;
}

}  // namespace belfry::trace
