// Asks every process of a cluster for all it knows, and makes one view of it.
#ifndef BELFRY_CLIENT_COLLECT_H_
#define BELFRY_CLIENT_COLLECT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "belfry/v1/coordinator.pb.h"
#include "belfry/v1/node.pb.h"
#include "client/coordinator.h"
#include "trace/machine_view.h"

namespace belfry::client {

struct CollectOptions {
  // Entries of each list in a snapshot.
  std::uint32_t max_entries = 1000;
  bool trace = true;
};

// Fails only when the coordinator does not answer: a CPU that does not is named
// by its `problem`.
absl::StatusOr<trace::MachineView> CollectView(
    Coordinator& coordinator, const CollectOptions& options = {});

// Where the CPU's process is reached; an error says why it is not.
absl::StatusOr<std::string> AddressOf(const v1::CpuInfo& cpu);

absl::StatusOr<v1::CpuSnapshot> Inspect(const v1::CpuInfo& cpu,
                                        std::uint32_t max_entries,
                                        absl::Duration timeout);

// "cpu/3: its process is dead", one line for each CPU without a snapshot.
std::vector<std::string> ProblemsOf(const trace::MachineView& view);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_COLLECT_H_
