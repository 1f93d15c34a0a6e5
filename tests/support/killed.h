// Schedules with a kill, made on the fly: shortest ways do without one.
#ifndef BELFRY_TESTS_SUPPORT_KILLED_H_
#define BELFRY_TESTS_SUPPORT_KILLED_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "belfry/v1/scenario.pb.h"

namespace belfry::testing {

// The schedule, but that the process of this CPU is killed after so many of its
// moves, in the `which`th of the ways in which its links can lose their tails.
// What can still be made of the moves behind it is, and then whatever can move.
v1::Schedule WithKill(const v1::Schedule& schedule, int after,
                      std::uint32_t cpu, std::size_t which);

}  // namespace belfry::testing

#endif  // BELFRY_TESTS_SUPPORT_KILLED_H_
