// What a machine must look like when everything that could move has.
#ifndef BELFRY_TESTS_SUPPORT_AT_REST_H_
#define BELFRY_TESTS_SUPPORT_AT_REST_H_

#include <string>

#include "tests/support/world.h"

namespace belfry::testing {

// Empty when all is well; else a line for each thing that is not: an operation
// that stays, a CPU and the coordinator that disagree, a guard, a mask, a round
// or a call that is left over.
std::string Unrest(World& w);

}  // namespace belfry::testing

#endif  // BELFRY_TESTS_SUPPORT_AT_REST_H_
