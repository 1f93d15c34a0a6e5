// Schedules that the explorer has found, on real processes: each ends as it did
// in memory, and one that cannot be followed says where and why.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/e2e/support/cluster.h"
#include "tests/support/killed.h"

namespace belfry::e2e {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAreArray;

constexpr int kExitHolds = 0;
constexpr int kExitUsage = 2;
constexpr int kExitHang = 11;
constexpr int kExitViolated = 12;
constexpr int kExitDiverged = 20;
constexpr int kExitBadFile = 65;

// The program, and a schedule that it has found.
class ReplayTest : public ::testing::Test {
 protected:
  v1::Schedule Explore(Arguments arguments, int exit_code = kExitHang) {
    arguments.insert(arguments.begin(), {"explore", "lost-ipi"});
    arguments.insert(arguments.end(), {"--out", file_});
    return belfry_.Ask<v1::ExploreReport>(arguments, exit_code).schedule();
  }

  void Write(const v1::Schedule& schedule) {
    std::string text;
    google::protobuf::TextFormat::PrintToString(schedule, &text);
    WriteFile(file_, text);
  }

  // Of three CPUs under belfry: the inputs, then calls and a cycle of hotplug.
  void WriteSimulation(const std::string& inputs) {
    v1::Simulation simulation;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
        absl::StrCat(
            "version: 1 cpus: 3 seed: 7 ", inputs,
            "inputs { at_us: 100 call { from: 1 cpu: 2 count: 1 } }"
            "inputs { at_us: 200 call { from: 0 cpu: 2 count: 1 wait: true } }"
            "inputs { at_us: 9000 offline { cpu: 2 on: 1 } }"
            "inputs { at_us: 20000 online { cpu: 2 } }"
            "inputs { at_us: 40000 stop_machine: \"\" }"),
        &simulation));
    *simulation.mutable_profile() =
        belfry_.Ask<v1::Profile>({"profile", "show", "belfry"});
    std::string text;
    google::protobuf::TextFormat::PrintToString(simulation, &text);
    WriteFile(file_,
              absl::StrCat("# proto-message: belfry.v1.Simulation\n", text));
  }

  v1::ReplayReport Replay(const std::string& driver, int exit_code) {
    return belfry_.Ask<v1::ReplayReport>({"replay", file_, "--on", driver},
                                         exit_code);
  }

  void ExpectTheSameOnAllDrivers(const v1::Schedule& schedule, int exit_code) {
    for (const std::string driver : {"processes", "sim"}) {
      const v1::ReplayReport report = Replay(driver, exit_code);
      SCOPED_TRACE(report.DebugString());
      EXPECT_EQ(report.on(), driver);
      EXPECT_EQ(report.moves_made(), schedule.moves_size());
      EXPECT_EQ(report.result().verdict(), schedule.verdict());
      EXPECT_THAT(report.result().violated(),
                  UnorderedElementsAreArray(schedule.violated()));
    }
  }

  const Belfry belfry_;
  const std::string file_ =
      absl::StrCat(belfry_.state_dir(), "/found.schedule.textproto");
};

TEST_F(ReplayTest, TheHangOfLinux30) {
  const auto schedule = Explore({"--profile", "linux-3.0"});
  ExpectTheSameOnAllDrivers(schedule, kExitHang);
}

TEST_F(ReplayTest, TheHangWithPromptDoorbells) {
  const auto schedule =
      Explore({"--profile", "linux-3.0", "--doorbells", "prompt"});
  ExpectTheSameOnAllDrivers(schedule, kExitHang);
}

TEST_F(ReplayTest, TheHangThoughTheBarrierIsSplit) {
  const auto schedule = Explore({"--profile", "linux-3.0+split"});
  ExpectTheSameOnAllDrivers(schedule, kExitHang);
}

// The control CPU is killed on the way, and what it had sent last is lost.
TEST_F(ReplayTest, TheHangInSpiteOfAKill) {
  const auto found = Explore({"--profile", "linux-3.0", "--calls", "1"});
  v1::Schedule schedule;
  std::string kill;
  for (int after = 20; kill != "kill 0, kept 0"; ++after) {
    ASSERT_LT(after, found.moves_size());
    schedule = testing::WithKill(found, after, /*cpu=*/0, /*which=*/0);
    kill = schedule.verdict() == "hang" ? schedule.moves(after) : "";
  }
  Write(schedule);
  ExpectTheSameOnAllDrivers(schedule, kExitHang);
}

// It ends in the middle of the offline, and is judged there.
TEST_F(ReplayTest, AQueueThatIsLeftBehind) {
  v1::Schedule schedule = Explore({"--profile", "linux-3.0"});
  int end = 0;
  while (schedule.moves(end) != "dead 2") ++end;
  schedule.mutable_moves()->DeleteSubrange(end + 1,
                                           schedule.moves_size() - end - 1);
  schedule.set_verdict("violated");
  schedule.clear_violated();
  schedule.add_violated("nothing_left_behind");
  Write(schedule);
  ExpectTheSameOnAllDrivers(schedule, kExitViolated);
}

// With a watchdog that rings again the same way does not end in the hang.
TEST_F(ReplayTest, WhereTimePassesTheWatchdogIsWaitedFor) {
  v1::Schedule schedule = Explore({"--profile", "linux-3.0"});
  ASSERT_EQ(schedule.profile().knobs(0).name(), "ring_rule");
  schedule.mutable_profile()->mutable_knobs(0)->set_value("watchdog");
  // Whose I/O it is, the search is free to choose: the calls' numbers follow.
  const auto& moves = schedule.moves();
  const bool of_0 =
      std::find(moves.begin(), moves.end(), "io 0 for 2") != moves.end();
  const std::string wait = of_0 ? "#3" : "#2";
  for (const std::string& move :
       {std::string("time passes"), "overdue 0->2 " + wait,
        "doorbell 0->2 " + wait, std::string("irq_entry 2"),
        std::string("return 2"),
        std::string(of_0 ? "done 2->0 #2" : "done 2->1 #1"),
        std::string("return 2"), "done 2->0 " + wait}) {
    schedule.add_moves(move);
  }
  schedule.set_verdict("violated");
  Write(schedule);
  for (const std::string driver : {"processes", "sim"}) {
    const v1::ReplayReport report = Replay(driver, kExitViolated);
    SCOPED_TRACE(report.DebugString());
    EXPECT_EQ(report.moves_made(), schedule.moves_size());
    EXPECT_THAT(report.result().violated(), Contains("nothing_left_behind"));
  }
}

TEST_F(ReplayTest, WhatIsKeptCanBeLookedAtAndKicked) {
  Explore({"--profile", "linux-3.0"});
  const Outcome run = belfry_.Run({"replay", file_, "--keep"});
  ASSERT_EQ(run.exit_code, kExitHang) << run;
  EXPECT_THAT(run.out, HasSubstr("HANG under linux-3.0"));
  EXPECT_THAT(run.out, HasSubstr("as the schedule says"));
  EXPECT_THAT(run.out, HasSubstr("the reset clears the doorbell of CPU "));
  const Cluster cluster = Cluster::Adopt(KeptIn(run));
  const auto explain = cluster.Ask<v1::ExplainReport>({"explain"});
  ASSERT_EQ(explain.waiters_size(), 1) << explain.DebugString();
  EXPECT_EQ(explain.waiters(0).cpu(), 0u);
  EXPECT_EQ(explain.waiters(0).target_cpu(), 2u);
  cluster.Ask<v1::KickReport>({"kick", "2"});
  EXPECT_TRUE(cluster.AwaitState(2, v1::CPU_STATE_ONLINE));
  cluster.ExpectCleanAudit();
  cluster.ExpectAllCallsWork();
}

TEST_F(ReplayTest, OtherRulesCannotFollowItAndSayWhere) {
  v1::Schedule schedule = Explore({"--profile", "linux-3.0"});
  *schedule.mutable_profile() =
      belfry_.Ask<v1::Profile>({"profile", "show", "belfry"});
  Write(schedule);
  const v1::ReplayReport report = Replay("processes", kExitDiverged);
  SCOPED_TRACE(report.DebugString());
  const v1::ReplayReport::Diverged& diverged = report.diverged();
  ASSERT_GT(diverged.move(), 0u);
  EXPECT_EQ(diverged.name(),
            schedule.moves(static_cast<int>(diverged.move()) - 1));
  EXPECT_EQ(diverged.why(), "it is not possible here");
  EXPECT_GT(diverged.standing_size(), 0);
  EXPECT_EQ(report.result().verdict(), "inconclusive");
  EXPECT_EQ(Replay("sim", kExitDiverged).diverged().move(), diverged.move());
  const Outcome said = belfry_.Run({"replay", file_, "--on", "sim"});
  EXPECT_THAT(said.out, HasSubstr(absl::StrCat("\nmove ", diverged.move(),
                                               ", \"", diverged.name(), "\"")));
}

TEST_F(ReplayTest, AnotherVerdictThanTheSchedulesIsSaid) {
  v1::Schedule schedule = Explore({"--profile", "linux-3.0"});
  schedule.set_verdict("violated");
  Write(schedule);
  const Outcome run = belfry_.Run({"replay", file_});
  EXPECT_EQ(run.exit_code, kExitDiverged) << run;
  EXPECT_THAT(run.out,
              HasSubstr("! verdict is hang, the schedule says violated"));
}

TEST_F(ReplayTest, RefusesWhatIsNoSchedule) {
  const Outcome missing = belfry_.Run({"replay", file_});
  EXPECT_EQ(missing.exit_code, kExitUsage) << missing;
  EXPECT_THAT(missing.err, HasSubstr(file_));
  for (const auto& [text, said] :
       {std::pair<std::string, std::string>{"", "version is 0"},
        {"name: \"lost-ipi\"", "name"},
        {"version: 2", "this program reads version 1"},
        {"version: 1 scenario: \"lost", "1:"}}) {
    WriteFile(file_, text);
    const Outcome bad = belfry_.Run({"replay", file_});
    EXPECT_EQ(bad.exit_code, kExitBadFile) << bad;
    EXPECT_THAT(bad.err, StartsWith(absl::StrCat("belfry: ", file_)));
    EXPECT_THAT(bad.err, HasSubstr(said));
    EXPECT_EQ(bad.out, "");
  }
  const Outcome keep = belfry_.Run({"replay", file_, "--on", "sim", "--keep"});
  EXPECT_EQ(keep.exit_code, kExitUsage) << keep;
}

TEST_F(ReplayTest, AMoveThatThereIsNotIsNamedWithWhatThereIs) {
  v1::Schedule schedule = Explore({"--profile", "linux-3.0"});
  ASSERT_EQ(schedule.moves(3), "walk 0 from 10 to 7");
  schedule.set_moves(3, "dance 7");
  Write(schedule);
  const v1::ReplayReport report = Replay("processes", kExitDiverged);
  SCOPED_TRACE(report.DebugString());
  EXPECT_EQ(report.diverged().move(), 4u);
  EXPECT_EQ(report.diverged().name(), "dance 7");
  ASSERT_EQ(report.diverged().standing_size(), 1);
  const auto& standing = report.diverged().standing(0);
  EXPECT_EQ(standing.event(), "walk 0 from 10 to 7");
  EXPECT_EQ(standing.process(), "cpu/0");
  EXPECT_EQ(standing.gate(), "order");
}

// A doorbell that is lost is dropped at its gate.
TEST_F(ReplayTest, TheHangOfADroppedDoorbell) {
  const auto schedule = Explore({"--profile", "linux-3.16", "--drops", "1"});
  EXPECT_THAT(schedule.moves(), Contains(StartsWith("drop doorbell")));
  ExpectTheSameOnAllDrivers(schedule, kExitHang);
}

// The shrunk run of a seed, on processes.
TEST_F(ReplayTest, ASimulatedHang) {
  belfry_.Ask<v1::SimulateReport>(
      {"simulate", "--profile", "linux-3.0", "--cycles", "10", "--until",
       "hang", "--out", file_},
      kExitHang);
  for (const std::string driver : {"sim", "processes"}) {
    const v1::ReplayReport report = Replay(driver, kExitHang);
    SCOPED_TRACE(report.DebugString());
    EXPECT_FALSE(report.has_diverged());
    EXPECT_GT(report.moves_made(), 50u);
    EXPECT_EQ(report.result().verdict(), "hang");
  }
}

// Each fault that a process can have without dying, and calls beside it.
TEST_F(ReplayTest, SimulatedFaultsOfDoorbellsPausesAndPartitions) {
  for (const std::string fault :
       {"doorbell { from: 1 to: 2 delay_us: 5000 }",
        "doorbell { from: 1 to: 2 drop: true }",
        "doorbell { from: 1 to: 2 repeat: true }", "pause { cpu: 2 us: 3000 }",
        "partition { cpus: \"2\" us: 3000 }"}) {
    SCOPED_TRACE(fault);
    WriteSimulation(absl::StrCat("inputs { at_us: 50 ", fault, " }"));
    for (const std::string driver : {"sim", "processes"}) {
      const v1::ReplayReport report = Replay(driver, kExitHolds);
      SCOPED_TRACE(report.DebugString());
      EXPECT_FALSE(report.has_diverged());
      EXPECT_EQ(report.result().verdict(), "holds");
    }
  }
}

// Processes that die and links that break, with calls on their way.
TEST_F(ReplayTest, SimulatedDeathsAndBrokenLinks) {
  for (const std::string fault :
       {"inputs { at_us: 60 kill: 1 } inputs { at_us: 90 restart: 1 }",
        "inputs { at_us: 60 break_data { from: 1 to: 2 } }",
        "inputs { at_us: 60 break_control: 2 }",
        "inputs { at_us: 60 kill_coordinator: true }"
        "inputs { at_us: 90 restart_coordinator: true }"}) {
    SCOPED_TRACE(fault);
    WriteSimulation(absl::StrCat(
        "inputs { at_us: 10 call { from: 1 cpu: 2 count: 1 wait: true } }",
        "inputs { at_us: 20 offline { cpu: 2 on: 0 } }", fault));
    std::uint32_t moves = 0;
    for (const std::string driver : {"sim", "processes"}) {
      const v1::ReplayReport report = Replay(driver, kExitHolds);
      SCOPED_TRACE(report.DebugString());
      EXPECT_FALSE(report.has_diverged());
      EXPECT_EQ(report.result().verdict(), "holds");
      if (moves == 0) moves = report.moves_made();
      EXPECT_EQ(report.moves_made(), moves);
    }
  }
}

}  // namespace
}  // namespace belfry::e2e
