// A CPU's whole state as the message that `dump`, `pending` and `audit` read.
#ifndef BELFRY_NODE_INSPECT_H_
#define BELFRY_NODE_INSPECT_H_

#include <cstdint>

#include "belfry/v1/coordinator.pb.h"
#include "belfry/v1/node.pb.h"
#include "node/cpu_driver.h"
#include "rpc/clock.h"

namespace belfry::node {

// At most `max_entries` of each list; the totals are whole.
v1::CpuSnapshot Snapshot(const CpuDriver& driver,
                         const rpc::LamportClock& clock,
                         std::uint32_t max_entries);

// The little that the coordinator shows of a CPU, also after its death.
v1::NodeReport Report(const CpuDriver& driver);

// "cpu 3: ONLINE, irqs enabled, queue 0, ..." for the function read_state.
std::string DescribeState(const CpuDriver& driver);

}  // namespace belfry::node

#endif  // BELFRY_NODE_INSPECT_H_
