#include "coordinator/canary.h"

#include <gtest/gtest.h>

namespace belfry::coordinator {
namespace {

using kernel::CpuId;

TEST(CanaryTest, IsDetectedOnceHoweverOftenItsAlertComes) {
  Canary canary;
  EXPECT_FALSE(canary.Detected()) << "an alert of nothing";
  canary.Injected(CpuId{2});
  EXPECT_EQ(canary.Detected(), CpuId{2});
  EXPECT_FALSE(canary.Detected());
  EXPECT_EQ(canary.injected(), 1u);
  EXPECT_EQ(canary.detected(), 1u);
}

TEST(CanaryTest, ASecondTakesThePlaceOfTheFirst) {
  Canary canary;
  canary.Injected(CpuId{1});
  canary.Injected(CpuId{2});
  EXPECT_EQ(canary.Detected(), CpuId{2});
  EXPECT_EQ(canary.injected(), 2u);
  EXPECT_EQ(canary.detected(), 1u);
}

}  // namespace
}  // namespace belfry::coordinator
