// What the explorer must find, and what it must not.
#include "lab/explorer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lab/schedule.h"

namespace belfry::lab {
namespace {

using Verdict = ExploreResult::Verdict;

kernel::Profile Preset(const std::string& name,
                       const std::vector<std::string>& set = {}) {
  kernel::Profile profile = kernel::PresetByName(name).value();
  for (const std::string& text : set) {
    const std::pair<std::string, std::string> knob = absl::StrSplit(text, '=');
    EXPECT_TRUE(kernel::SetKnob(&profile, knob.first, knob.second).ok());
  }
  return profile;
}

Scope SmallScope(std::uint32_t async_calls, bool prompt = false) {
  return {.async_calls = async_calls, .prompt_doorbells = prompt};
}

// ---- The presets.

struct PresetCase {
  std::string preset;
  bool prompt = false;
  Verdict verdict{};
  // At one call a sender; 0: not pinned.
  std::size_t states = 0;
};

void PrintTo(const PresetCase& c, std::ostream* out) {
  *out << c.preset << (c.prompt ? " prompt" : " late");
}

class PresetTest : public ::testing::TestWithParam<PresetCase> {};

// The counts are pinned so that a change of the protocol, of the world or of
// the reductions is seen. A hang ends the search, so there the count says only
// how soon it is met.
TEST_P(PresetTest, IsSeenWhole) {
  const PresetCase& c = GetParam();
  const ExploreResult result =
      Explore({.profile = Preset(c.preset), .scope = SmallScope(1, c.prompt)});
  EXPECT_EQ(result.verdict, c.verdict);
  EXPECT_EQ(result.cut, "");
  if (c.states != 0) {
    EXPECT_EQ(result.last.states, c.states);
  }
  EXPECT_EQ(result.schedule.empty(), c.verdict == Verdict::kNothing);
}

INSTANTIATE_TEST_SUITE_P(
    Presets, PresetTest,
    ::testing::Values(
        PresetCase{"linux-3.0", false, Verdict::kHangs, 448},
        PresetCase{"linux-3.0", true, Verdict::kHangs},
        PresetCase{"linux-3.0+split", false, Verdict::kHangs, 461},
        // Even so: a state that comes while CPU 2 runs a handler is acted on
        // at the handler's end, before what was latched meanwhile is taken.
        PresetCase{"linux-3.0+split", true, Verdict::kHangs},
        PresetCase{"linux-3.0+flush", false, Verdict::kNothing, 1001},
        PresetCase{"linux-3.0+flush", true, Verdict::kNothing},
        PresetCase{"linux-3.16", false, Verdict::kNothing, 1001},
        PresetCase{"linux-3.16", true, Verdict::kNothing},
        PresetCase{"belfry", false, Verdict::kNothing, 1001},
        PresetCase{"belfry", true, Verdict::kNothing}));

// With the bounds of the scenario itself.
TEST(ExplorerTest, TheBugIsFoundWithTheScenariosOwnBounds) {
  for (const std::string preset : {"linux-3.0", "linux-3.0+split"}) {
    const ExploreResult result =
        Explore({.profile = Preset(preset), .scope = SmallScope(2)});
    EXPECT_EQ(result.verdict, Verdict::kHangs) << preset;
    ASSERT_TRUE(result.point_of_no_return.has_value()) << preset;
    EXPECT_GT(*result.point_of_no_return, 0u);
    EXPECT_LT(*result.point_of_no_return, result.schedule.size());
  }
}

// Nobody is interrupted: one way only, and a state for each of the moves that
// no rule takes at once (CPU 2 acts on a state four times, is reset, is called,
// rung, interrupted and answers), besides the start.
TEST(ExplorerTest, WithoutCallsThereIsOneWay) {
  const ExploreResult result =
      Explore({.profile = Preset("linux-3.0"), .scope = SmallScope(0)});
  EXPECT_EQ(result.verdict, Verdict::kNothing);
  EXPECT_EQ(result.last.states, 11u);
}

// ---- Appendix B of the facts about Linux, as two matrices.

struct Cell {
  std::string drain;
  std::string ring;
  std::string hardware;
  bool prompt = false;
  Verdict verdict{};
};

Verdict Expected(const std::string& drain, const std::string& ring,
                 const std::string& hardware, bool prompt) {
  // Only where nothing looks at the queue can a call stay there, and only
  // without a ring that its caller did not owe does it stay for ever:
  // - always: the notifier's own call rings, and heals ("by the next sender");
  // - watchdog: the notifier's waiter rings again ("after timeout").
  if (drain != "none" || ring != "was_empty") return Verdict::kNothing;
  // x86 takes what is latched, late, on the CPU that has gone. The appendix
  // has that for every doorbell; one that is slower than the CPU's death is
  // latched behind it, and the reset clears it as on s390.
  return hardware == "x86" && prompt ? Verdict::kNothing : Verdict::kHangs;
}

// reinit_at_up throws a call away, with nobody told, and the appendix calls it
// lost: it is no hang, since only asynchronous calls are thrown away, and here
// a source has a csd for each call. before_clear_online is "lost unless all
// senders are already stopped": they are, for it runs in RUN.
TEST(MatrixTest, EveryCellHasItsVerdict) {
  for (const bool prompt : {false, true}) {
    for (const std::string drain :
         {"none", "before_clear_online", "dying_flush", "reinit_at_up"}) {
      for (const std::string ring : {"was_empty", "always", "watchdog"}) {
        for (const std::string hardware : {"s390", "x86"}) {
          const ExploreResult result =
              Explore({.profile = Preset("linux-3.0",
                                         {absl::StrCat("offline_drain=", drain),
                                          absl::StrCat("ring_rule=", ring),
                                          absl::StrCat("hardware=", hardware)}),
                       .scope = SmallScope(1, prompt)});
          EXPECT_EQ(result.verdict, Expected(drain, ring, hardware, prompt))
              << drain << " " << ring << " " << hardware
              << (prompt ? " prompt" : " late");
          EXPECT_EQ(result.cut, "");
        }
      }
    }
  }
}

// ---- The reductions lose nothing.

// What two worlds at rest must have in common to be the same to a user.
std::string Outcome(const World& world) {
  std::string text;
  for (const kernel::Cpu* cpu : world.Living()) {
    absl::StrAppend(&text, "cpu ", cpu->id().value, " ",
                    kernel::LifeName(cpu->life()), " latched ",
                    cpu->latched() ? 1 : 0, " guards ", cpu->guards(),
                    " queue");
    for (const kernel::Csd& csd : cpu->queue().calls()) {
      absl::StrAppend(&text, " ", csd.key.src.value, "#", csd.key.seq);
    }
    for (const auto& [dst, peer] : cpu->peers()) {
      absl::StrAppend(&text, " out", peer.out.size(), " last", peer.last_seq);
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

struct Seen {
  Verdict verdict{};
  std::size_t shortest = 0;
  std::set<std::string> outcomes;
};

Seen SeeAll(const kernel::Profile& profile, const Scope& scope, bool reduce) {
  Seen seen;
  const ExploreResult result = Explore({.profile = profile,
                                        .scope = scope,
                                        .reduce = reduce,
                                        .at_rest = [&](const World& world) {
                                          seen.outcomes.insert(Outcome(world));
                                        }});
  EXPECT_EQ(result.cut, "");
  seen.verdict = result.verdict;
  seen.shortest = result.schedule.size();
  return seen;
}

TEST(ReductionTest, KeepsVerdictsShortestWaysAndOutcomes) {
  const std::vector<kernel::Profile> profiles = {
      Preset("linux-3.0"),
      Preset("linux-3.0+split"),
      Preset("belfry"),
      Preset("linux-3.0", {"hardware=x86"}),
      Preset("linux-3.0", {"ring_rule=was_empty_or_polling"}),
      Preset("linux-3.16", {"ring_rule=was_empty_or_polling"}),
      Preset("linux-3.0", {"offline_drain=reinit_at_up"})};
  for (const kernel::Profile& profile : profiles) {
    for (const bool prompt : {false, true}) {
      SCOPED_TRACE(absl::StrCat(profile.name, prompt ? " prompt" : " late"));
      for (const std::uint32_t drops : {0U, 1U}) {
        Scope scope = SmallScope(1 - drops, prompt);
        scope.drops = drops;
        const Seen whole = SeeAll(profile, scope, false);
        const Seen reduced = SeeAll(profile, scope, true);
        EXPECT_EQ(whole.verdict, reduced.verdict);
        EXPECT_EQ(whole.shortest, reduced.shortest);
        if (whole.verdict == Verdict::kNothing) {
          EXPECT_EQ(whole.outcomes, reduced.outcomes);
          EXPECT_FALSE(whole.outcomes.empty());
        }
      }
    }
  }
}

// ---- A fault that is planted is found.

TEST(ExplorerTest, WithoutTheGuardTheFlushIsNotEnough) {
  const ExploreResult result =
      Explore({.profile = Preset("linux-3.16", {"enqueue_guard=not_held"}),
               .scope = SmallScope(1)});
  EXPECT_EQ(result.verdict, Verdict::kHangs);
}

TEST(ExplorerTest, UntilAnyFindsTheStrandedQueueBeforeTheHang) {
  const ExploreResult result = Explore({.profile = Preset("linux-3.0"),
                                        .scope = SmallScope(1),
                                        .until_any = true});
  EXPECT_EQ(result.verdict, Verdict::kBroken);
  ASSERT_FALSE(result.violations.empty());
  EXPECT_EQ(result.violations[0].invariant,
            kernel::Invariant::kNothingLeftBehind);
}

// What only the way to a state shows is judged, too. The CPU that goes takes an
// interrupt that was latched before, as x86 does, and runs calls while it dies.
TEST(ExplorerTest, UntilAnyJudgesTheHistory) {
  const ExploreResult result = Explore(
      {.profile = Preset("linux-3.0", {"hardware=x86", "offline_drain=none"}),
       .scope = SmallScope(1, /*prompt=*/true),
       .until_any = true});
  EXPECT_EQ(result.verdict, Verdict::kBroken);
  ASSERT_FALSE(result.violations.empty());
  EXPECT_EQ(result.violations[0].invariant,
            kernel::Invariant::kNoCallOnDeadCpu);
  EXPECT_EQ(result.schedule.size(), 36u);
}

TEST(ExplorerTest, UntilAnyFindsNothingWhereNothingIsWrong) {
  for (const std::string preset : {"linux-3.16", "belfry"}) {
    const ExploreResult result = Explore(
        {.profile = Preset(preset), .scope = SmallScope(1), .until_any = true});
    EXPECT_EQ(result.verdict, Verdict::kNothing) << preset;
    EXPECT_EQ(result.cut, "") << preset;
  }
}

// ---- Faults.

struct FaultCase {
  std::string preset;
  std::uint32_t drops = 0;
  std::uint32_t kills = 0;
  std::uint32_t async_calls = 1;
  Verdict verdict{};
};

void PrintTo(const FaultCase& c, std::ostream* out) {
  *out << c.preset << " drops " << c.drops << " kills " << c.kills;
}

class FaultTest : public ::testing::TestWithParam<FaultCase> {};

TEST_P(FaultTest, EndsAsItMust) {
  const FaultCase& c = GetParam();
  for (const bool prompt : {false, true}) {
    const ExploreResult result =
        Explore({.profile = Preset(c.preset),
                 .scope = {.async_calls = c.async_calls,
                           .prompt_doorbells = prompt,
                           .drops = c.drops,
                           .kills = c.kills}});
    EXPECT_EQ(result.verdict, c.verdict) << (prompt ? "prompt" : "late");
    EXPECT_EQ(result.cut, "");
    EXPECT_EQ(result.schedule.empty(), c.verdict == Verdict::kNothing);
    EXPECT_EQ(result.violations.empty(), c.verdict == Verdict::kNothing);
  }
}

// Who rings only into an empty queue never rings again for a doorbell that was
// dropped: the watchdog is what repairs it.
INSTANTIATE_TEST_SUITE_P(
    Faults, FaultTest,
    ::testing::Values(FaultCase{"linux-3.16", 1, 0, 1, Verdict::kHangs},
                      FaultCase{"belfry", 1, 0, 1, Verdict::kNothing},
                      FaultCase{"belfry", 2, 0, 1, Verdict::kNothing},
                      FaultCase{"belfry", 0, 1, 0, Verdict::kNothing}));

TEST(FaultTest, ADroppedDoorbellIsAMoveOfTheSchedule) {
  const ExploreResult result =
      Explore({.profile = Preset("linux-3.16"),
               .scope = {.async_calls = 0, .drops = 1}});
  ASSERT_EQ(result.verdict, Verdict::kHangs);
  const auto drop = std::find_if(
      result.schedule.begin(), result.schedule.end(),
      [](const std::string& move) { return move.starts_with("drop "); });
  ASSERT_NE(drop, result.schedule.end());
  EXPECT_EQ(result.point_of_no_return,
            static_cast<std::size_t>(drop - result.schedule.begin() + 1));
}

// ---- Bounds.

TEST(ExplorerTest, ABoundIsSaidToHaveCutTheSearch) {
  const ExploreResult states = Explore(
      {.profile = Preset("belfry"), .scope = SmallScope(1), .max_states = 100});
  EXPECT_EQ(states.verdict, Verdict::kNothing);
  EXPECT_EQ(states.cut, "after 100 states");
  const ExploreResult memory = Explore(
      {.profile = Preset("belfry"), .scope = SmallScope(2), .max_bytes = 1000});
  EXPECT_EQ(memory.verdict, Verdict::kNothing);
  EXPECT_NE(memory.cut, "");
}

TEST(ExplorerTest, BoundsThatCannotHoldAllAreSaidBefore) {
  const auto fits = [](const Scope& scope, std::size_t states,
                       std::size_t mebi) {
    return CheckFits({.profile = Preset("belfry"),
                      .scope = scope,
                      .max_states = states,
                      .max_bytes = mebi << 20});
  };
  const Scope huge = {.cpus = 8, .async_calls = 8};
  EXPECT_TRUE(fits({.async_calls = 8}, 0, 4096).ok());
  EXPECT_EQ(fits(huge, 0, 4096).code(), absl::StatusCode::kOutOfRange);
  // Who bounds the states wants to see so many of them.
  EXPECT_TRUE(fits(huge, 1'000'000, 4096).ok());
  EXPECT_EQ(fits(huge, 1'000'000'000, 4096).code(),
            absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace belfry::lab
