#include "client/process_usage.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "client/files.h"

namespace belfry::client {
namespace {

// Of one life: fewer do not tell growing from warming up.
constexpr std::size_t kEnough = 12;

struct Measure {
  std::uint64_t (v1::ProcessUsage::*get)() const;
  void (v1::ProcessUsage::*set)(std::uint64_t);
  // Growing is being more by a quarter, and by so much.
  std::uint64_t slack;
  absl::string_view unit;
};
constexpr Measure kMeasures[] = {
    {&v1::ProcessUsage::pss_kb, &v1::ProcessUsage::set_pss_kb, 4096,
     "kB of memory"},
    {&v1::ProcessUsage::threads, &v1::ProcessUsage::set_threads, 4, "threads"},
    {&v1::ProcessUsage::descriptors, &v1::ProcessUsage::set_descriptors, 16,
     "descriptors"},
};

// "Pss:    1234 kB"; 0 when there is no such line.
std::uint64_t ValueOf(const std::string& path, absl::string_view name) {
  const auto text = ReadFile(path);
  if (!text.ok()) return 0;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (!absl::ConsumePrefix(&line, name)) continue;
    absl::ConsumeSuffix(&line, "kB");
    std::uint64_t value = 0;
    if (absl::SimpleAtoi(line, &value)) return value;
  }
  return 0;
}

std::uint64_t Median(std::vector<std::uint64_t> values) {
  const auto middle =
      values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

v1::ProcessUsage MedianOf(const std::vector<v1::ProcessUsage>& samples,
                          std::size_t begin, std::size_t end) {
  v1::ProcessUsage median;
  for (const Measure& measure : kMeasures) {
    std::vector<std::uint64_t> values;
    for (std::size_t i = begin; i < end; ++i) {
      values.push_back((samples[i].*measure.get)());
    }
    (median.*measure.set)(Median(std::move(values)));
  }
  return median;
}

}  // namespace

std::optional<v1::ProcessUsage> UsageOf(pid_t pid) {
  const std::string proc = absl::StrCat("/proc/", pid);
  std::error_code error;
  std::filesystem::directory_iterator files(proc + "/fd", error);
  if (error) return std::nullopt;
  v1::ProcessUsage usage;
  usage.set_descriptors(
      static_cast<std::uint64_t>(std::distance(begin(files), end(files))));
  usage.set_pss_kb(ValueOf(proc + "/smaps_rollup", "Pss:"));
  usage.set_threads(ValueOf(proc + "/status", "Threads:"));
  if (usage.threads() == 0) return std::nullopt;
  return usage;
}

void UsageHistory::Add(const std::string& name, const ProcessId& life,
                       const v1::ProcessUsage& usage) {
  samples_[name][{life.pid, life.start_time}].push_back(usage);
}

std::vector<v1::ChaosReport::Growth> UsageHistory::Growth() const {
  std::vector<v1::ChaosReport::Growth> all;
  for (const auto& [name, lives] : samples_) {
    const auto longest = std::max_element(
        lives.begin(), lives.end(), [](const auto& a, const auto& b) {
          return a.second.size() < b.second.size();
        });
    const std::vector<v1::ProcessUsage>& samples = longest->second;
    if (samples.size() < kEnough) continue;
    const std::size_t third = samples.size() / 3;
    v1::ChaosReport::Growth& growth = all.emplace_back();
    growth.set_process(name);
    growth.set_rests(samples.size());
    *growth.mutable_before() = MedianOf(samples, third, samples.size() - third);
    *growth.mutable_after() =
        MedianOf(samples, samples.size() - third, samples.size());
  }
  return all;
}

std::string LeakText(const v1::ChaosReport::Growth& growth) {
  for (const Measure& measure : kMeasures) {
    const std::uint64_t before = (growth.before().*measure.get)();
    const std::uint64_t after = (growth.after().*measure.get)();
    if (after <= before + std::max(before / 4, measure.slack)) continue;
    return absl::StrCat(growth.process(), " has ", after, " ",
                        std::string(measure.unit), " where it had ", before);
  }
  return "";
}

}  // namespace belfry::client
