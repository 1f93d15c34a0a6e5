// Compares a text with a file that a person has looked at.
#ifndef BELFRY_TESTS_TRACE_GOLDEN_H_
#define BELFRY_TESTS_TRACE_GOLDEN_H_

#include <string>

namespace belfry::testing {

// Fails the test when `text` is not what tests/trace/golden/NAME holds. With
// REWRITE=1 in the environment it writes the file instead; look at the diff.
void ExpectGolden(const std::string& name, const std::string& text);

}  // namespace belfry::testing

#endif  // BELFRY_TESTS_TRACE_GOLDEN_H_
