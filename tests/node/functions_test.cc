#include "node/functions.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace belfry::node {
namespace {

// Says where it lies itself.
struct Located {
  const void** place;
  FunctionResult operator()(const FunctionCall&) const {
    *place = this;
    return {};
  }
};

// One that runs on the CPU's thread does so while the loop learns names.
TEST(FunctionsTest, AFunctionStaysWhereItIsWhileNamesAreLearned) {
  Functions functions;
  const void* place = nullptr;
  ASSERT_TRUE(
      functions.Register("located", Duration::kLong, Located{&place}).ok());
  const kernel::FuncId id = functions.Intern("located").value();
  const std::string payload;
  const FunctionCall call{.cpu = {1}, .src = {0}, .payload = payload};
  functions.Run(id, call);
  const void* const before = place;
  int learned = 0;
  while (functions.Intern(absl::StrCat("name", learned))) ++learned;
  EXPECT_GT(learned, 1000);
  functions.Run(id, call);
  EXPECT_EQ(place, before);
}

}  // namespace
}  // namespace belfry::node
