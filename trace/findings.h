// What is wrong with a cluster, by what its coordinator was last told: for
// those who look at it live. `audit` and `explain` ask the CPUs themselves.
#ifndef BELFRY_TRACE_FINDINGS_H_
#define BELFRY_TRACE_FINDINGS_H_

#include <string>
#include <vector>

#include "belfry/v1/coordinator.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace belfry::trace {

// Of all CPUs' own calls, as last reported.
v1::CallTotals SumOfCalls(const v1::Cluster& cluster);

// One line each, the CPUs in order: "cpu/3: 109 calls stranded: online, no
// doorbell latched, the oldest 12.0 s". Empty: nothing is wrong. What may be
// the ordinary course of things becomes a finding after 5 s, an operation after
// 10 s.
std::vector<std::string> FindingsOf(const v1::Cluster& cluster,
                                    const google::protobuf::Timestamp& now);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_FINDINGS_H_
