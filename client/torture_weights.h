// How often each primitive of the torture is picked.
#ifndef BELFRY_CLIENT_TORTURE_WEIGHTS_H_
#define BELFRY_CLIENT_TORTURE_WEIGHTS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "belfry/v1/node.pb.h"
#include "client/options.h"

namespace belfry::client {

// What each CPU's threads are told to do. A UsageError as of WeightsOf().
absl::StatusOr<v1::Torture> TortureOf(const TortureOptions& options,
                                      std::uint32_t cpus);

// As scf_torture_init() of kernel/scftorture.c: when one is given that is not
// 0, those that are not given are. All of them 0 is a UsageError.
absl::StatusOr<v1::Torture::Weights> WeightsOf(const TortureOptions& options,
                                               std::uint32_t cpus);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_TORTURE_WEIGHTS_H_
