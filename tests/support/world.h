// The world that the kernel's tests play in.
#ifndef BELFRY_TESTS_SUPPORT_WORLD_H_
#define BELFRY_TESTS_SUPPORT_WORLD_H_

#include "lab/seeded_world.h"

namespace belfry::testing {

using World = lab::SeededWorld;

}  // namespace belfry::testing

#endif  // BELFRY_TESTS_SUPPORT_WORLD_H_
