// What stop_two_cpus() sends between CPUs, as messages and back.
#ifndef BELFRY_RPC_STOP_TWO_CODEC_H_
#define BELFRY_RPC_STOP_TWO_CODEC_H_

#include "absl/status/statusor.h"
#include "belfry/v1/node.pb.h"
#include "kernel/stop_two.h"

namespace belfry::rpc {

v1::StopTwoOrder ToProto(const kernel::StopTwoOrder& order);
v1::StopTwoReport ToProto(const kernel::StopTwoReport& report);

// `from` is whose link it came on.
absl::StatusOr<kernel::StopTwoOrder> FromProto(const v1::StopTwoOrder& m,
                                               kernel::CpuId from);
absl::StatusOr<kernel::StopTwoReport> FromProto(const v1::StopTwoReport& m,
                                                kernel::CpuId from);

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_STOP_TWO_CODEC_H_
