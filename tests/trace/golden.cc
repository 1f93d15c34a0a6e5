#include "tests/trace/golden.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"

namespace belfry::testing {

void ExpectGolden(const std::string& name, const std::string& text) {
  const std::string path =
      std::string(BELFRY_SOURCE_DIR) + "/tests/trace/golden/" + name;
  if (std::getenv("REWRITE") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  std::ifstream file(path);
  ASSERT_TRUE(file.good()) << path << " is missing; write it with REWRITE=1";
  std::ostringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(text, expected.str())
      << "if this is better, rewrite " << name << " with REWRITE=1";
}

}  // namespace belfry::testing
