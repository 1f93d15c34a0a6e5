// belfry chaos on real processes: its faults happen, all survives them, and it
// can tell when something does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <string>

#include "absl/strings/match.h"
#include "client/exit_code.h"
#include "tests/e2e/support/cluster.h"

namespace belfry::e2e {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::chrono::seconds kChaos{150};

class ChaosTest : public ::testing::Test {
 protected:
  Outcome Chaos(Arguments arguments) const {
    arguments.insert(arguments.begin(), "chaos");
    arguments.insert(arguments.end(), {"-o", "json"});
    return belfry_.Run(arguments, "", kChaos);
  }

  const Belfry belfry_;
};

std::uint64_t Done(const v1::ChaosReport& report, const std::string& kind) {
  for (const auto& fault : report.faults()) {
    if (fault.kind() == kind) return fault.done();
  }
  return 0;
}

TEST_F(ChaosTest, EveryKindOfFaultIsSurvived) {
  const TempDir dir;
  const Outcome outcome =
      Chaos({"--cpus", "4", "--duration", "16s", "--rest-interval", "8s",
             "--fault-interval", "150ms", "--seed", "11", "--set",
             "stop_lease=held", "--log", dir.File("log")});
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  const auto report = FromJson<v1::ChaosReport>(outcome);
  EXPECT_EQ(report.verdict(), "SUCCESS");
  EXPECT_EQ(report.failure(), "");
  for (const auto& fault : report.faults()) {
    EXPECT_GT(fault.done(), 0) << fault.kind();
  }
  EXPECT_EQ(report.faults_size(), 13);
  EXPECT_GT(report.hotplug().ok(), 10);
  EXPECT_GT(report.counts().invoked(), 100);
  EXPECT_GE(report.rests(), 2);
  EXPECT_GT(report.trace_events(), 1000);
  // The network did what it was asked for.
  EXPECT_GT(report.network().dropped(), 0);
  EXPECT_GT(report.network().delayed(), 0);
  EXPECT_GT(report.network().duplicated(), 0);
  EXPECT_GT(report.network().reordered(), 0);
  EXPECT_GT(report.network().resets(), 0);
  EXPECT_EQ(report.audit().pending(), 0);
  // All of it is in the log, a line each.
  const std::string log = ReadFile(dir.File("log"));
  EXPECT_THAT(log, HasSubstr("\"what\":\"begins\""));
  EXPECT_THAT(log, HasSubstr("\"what\":\"rests\""));
}

TEST_F(ChaosTest, WithoutANetworkProcessesAreKilledAndPaused) {
  const Outcome outcome =
      Chaos({"--cpus", "3", "--duration", "5s", "--fault-interval", "200ms",
             "--faults", "kill,pause", "--set", "stop_lease=held"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  const auto report = FromJson<v1::ChaosReport>(outcome);
  EXPECT_GT(Done(report, "kill"), 0);
  EXPECT_GT(Done(report, "pause"), 0);
  EXPECT_EQ(report.faults_size(), 2);
  EXPECT_EQ(report.network().packets(), 0);
}

// The kernel of the report loses calls when a CPU goes, whatever else happens.
TEST_F(ChaosTest, WhatDoesNotSurviveIsFound) {
  const Outcome outcome =
      Chaos({"--profile", "linux-3.0", "--duration", "60s", "--rest-interval",
             "5s", "--onoff-interval", "1ms", "--stutter", "0s", "--faults",
             "pause,delay"});
  EXPECT_THAT(outcome.exit_code,
              AnyOf(client::kExitViolated, client::kExitHang))
      << outcome;
  const auto report = FromJson<v1::ChaosReport>(outcome);
  EXPECT_EQ(report.verdict(), "FAILURE");
  EXPECT_NE(report.failure(), "");
}

// An operation is under way whenever the signal comes: each lasts a while.
TEST_F(ChaosTest, ASignalEndsItWithARestInWhichAllEnds) {
  const TempDir dir;
  const auto chaos = belfry_.Start(
      {"chaos", "--cpus", "3", "--duration", "60s", "--rest-interval", "60s",
       "--faults", "delay", "--fault-interval", "100ms", "--onoff-interval",
       "1ms", "--log", dir.File("log")});
  const auto begun = [&] {
    return absl::StrContains(ReadFile(dir.File("log")), "\"fault\":5");
  };
  ASSERT_TRUE(WaitFor(begun)) << chaos->err();
  chaos->Signal(SIGINT);
  const Outcome outcome = chaos->Wait(kChaos);
  EXPECT_EQ(outcome.exit_code, 130) << outcome;
  EXPECT_THAT(ReadFile(dir.File("log")), HasSubstr("\"what\":\"rests\""));
  EXPECT_THAT(ReadFile(dir.File("log")), Not(HasSubstr("\"fails\"")));
}

TEST_F(ChaosTest, SaysWhatIsWrongWithItsFlags) {
  struct Case {
    Arguments arguments;
    std::string says;
  };
  const Case cases[] = {
      {{"--faults", "earthquake"}, "'earthquake' is none of kill, "},
      {{"--cpus", "1"}, "'1' is no whole number from 2"},
      {{"--log", "/nowhere/at/all"}, "cannot write /nowhere/at/all"},
      {{"--profile", "linux-2.4"}, "linux-3.0"},
  };
  for (const Case& c : cases) {
    const Outcome outcome = Chaos(c.arguments);
    EXPECT_EQ(outcome.exit_code, client::kExitUsage) << outcome;
    EXPECT_THAT(outcome.err, HasSubstr(c.says));
    EXPECT_EQ(outcome.out, "");
  }
}

}  // namespace
}  // namespace belfry::e2e
