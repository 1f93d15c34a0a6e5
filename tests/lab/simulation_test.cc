// The simulator: the same everywhere, true to what the profiles promise, and
// its failing runs made small.
#include "lab/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lab/shrink.h"
#include "lab/simulation_file.h"
#include "lab/simulation_maker.h"
#include "lab/sweep.h"
#include "tests/support/runs.h"
#include "trace/trace_file.h"

namespace belfry::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const Latencies& Model() {
  static const Latencies model = Latencies::Measured();
  return model;
}

std::set<Fault> AllFaults() {
  std::set<Fault> all;
  for (std::size_t i = 0; i < kFaultNames.size(); ++i) {
    all.insert(static_cast<Fault>(i));
  }
  return all;
}

SimulationShape Shape(absl::string_view preset, std::set<Fault> faults = {}) {
  return {.profile = kernel::PresetByName(preset).value(),
          .cycles = 40,
          .faults = std::move(faults)};
}

std::string TraceOf(const Simulated& simulated) {
  v1::TraceReport trace;
  trace.mutable_events()->Assign(simulated.events.begin(),
                                 simulated.events.end());
  return trace::WriteBelfryTrace(trace);
}

TEST(SimulationTest, OneSeedIsOneRun) {
  const SimulationShape shape = Shape("belfry", AllFaults());
  std::set<std::string> traces;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const v1::Simulation run = MakeSimulation(shape, Model(), seed);
    const std::string trace = TraceOf(Simulate(run, Model(), {.record = true}));
    EXPECT_EQ(trace, TraceOf(Simulate(run, Model(), {.record = true})));
    traces.insert(trace);
  }
  EXPECT_EQ(traces.size(), 5u);
}

// What a file decides it decides alone: through text, too.
TEST(SimulationTest, AFileIsTheWholeRun) {
  const v1::Simulation run =
      MakeSimulation(Shape("belfry", AllFaults()), Model(), 3);
  const auto read = ParseSimulation(FormatSimulation(run), "x");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(TraceOf(Simulate(run, Model(), {.record = true})),
            TraceOf(Simulate(*read, Model(), {.record = true})));
}

struct Promise {
  std::string preset;
  bool split_doorbell = false;
  bool faults = false;
};

class PromiseTest : public ::testing::TestWithParam<Promise> {};

TEST_P(PromiseTest, IsKept) {
  const std::uint64_t seeds = testing::Seeds(40);
  Sweep sweep{
      .shape = Shape(GetParam().preset,
                     GetParam().faults ? AllFaults() : std::set<Fault>{}),
      .last_seed = seeds};
  sweep.shape.split_doorbell = GetParam().split_doorbell;
  const SweepResult result = RunSweep(sweep, Model());
  EXPECT_EQ(result.runs, seeds);
  // It did something.
  EXPECT_GT(result.counts.onlines(), 20 * seeds);
  EXPECT_GT(result.counts.calls_completed(), 100 * seeds);
  if (!GetParam().faults) {
    EXPECT_EQ(result.counts.calls_lost(), 0u);
  } else if (seeds >= 40) {
    EXPECT_GT(result.counts.calls_lost(), 0u);
  }
  if (!result.failure) return;
  for (const auto& [invariant, what] : result.failure->simulated.violated) {
    ADD_FAILURE() << "seed " << result.failure->simulation.seed() << ": "
                  << kernel::InvariantName(invariant) << " " << what;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Presets, PromiseTest,
    ::testing::Values(Promise{"linux-3.0+flush"}, Promise{"linux-3.16"},
                      Promise{"linux-6.12"}, Promise{"belfry"},
                      Promise{"belfry", true}, Promise{"belfry", false, true},
                      Promise{"belfry", true, true}),
    [](const auto& instance) {
      return absl::StrReplaceAll(
          absl::StrCat(instance.param.preset,
                       instance.param.split_doorbell ? " split" : "",
                       instance.param.faults ? " faults" : ""),
          {{"+", "_"}, {"-", "_"}, {".", "_"}, {" ", "_"}});
    });

// Every kind of fault comes to pass, alone.
TEST(FaultTest, EachKindBites) {
  for (std::size_t i = 0; i < kFaultNames.size(); ++i) {
    Sweep sweep{.shape = Shape("belfry", {static_cast<Fault>(i)}),
                .last_seed = testing::Seeds(10)};
    sweep.shape.faults_per_100 = 100;
    const SweepResult result = RunSweep(sweep, Model());
    EXPECT_FALSE(result.counts.faults().empty()) << kFaultNames[i];
    EXPECT_FALSE(result.failure.has_value()) << kFaultNames[i];
  }
}

// The seed's bug, in the fewest inputs: none of them can be left out.
TEST(ShrinkTest, LeavesNothingThatIsNotNeeded) {
  const auto hang = kernel::Invariant::kEveryWaitEnds;
  const SweepResult found = RunSweep(
      {.shape = Shape("linux-3.0"), .last_seed = 500, .until_hang = true},
      Model());
  ASSERT_TRUE(found.failure.has_value());
  const v1::Simulation& whole = found.failure->simulation;
  const v1::Simulation small =
      Shrink(whole, Model(), hang, [](std::size_t) { return true; });
  EXPECT_LT(small.inputs_size() * 10, whole.inputs_size());
  ASSERT_TRUE(Simulate(small, Model(), {.stop_at_violation = false})
                  .violated.contains(hang));
  for (int i = 0; i < small.inputs_size(); ++i) {
    v1::Simulation smaller = small;
    smaller.mutable_inputs()->DeleteSubrange(i, 1);
    EXPECT_FALSE(Simulate(smaller, Model(), {.stop_at_violation = false})
                     .violated.contains(hang))
        << "input " << i + 1 << " is not needed";
  }
}

// And its memory is not the number of its CPUs squared: two calls between two
// CPUs make two records, and so does the call of each hotplug step.
TEST(LargeMachineTest, HoldsToo) {
  SimulationShape shape = Shape("belfry");
  shape.cpus = 1024;
  shape.cycles = 3;
  const Simulated simulated =
      Simulate(MakeSimulation(shape, Model(), 1), Model(), {});
  EXPECT_TRUE(simulated.violated.empty());
  EXPECT_GT(simulated.counts.onlines(), 0u);
  EXPECT_GT(simulated.peer_records, 0u);
  EXPECT_LT(simulated.peer_records, 300u);
}

struct BadFile {
  std::string from;
  std::string to;
  std::string said;
};

TEST(SimulationFileTest, AWrongFileIsOneLineThatNamesTheFault) {
  v1::Simulation run = MakeSimulation(Shape("belfry"), Model(), 1);
  run.clear_inputs();
  v1::SimulationInput& pause = *run.add_inputs();
  pause.set_at_us(700);
  pause.mutable_pause()->set_cpu(1);
  pause.mutable_pause()->set_us(5);
  pause.mutable_gate()->set_cpu(1);
  pause.mutable_gate()->set_gate("step:6");
  run.add_inputs()->set_at_us(800);
  run.mutable_inputs(1)->mutable_partition()->set_cpus("0-1");
  run.mutable_inputs(1)->mutable_partition()->set_us(9);
  const std::string good = FormatSimulation(run);
  ASSERT_TRUE(ParseSimulation(good, "x").ok());
  for (const BadFile& bad :
       {BadFile{"version: 1", "version: 2", "reads version 1"},
        BadFile{"version: 1", "verzion: 1", "bad.textproto:3:"},
        BadFile{"cpus: 4", "cpus: 9000", "cpus is 9000; 1 to 8192"},
        BadFile{"cpus: 4", "cpus: 1", "there is no CPU 1: there are 0-0"},
        BadFile{"at_us: 800", "at_us: 600", "input 2: at_us is before"},
        BadFile{"at_us: 800", "at_us: 9999999999", "beyond"},
        BadFile{"cpus: \"0-1\"", "cpus: \"0-9\"", "CPUs 0-9 are not all there"},
        BadFile{"step:6", "step:99", "unknown gate"},
        BadFile{"step:6", "step:calls:online", "is called \"step:6\" here"},
        BadFile{"us: 9", "us: 0", "us is 0"}}) {
    std::string text = good;
    ASSERT_NE(text.find(bad.from), std::string::npos) << bad.from;
    text.replace(text.find(bad.from), bad.from.size(), bad.to);
    const auto read = ParseSimulation(text, "bad.textproto");
    ASSERT_FALSE(read.ok()) << bad.to;
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(bad.said));
    EXPECT_THAT(std::string(read.status().message()),
                StartsWith("bad.textproto:"));
  }
}

TEST(LatencyTest, DrawsBetweenTheQuantiles) {
  std::string text;
  for (const absl::string_view lane : kLaneNames) {
    absl::StrAppend(&text, "latencies { lane: \"", lane,
                    "\" min_ns: 10 p50_ns: 20 p90_ns: 30 p99_ns: 40 max_ns: "
                    "50 }\n");
  }
  const auto model = Latencies::Parse(text, "x");
  ASSERT_TRUE(model.ok()) << model.status();
  for (const auto& [chance, ns] :
       std::vector<std::pair<std::uint64_t, std::uint64_t>>{{0, 10},
                                                            {2500, 15},
                                                            {5000, 20},
                                                            {9000, 30},
                                                            {9900, 40},
                                                            {9999, 49},
                                                            {10000, 10}}) {
    EXPECT_EQ(model->Draw(Lane::Kind::kData, chance), ns) << chance;
  }
  EXPECT_NE(model->fingerprint(), Model().fingerprint());
  EXPECT_THAT(
      std::string(Latencies::Parse(
                      absl::StrReplaceAll(text, {{"\"reply\"", "\"x\""}}), "x")
                      .status()
                      .message()),
      HasSubstr("no latencies for lane \"reply\""));
  EXPECT_THAT(
      std::string(
          Latencies::Parse(
              absl::StrReplaceAll(text, {{"p90_ns: 30", "p90_ns: 3"}}), "x")
              .status()
              .message()),
      HasSubstr("do not rise"));
}

}  // namespace
}  // namespace belfry::lab
