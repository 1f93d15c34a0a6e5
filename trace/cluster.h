// What clients see of a coordinator, whether it is a process or runs in memory.
#ifndef BELFRY_TRACE_CLUSTER_H_
#define BELFRY_TRACE_CLUSTER_H_

#include "belfry/v1/coordinator.pb.h"
#include "kernel/coordinator.h"

namespace belfry::trace {

// What the coordinator itself knows of a CPU. The CPU's process, and what that
// has reported, are the driver's business and stay unset.
v1::CpuInfo DescribeCpu(const kernel::Coordinator& coordinator,
                        kernel::CpuId cpu);

// Masks, CPUs, the operation under way and the stop_machine round. Times and
// addresses stay unset.
v1::Cluster DescribeCluster(const kernel::Coordinator& coordinator);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_CLUSTER_H_
