// CPUs in words.
#ifndef BELFRY_CLIENT_CPU_TEXT_H_
#define BELFRY_CLIENT_CPU_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "belfry/v1/coordinator.pb.h"
#include "belfry/v1/types.pb.h"
#include "client/table.h"

namespace belfry::client {

// "online", "going-down", "! crashed".
Cell StateCell(v1::CpuState state);
std::string StateText(v1::CpuState state);

// A cpulist as the user wrote it. An error is a usage error.
absl::StatusOr<std::vector<std::uint32_t>> ParseCpus(absl::string_view list);

// The rows of the CPUs in the list; of all when it is empty. A usage error
// names the possible CPUs.
absl::StatusOr<std::vector<v1::CpuInfo>> SelectCpus(const v1::Cluster& cluster,
                                                    absl::string_view list);

// "0-2,5" of those that are online.
std::string OnlineList(const v1::Cluster& cluster);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_CPU_TEXT_H_
