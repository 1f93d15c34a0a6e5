#include "client/cpu_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/coordinator.h"
#include "client/exit_code.h"
#include "kernel/cpumask.h"

namespace belfry::client {

std::string StateText(v1::CpuState state) {
  switch (state) {
    case v1::CPU_STATE_ABSENT:
      return "absent";
    case v1::CPU_STATE_OFFLINE:
      return "offline";
    case v1::CPU_STATE_GOING_UP:
      return "going-up";
    case v1::CPU_STATE_ONLINE:
      return "online";
    case v1::CPU_STATE_GOING_DOWN:
      return "going-down";
    case v1::CPU_STATE_CRASHED:
      return "crashed";
    default:
      return "<unknown>";
  }
}

Cell StateCell(v1::CpuState state) {
  switch (state) {
    case v1::CPU_STATE_ONLINE:
      return {"online", Style::kGood};
    case v1::CPU_STATE_CRASHED:
      return {"! crashed", Style::kBad};
    case v1::CPU_STATE_ABSENT:
      return {"! absent", Style::kBad};
    case v1::CPU_STATE_GOING_UP:
    case v1::CPU_STATE_GOING_DOWN:
      return {StateText(state), Style::kWarn};
    default:
      return {StateText(state), Style::kDim};
  }
}

absl::StatusOr<std::vector<std::uint32_t>> ParseCpus(absl::string_view list) {
  // As it is printed, "cpu/3", is as good as "3".
  const auto mask =
      kernel::ParseCpuList(absl::StrReplaceAll(list, {{"cpu/", ""}}));
  if (!mask.ok()) return UsageError(mask.status().message());
  if (mask->empty()) {
    return UsageError("the list of CPUs is empty: write 3 or 0-2,5");
  }
  std::vector<std::uint32_t> cpus;
  for (const kernel::CpuId cpu : mask->cpus()) cpus.push_back(cpu.value);
  return cpus;
}

absl::StatusOr<std::vector<v1::CpuInfo>> SelectCpus(const v1::Cluster& cluster,
                                                    absl::string_view list) {
  if (list.empty())
    return std::vector<v1::CpuInfo>(cluster.cpus().begin(),
                                    cluster.cpus().end());
  const auto cpus = ParseCpus(list);
  if (!cpus.ok()) return cpus.status();
  std::vector<v1::CpuInfo> selected;
  for (const std::uint32_t cpu : *cpus) {
    auto info = FindCpuInfo(cluster, cpu);
    if (!info.ok()) return info.status();
    selected.push_back(*std::move(info));
  }
  return selected;
}

std::string OnlineList(const v1::Cluster& cluster) {
  kernel::CpuMask online;
  for (const v1::CpuInfo& cpu : cluster.cpus()) {
    if (cpu.state() == v1::CPU_STATE_ONLINE) online.Add({cpu.cpu()});
  }
  return kernel::FormatCpuList(online);
}

}  // namespace belfry::client
