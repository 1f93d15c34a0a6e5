#include "lab/replay.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lab/gate.h"
#include "lab/schedule.h"
#include "lab/simulation_replay.h"
#include "tests/lab/fake_machine.h"
#include "tests/support/killed.h"
#include "trace/codec.h"

namespace belfry::lab {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

v1::Schedule HangOfLinux30() {
  const ExploreOptions options = {
      .profile = kernel::PresetByName("linux-3.0").value(),
      .scope = {.async_calls = 1, .prompt_doorbells = true}};
  return MakeSchedule("lost-ipi", options, Explore(options));
}

// The same moves by other rules.
v1::Schedule UnderBelfry(v1::Schedule schedule) {
  *schedule.mutable_profile() =
      MakeSchedule("", {.profile = kernel::PresetByName("belfry").value()}, {})
          .profile();
  return schedule;
}

// Lets pass whatever it is asked to, but for one event, and keeps a list.
class LedMachine : public testing::FakeMachine {
 public:
  explicit LedMachine(std::string never_comes = "")
      : never_comes_(std::move(never_comes)) {}

  absl::Status Pass(const v1::GateAt& at, const std::string& event,
                    v1::PassGateRequest::How how) override {
    if (event == never_comes_) return absl::NotFoundError("not there");
    if (how == v1::PassGateRequest::HOW_NEVER) lost.push_back(event);
    if (how == v1::PassGateRequest::HOW_TWICE) repeated.push_back(event);
    done.push_back(event);
    places.push_back(ProcessText(at));
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<v1::Gate>> Gates(const v1::GateAt& at) override {
    const auto there = standing.find(ProcessText(at));
    if (there == standing.end()) return std::vector<v1::Gate>();
    v1::Gate gate;
    gate.set_name("ack:PREPARE");
    for (const std::string& event : there->second) gate.add_events(event);
    return std::vector{gate};
  }
  absl::Status KillProcess(std::optional<std::uint32_t> cpu) override {
    done.push_back("kill " + NameOf(cpu));
    places_before_kill = places.size();
    return absl::OkStatus();
  }
  absl::Status StartProcess(std::optional<std::uint32_t> cpu) override {
    done.push_back("start " + NameOf(cpu));
    return absl::OkStatus();
  }
  absl::Status BreakLink(std::uint32_t cpu,
                         std::optional<std::uint32_t> to) override {
    done.push_back(to ? absl::StrCat("break ", cpu, "->", *to)
                      : absl::StrCat("break control ", cpu));
    return absl::OkStatus();
  }
  absl::StatusOr<std::uint32_t> Offline(const v1::Hotplug& h) override {
    done.push_back(absl::StrCat("request offline ", h.cpu()));
    return 1;
  }
  absl::StatusOr<std::uint32_t> Online(const v1::Hotplug& h) override {
    done.push_back(absl::StrCat("request online ", h.cpu()));
    return 2;
  }
  absl::Status StartBlockIo(const v1::BlockIo&) override {
    ++ios;
    return absl::OkStatus();
  }

  absl::Status StartCall(const v1::ScenarioCall& call) override {
    calls.push_back(
        absl::StrCat(call.from(), "->", call.cpu(), " ", call.function()));
    return absl::OkStatus();
  }

  // What is seen at gates, by process.
  std::map<std::string, std::vector<std::string>> standing = {
      {"cpu/1", {"state 1 PREPARE"}}};
  std::vector<std::string> done;
  std::vector<std::string> lost;
  std::vector<std::string> repeated;
  std::vector<std::string> calls;
  std::vector<std::string> places;
  std::size_t places_before_kill = 0;
  int ios = 0;

 private:
  static std::string NameOf(std::optional<std::uint32_t> cpu) {
    return cpu ? absl::StrCat(*cpu) : "coordinator";
  }

  std::string never_comes_;
};

std::vector<std::string> AllBut(const v1::Schedule& schedule,
                                const std::string& kind) {
  std::vector<std::string> moves;
  for (const std::string& move : schedule.moves()) {
    if (!absl::StartsWith(move, kind)) moves.push_back(move);
  }
  return moves;
}

TEST(ReplayTest, InMemoryItEndsAsTheScheduleSays) {
  const v1::Schedule schedule = HangOfLinux30();
  const v1::ReplayReport report = ReplayInMemory(schedule, {});
  EXPECT_EQ(report.on(), "sim");
  EXPECT_EQ(report.result().verdict(), "hang");
  EXPECT_THAT(report.result().violated(),
              ElementsAre("no_stranded_queue", "nothing_left_behind",
                          "every_wait_ends"));
  EXPECT_THAT(report.result().picture(),
              HasSubstr("the reset clears the doorbell of CPU "));
  EXPECT_EQ(report.moves_made(), schedule.moves_size());
  EXPECT_FALSE(report.has_diverged());
  EXPECT_EQ(DifferenceFromSchedule(report), "");
}

TEST(ReplayTest, AMachineIsLedEventByEvent) {
  const v1::Schedule schedule = HangOfLinux30();
  LedMachine machine;
  const v1::ReplayReport report = ReplayOn(machine, schedule, {});
  EXPECT_EQ(report.on(), "processes");
  EXPECT_EQ(report.moves_made(), schedule.moves_size());
  // News of links comes by itself.
  EXPECT_EQ(machine.done, AllBut(schedule, "confirmed "));
  EXPECT_EQ(machine.ios, 1);
  EXPECT_EQ(machine.places.front(), "coordinator") << machine.done[2];
  EXPECT_THAT(machine.HeldGates(), IsEmpty());
}

TEST(ReplayTest, AnotherEndThanTheSchedulesIsSaid) {
  LedMachine machine;
  const v1::ReplayReport report = ReplayOn(machine, HangOfLinux30(), {});
  EXPECT_EQ(report.result().verdict(), "holds");
  EXPECT_EQ(DifferenceFromSchedule(report),
            "verdict is holds, the schedule says hang");
}

TEST(ReplayTest, AnEventThatNeverComesIsNamedWithWhatStandsInstead) {
  LedMachine machine("state 2 PREPARE");
  const v1::ReplayReport report = ReplayOn(machine, HangOfLinux30(), {});
  ASSERT_TRUE(report.has_diverged()) << report.DebugString();
  const v1::ReplayReport::Diverged& diverged = report.diverged();
  EXPECT_EQ(diverged.name(), "state 2 PREPARE");
  EXPECT_EQ(diverged.move(), report.moves_made() + 1);
  EXPECT_EQ(diverged.why(),
            "waited in vain for it at gate ack:PREPARE of cpu/2");
  ASSERT_EQ(diverged.standing_size(), 1);
  EXPECT_EQ(diverged.standing(0).process(), "cpu/1");
  EXPECT_EQ(diverged.standing(0).gate(), "ack:PREPARE");
  EXPECT_EQ(diverged.standing(0).event(), "state 1 PREPARE");
  EXPECT_EQ(report.result().verdict(), "inconclusive");
  EXPECT_THAT(machine.HeldGates(), IsEmpty());
}

// All drivers stop at the same move.
TEST(ReplayTest, AMoveThatTheRulesForbidIsNotWaitedFor) {
  const v1::Schedule schedule = UnderBelfry(HangOfLinux30());
  const v1::ReplayReport report = ReplayInMemory(schedule, {});
  ASSERT_TRUE(report.has_diverged()) << report.DebugString();
  EXPECT_EQ(report.diverged().why(), "it is not possible here");
  EXPECT_GT(report.diverged().standing_size(), 0);
  LedMachine machine;
  const v1::ReplayReport led = ReplayOn(machine, schedule, {});
  ASSERT_TRUE(led.has_diverged());
  EXPECT_EQ(led.diverged().move(), report.diverged().move());
  EXPECT_EQ(machine.waits(), 0);
}

TEST(ReplayTest, AMachineThatFailsIsNoDivergence) {
  testing::FakeMachine machine({.coordinator_gone = true});
  const v1::ReplayReport report = ReplayOn(machine, HangOfLinux30(), {});
  EXPECT_FALSE(report.has_diverged());
  EXPECT_EQ(report.result().verdict(), "inconclusive");
  EXPECT_THAT(report.result().message(), HasSubstr("does not answer"));
}

TEST(ReplayTest, WhatEndsInTheMiddleIsJudgedAsItStands) {
  v1::Schedule schedule = HangOfLinux30();
  schedule.mutable_moves()->DeleteSubrange(10, schedule.moves_size() - 10);
  schedule.set_verdict("holds");
  LedMachine machine;
  EXPECT_EQ(ReplayOn(machine, schedule, {}).result().verdict(), "holds");
  EXPECT_EQ(machine.waits(), 0);
  const v1::ReplayReport report = ReplayInMemory(schedule, {});
  EXPECT_EQ(report.result().verdict(), "holds");
  EXPECT_FALSE(report.at_rest());
}

// A hang in spite of a kill: the control CPU dies, and another takes over.
struct Killed {
  v1::Schedule schedule;
  std::string kill;
  int place = 0;
};

Killed HangAfterKill() {
  Killed killed{.schedule = testing::WithKill(HangOfLinux30(), 30, 0, 0)};
  while (!absl::StartsWith(killed.schedule.moves(killed.place), "kill ")) {
    ++killed.place;
  }
  killed.kill = killed.schedule.moves(killed.place);
  return killed;
}

// All that is on its way before the kill, where it stands on a machine; and the
// news of the end.
std::map<std::string, std::vector<std::string>> StandingAt(const Killed& kill) {
  Playing playing(kill.schedule);
  for (int i = 0; i < kill.place; ++i) {
    EXPECT_TRUE(playing.Make(kill.schedule.moves(i)).ok());
  }
  std::map<std::string, std::vector<std::string>> standing;
  for (const World::Pending& pending : playing.world().pending()) {
    v1::GateAt at;
    if (!pending.lane.to_coordinator()) at.set_cpu(pending.lane.to);
    standing[ProcessText(at)].push_back(
        MessageText(pending.lane, *pending.message));
  }
  standing["coordinator"].push_back("lost 0");
  return standing;
}

TEST(ReplayTest, AKilledProcessIsKilledAndWhatItsLinksLoseIsDropped) {
  const Killed killed = HangAfterKill();
  ASSERT_EQ(killed.schedule.verdict(), "hang");
  ASSERT_EQ(killed.kill, "kill 0, kept 0");
  EXPECT_EQ(DifferenceFromSchedule(ReplayInMemory(killed.schedule, {})), "");
  LedMachine machine;
  machine.standing = StandingAt(killed);
  const v1::ReplayReport report = ReplayOn(machine, killed.schedule, {});
  EXPECT_FALSE(report.has_diverged()) << report.DebugString();
  EXPECT_EQ(report.moves_made(), killed.schedule.moves_size());
  ASSERT_EQ(machine.lost.size(), 1u);
  const auto kill =
      std::find(machine.done.begin(), machine.done.end(), "kill 0");
  ASSERT_LT(kill + 1, machine.done.end());
  EXPECT_EQ(*(kill + 1), machine.lost.front());
  // Nobody is told anything there from then on, nor of what is lost.
  EXPECT_THAT(
      std::vector(kill + 2, machine.done.end()),
      AllOf(Contains("lost 0"), Contains("peer_gone 1 0"),
            Contains("peer_gone 2 0"), Not(Contains(machine.lost.front()))));
  EXPECT_THAT(
      std::vector(machine.places.begin() +
                      static_cast<std::ptrdiff_t>(machine.places_before_kill),
                  machine.places.end()),
      Not(Contains("cpu/0")));
  EXPECT_THAT(machine.HeldGates(), IsEmpty());
}

TEST(ReplayTest, NoProcessIsKilledBeforeWhatItHasSentIsThere) {
  const Killed killed = HangAfterKill();
  LedMachine machine;
  const v1::ReplayReport report = ReplayOn(machine, killed.schedule, {});
  ASSERT_TRUE(report.has_diverged());
  EXPECT_EQ(report.diverged().name(), killed.kill);
  EXPECT_THAT(report.diverged().why(), HasSubstr("waited in vain for \""));
  EXPECT_THAT(machine.done, Not(Contains("kill 0")));
}

// A file that lost its tail is a good schedule still.
TEST(ReplayTest, ACutScheduleIsSaidToEndInTheMiddle) {
  v1::Schedule schedule = HangOfLinux30();
  schedule.mutable_moves()->RemoveLast();
  EXPECT_THAT(DifferenceFromSchedule(ReplayInMemory(schedule, {})),
              HasSubstr("its moves end before the machine is at rest"));
}

// A simulation with these inputs, and what it ends in.
v1::Simulation SimulationOf(absl::string_view preset,
                            const std::string& inputs) {
  v1::Simulation simulation;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      absl::StrCat("version: 1 cpus: 3 seed: 7 ", inputs), &simulation));
  *simulation.mutable_profile() =
      trace::ToProto(kernel::PresetByName(preset).value());
  const v1::ReplayReport report =
      ReplayInMemory(simulation, Latencies::Measured(), {});
  *simulation.mutable_violated() = report.result().violated();
  simulation.set_trace(report.trace());
  return simulation;
}

constexpr char kTwoCalls[] =
    "inputs { at_us: 500 call { from: 1 cpu: 2 count: 1 } }"
    "inputs { at_us: 1500 call { from: 1 cpu: 2 count: 1 wait: true } }";

TEST(SimulationReplayTest, InMemoryItIsTheSameRun) {
  v1::Simulation simulation = SimulationOf("belfry", kTwoCalls);
  const v1::ReplayReport report =
      ReplayInMemory(simulation, Latencies::Measured(), {});
  EXPECT_EQ(report.on(), "sim");
  EXPECT_EQ(report.result().verdict(), "holds");
  EXPECT_GT(report.moves_made(), 8u);
  EXPECT_EQ(DifferenceFromSimulation(report), "");
  simulation.set_seed(8);
  EXPECT_THAT(DifferenceFromSimulation(
                  ReplayInMemory(simulation, Latencies::Measured(), {})),
              HasSubstr("its trace is "));
}

TEST(SimulationReplayTest, AMachineIsLedThroughItsCallsAndDoorbells) {
  const v1::Simulation simulation = SimulationOf(
      "belfry",
      absl::StrCat("inputs { doorbell { from: 1 to: 2 drop: true } }"
                   "inputs { doorbell { from: 0 to: 2 repeat: true } }"
                   "inputs { at_us: 5 call { from: 0 cpu: 2 count: 1 } }",
                   kTwoCalls));
  LedMachine machine;
  const v1::ReplayReport report =
      ReplayOn(machine, simulation, Latencies::Measured(), {});
  EXPECT_FALSE(report.has_diverged()) << report.DebugString();
  EXPECT_EQ(machine.calls,
            (std::vector<std::string>{"0->2 nop", "1->2 nop", "1->2 nop"}));
  EXPECT_EQ(machine.lost.size(), 1u);
  EXPECT_EQ(machine.repeated.size(), 1u);
  EXPECT_THAT(machine.done, Contains("task 1 calls 2"));
  EXPECT_THAT(machine.HeldGates(), IsEmpty());
  EXPECT_EQ(DifferenceFromSimulation(report), "");
}

// What a killed process had sent is at gates already: what its links lose is
// dropped there, and the rest passes in its turn.
TEST(SimulationReplayTest, AProcessIsKilledAndStartedAgain) {
  const v1::Simulation simulation =
      SimulationOf("belfry", absl::StrCat(kTwoCalls,
                                          "inputs { at_us: 1950 kill: 1 }"
                                          "inputs { at_us: 1990 restart: 1 }"));
  LedMachine machine;
  machine.standing["coordinator"] = {"lost 1", "attached 1"};
  machine.standing["cpu/2"] = {"call 1->2 #2"};
  const v1::ReplayReport report =
      ReplayOn(machine, simulation, Latencies::Measured(), {});
  EXPECT_FALSE(report.has_diverged()) << report.DebugString();
  std::vector<std::string> life = machine.done;
  std::erase_if(life, [](const std::string& event) {
    return event != "kill 1" && event != "lost 1" && event != "peer_gone 2 1" &&
           event != "start 1" && event != "attached 1" &&
           event != "peer_is 2 1";
  });
  EXPECT_THAT(life, ElementsAre("kill 1", "lost 1", "peer_gone 2 1", "start 1",
                                "attached 1", "peer_is 2 1"));
  EXPECT_THAT(machine.HeldGates(), IsEmpty());
  EXPECT_EQ(DifferenceFromSimulation(report), "");
}

TEST(SimulationReplayTest, LinksBreakAndBothEndsAreToldInTheirTurn) {
  const v1::Simulation simulation = SimulationOf(
      "belfry",
      absl::StrCat(kTwoCalls,
                   "inputs { at_us: 1950 break_data { from: 1 to: 2 } }"
                   "inputs { at_us: 9000 break_control: 1 }"));
  LedMachine machine;
  machine.standing = {
      {"coordinator", {"attached 1"}},
      {"cpu/1", {"link_up 1 2 out", "coordinator_lost 1", "done 2->1 #2"}},
      {"cpu/2", {"link_up 2 1 in", "call 1->2 #2"}}};
  const v1::ReplayReport report =
      ReplayOn(machine, simulation, Latencies::Measured(), {});
  EXPECT_FALSE(report.has_diverged()) << report.DebugString();
  EXPECT_THAT(machine.done,
              IsSupersetOf({"break 1->2", "link_up 1 2 out", "link_up 2 1 in",
                            "break control 1", "attached 1"}));
  EXPECT_EQ(DifferenceFromSimulation(report), "");
}

// Whether the write under way reaches the journal is chance in memory; a
// process has written before anybody can kill it.
TEST(SimulationReplayTest, ACoordinatorIsKilledButNotInTheMiddleOfAWrite) {
  int followed = 0;
  int named = 0;
  for (int at = 600; at < 616; ++at) {
    const v1::Simulation simulation = SimulationOf(
        "belfry",
        absl::StrCat("inputs { at_us: ", at,
                     " gate { gate: \"journal:ap\" } kill_coordinator: true }"
                     "inputs { at_us: 700 offline { cpu: 2 } }"
                     "inputs { at_us: 5000 restart_coordinator: true }"));
    LedMachine machine;
    machine.standing = {
        {"coordinator", {"attached 0", "attached 1", "attached 2"}},
        {"cpu/0", {"coordinator_lost 0"}},
        {"cpu/1", {"coordinator_lost 1"}},
        {"cpu/2", {"coordinator_lost 2"}}};
    const v1::ReplayReport report =
        ReplayOn(machine, simulation, Latencies::Measured(), {});
    if (report.has_diverged()) {
      ++named;
      EXPECT_EQ(report.diverged().name(), "kill coordinator");
      EXPECT_THAT(report.diverged().why(), HasSubstr("this write cannot be"));
      EXPECT_THAT(machine.done, Not(Contains("kill coordinator")));
    } else {
      ++followed;
      EXPECT_THAT(machine.done,
                  IsSupersetOf({"kill coordinator", "start coordinator",
                                "attached 0", "attached 1", "attached 2"}));
    }
    EXPECT_THAT(machine.HeldGates(), IsEmpty());
  }
  EXPECT_GT(followed, 0);
  EXPECT_GT(named, 0);
}

}  // namespace
}  // namespace belfry::lab
