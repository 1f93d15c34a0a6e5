// What processes take of the host, and whether it grows.
#ifndef BELFRY_CLIENT_PROCESS_USAGE_H_
#define BELFRY_CLIENT_PROCESS_USAGE_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "belfry/v1/report.pb.h"
#include "client/process.h"

namespace belfry::client {

// Nothing when there is no such process, or it is not ours to look at.
std::optional<v1::ProcessUsage> UsageOf(pid_t pid);

// Samples of processes that are at rest, by name and life.
class UsageHistory {
 public:
  void Add(const std::string& name, const ProcessId& life,
           const v1::ProcessUsage& usage);

  // For each name the life with the most samples, of those with enough to have
  // thirds: the first is for warming up.
  std::vector<v1::ChaosReport::Growth> Growth() const;

 private:
  using Life = std::pair<pid_t, std::uint64_t>;
  std::map<std::string, std::map<Life, std::vector<v1::ProcessUsage>>> samples_;
};

// What has grown, in words: "cpu/7 holds 212 descriptors where it held 31";
// empty when all is flat.
std::string LeakText(const v1::ChaosReport::Growth& growth);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_PROCESS_USAGE_H_
