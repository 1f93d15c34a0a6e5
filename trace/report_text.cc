#include "trace/report_text.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace belfry::trace {

FunctionCounts QueueByFunction(const CpuView& cpu) {
  FunctionCounts counts;
  const auto& listed = cpu.snapshot ? cpu.snapshot->by_function()
                                    : cpu.info.report().by_function();
  for (const v1::FunctionCount& count : listed) {
    counts[count.function()] += count.count();
  }
  return counts;
}

std::uint32_t QueueDepth(const CpuView& cpu) {
  return cpu.snapshot ? cpu.snapshot->depth() : cpu.info.report().depth();
}

std::string FunctionsText(const FunctionCounts& counts) {
  std::vector<std::pair<std::string, std::uint32_t>> sorted(counts.begin(),
                                                            counts.end());
  std::stable_sort(
      sorted.begin(), sorted.end(),
      [](const auto& a, const auto& b) { return a.second > b.second; });
  return absl::StrJoin(sorted, ", ", [](std::string* out, const auto& entry) {
    absl::StrAppend(out, entry.second, " ", entry.first);
  });
}

std::uint32_t PlaceInQueue(const v1::CpuSnapshot& target, std::uint32_t src_cpu,
                           std::uint64_t seq) {
  for (int i = 0; i < target.queue_size(); ++i) {
    const v1::QueuedCall& call = target.queue(i);
    if (call.src_cpu() == src_cpu && call.seq() == seq) return i + 1;
  }
  return 0;
}

bool IsRunning(const v1::CpuSnapshot& target, std::uint32_t src_cpu,
               std::uint64_t seq) {
  return target.has_running() && target.running().src_cpu() == src_cpu &&
         target.running().seq() == seq;
}

std::string StoppedByText(const v1::CpuSnapshot& snapshot) {
  const auto& works = snapshot.stopper().works();
  if (works.empty() || works.begin()->state().empty()) {
    return absl::StrCat("stop_machine ", snapshot.stop().generation());
  }
  const v1::StopTwoKey& key = works.begin()->key();
  return absl::StrCat("CPU ", key.cpu(), "'s stop_two_cpus() ", key.number());
}

std::string CountText(std::uint64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

}  // namespace belfry::trace
