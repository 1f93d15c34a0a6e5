// The names of gates: which there are, and what a scenario's name for one means
// under a profile.
#ifndef BELFRY_LAB_GATE_H_
#define BELFRY_LAB_GATE_H_

#include <string>

#include "absl/status/status.h"
#include "belfry/v1/scenario.pb.h"
#include "belfry/v1/types.pb.h"

namespace belfry::lab {

// INVALID_ARGUMENT says which gates there are at this place.
absl::Status CheckGate(const v1::GateAt& at);

// The gate as the process knows it: a step's name becomes its number in the
// profile's table. A step that the table does not have stays as it is.
v1::GateAt ResolveGate(const v1::GateAt& at, const v1::Profile& profile);

// False for a step that the profile's table does not have: nobody ever stands
// there.
bool ProfileHasGate(const v1::GateAt& at, const v1::Profile& profile);

// Whether an event that waits at this gate keeps its process from going on with
// the operation. A call or a doorbell that has not arrived keeps nobody here;
// nor does an interrupt that is not taken, nor what only time brings.
bool StopsItsProcess(const std::string& gate);

// "cpu/1", "coordinator".
std::string ProcessText(const v1::GateAt& at);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_GATE_H_
