#include "client/torture_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace belfry::client {
namespace {

using ::testing::HasSubstr;

struct Case {
  std::string name;
  TortureOptions options;
  // As protobuf's short text; 0 is not printed.
  std::string weights;
};

class TortureWeights : public ::testing::TestWithParam<Case> {};

TEST_P(TortureWeights, AreScftortures) {
  const auto weights = WeightsOf(GetParam().options, 8);
  ASSERT_TRUE(weights.ok()) << weights.status();
  EXPECT_EQ(weights->ShortDebugString(), GetParam().weights);
}

INSTANTIATE_TEST_SUITE_P(
    All, TortureWeights,
    ::testing::Values(
        Case{"Defaults",
             {},
             "single: 16 single_rpc: 16 single_wait: 16 irq: 32 many: 2 "
             "many_wait: 2 all: 1 all_wait: 1"},
        Case{"OneAlone", {.weight_many_wait = 3}, "many_wait: 3"},
        Case{"TwoAlone",
             {.weight_single = 1, .weight_all = 5},
             "single: 1 all: 5"},
        Case{"OneIsOff",
             {.weight_irq = 0},
             "single: 16 single_rpc: 16 single_wait: 16 many: 2 many_wait: 2 "
             "all: 1 all_wait: 1"},
        Case{"OneIsOffBesideOneThatIsNot",
             {.weight_all_wait = 1, .weight_irq = 0},
             "all_wait: 1"}),
    [](const auto& param) { return param.param.name; });

TEST(TortureWeightsRefused, AllZeroMakesNoSense) {
  const TortureOptions none{.weight_single = 0,
                            .weight_single_rpc = 0,
                            .weight_single_wait = 0,
                            .weight_many = 0,
                            .weight_many_wait = 0,
                            .weight_all = 0,
                            .weight_all_wait = 0,
                            .weight_irq = 0};
  EXPECT_THAT(std::string(WeightsOf(none, 8).status().message()),
              HasSubstr("all zero weights makes no sense"));
}

}  // namespace
}  // namespace belfry::client
