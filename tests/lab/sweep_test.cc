// Many seeds on many threads.
#include "lab/sweep.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace belfry::lab {
namespace {

const Latencies& Model() {
  static const Latencies model = Latencies::Measured();
  return model;
}

SimulationShape Shape(absl::string_view preset) {
  return {.profile = kernel::PresetByName(preset).value(), .cycles = 40};
}

TEST(SweepTest, FindsTheSameSeedWithAnyNumberOfThreads) {
  std::vector<std::uint64_t> found;
  for (const unsigned jobs : {1U, 2U, 7U}) {
    const SweepResult result = RunSweep({.shape = Shape("linux-3.0"),
                                         .first_seed = 5,
                                         .last_seed = 500,
                                         .until_hang = true,
                                         .jobs = jobs},
                                        Model());
    ASSERT_TRUE(result.failure.has_value());
    EXPECT_TRUE(result.failure->simulated.violated.contains(
        kernel::Invariant::kEveryWaitEnds));
    found.push_back(result.failure->simulation.seed());
  }
  EXPECT_EQ(found, std::vector<std::uint64_t>(3, found.front()));
}

TEST(SweepTest, CanBeStopped) {
  const SweepResult result =
      RunSweep({.shape = Shape("belfry"),
                .last_seed = ~std::uint64_t{0},
                .progress = [](std::uint64_t runs) { return runs < 3; }},
               Model());
  EXPECT_TRUE(result.interrupted);
  EXPECT_GE(result.runs, 3u);
}

}  // namespace
}  // namespace belfry::lab
