// Schedules by chance.
#include "lab/sampler.h"

#include <gtest/gtest.h>

#include <string>

#include "lab/schedule.h"

namespace belfry::lab {
namespace {

SampleOptions Options(const std::string& preset, Scheduler scheduler) {
  return {.profile = kernel::PresetByName(preset).value(),
          .scope = {.async_calls = 2},
          .scheduler = scheduler,
          .schedules = 20'000};
}

class SchedulerTest : public ::testing::TestWithParam<Scheduler> {};

TEST_P(SchedulerTest, MeetsTheBugOfTheReportAndItsScheduleIsAWayThere) {
  const SampleOptions options = Options("linux-3.0", GetParam());
  const SampleResult result = Sample(options);
  ASSERT_FALSE(result.schedule.empty());
  EXPECT_FALSE(result.violations.empty());
  World world = StartOf(options.profile, options.scope);
  for (const std::string& move : result.schedule) {
    ASSERT_TRUE(MoveByName(move, &world, nullptr).ok()) << move;
  }
  EXPECT_FALSE(WaitsOf(world).empty());
  EXPECT_EQ(Sample(options).schedule, result.schedule);
}

TEST_P(SchedulerTest, FindsNothingWhereThereIsNothing) {
  SampleOptions options = Options("belfry", GetParam());
  options.schedules = 2'000;
  const SampleResult result = Sample(options);
  EXPECT_EQ(result.schedules, 2'000u);
  EXPECT_GT(result.moves, 100'000u);
  EXPECT_TRUE(result.schedule.empty());
  EXPECT_TRUE(result.violations.empty());
}

TEST_P(SchedulerTest, CanBeStopped) {
  SampleOptions options = Options("belfry", GetParam());
  options.progress = [](std::uint64_t) { return false; };
  EXPECT_LT(Sample(options).schedules, options.schedules);
}

INSTANTIATE_TEST_SUITE_P(Schedulers, SchedulerTest,
                         ::testing::Values(Scheduler::kUniform,
                                           Scheduler::kPct),
                         [](const auto& instance) {
                           return instance.param == Scheduler::kPct ? "pct"
                                                                    : "uniform";
                         });

TEST(UpperBoundTest, IsTheRuleOfThree) {
  EXPECT_DOUBLE_EQ(UpperBound(1'000'000), 3e-6);
}

}  // namespace
}  // namespace belfry::lab
