// One line for each effect of a CPU, for tests that compare interactions.
#ifndef BELFRY_TESTS_SUPPORT_EFFECT_TEXT_H_
#define BELFRY_TESTS_SUPPORT_EFFECT_TEXT_H_

#include <string>
#include <vector>

#include "kernel/cpu_event.h"

namespace belfry::testing {

// Trace events are left out: they are what the ledger's tests are about.
std::vector<std::string> EffectLines(const kernel::CpuEffects& effects);

}  // namespace belfry::testing

#endif  // BELFRY_TESTS_SUPPORT_EFFECT_TEXT_H_
