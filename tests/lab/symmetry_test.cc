// CPUs that are taken for one another really are as good as one another.
#include "lab/symmetry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lab/choice.h"
#include "lab/expander.h"
#include "lab/explorer.h"
#include "lab/random.h"
#include "lab/referee.h"

namespace belfry::lab {
namespace {

using Verdict = ExploreResult::Verdict;

struct Case {
  std::string preset;
  std::vector<std::string> set;
  Scope scope;
  bool until_any = false;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.preset;
  for (const std::string& knob : c.set) *out << " " << knob;
  *out << ", cpus " << c.scope.cpus << " victim " << c.scope.victim << " calls "
       << c.scope.async_calls << " drops " << c.scope.drops << " kills "
       << c.scope.kills << (c.scope.prompt_doorbells ? " prompt" : " late")
       << (c.until_any ? " until any" : "");
}

kernel::Profile ProfileOf(const Case& c) {
  kernel::Profile profile = kernel::PresetByName(c.preset).value();
  for (const std::string& text : c.set) {
    const std::pair<std::string, std::string> knob = absl::StrSplit(text, '=');
    EXPECT_TRUE(kernel::SetKnob(&profile, knob.first, knob.second).ok());
  }
  return profile;
}

ExploreOptions OptionsOf(const Case& c, bool symmetry) {
  return {.profile = ProfileOf(c),
          .scope = c.scope,
          .until_any = c.until_any,
          .symmetry = symmetry};
}

// ---- Who.

TEST(SymmetryTest, WhoeverIsChosenByNameIsNobodyElse) {
  const auto exchangeable = [](const Scope& scope) {
    return kernel::FormatCpuList(Symmetry(scope).exchangeable());
  };
  EXPECT_EQ(exchangeable({.cpus = 3, .victim = 2}), "");
  EXPECT_EQ(exchangeable({.cpus = 4, .victim = 2}), "1,3");
  EXPECT_EQ(exchangeable({.cpus = 4, .victim = 0}), "2-3");
  EXPECT_EQ(exchangeable({.cpus = 5, .victim = 2}), "1,3-4");
  // Who may come next in the place of one that is killed.
  EXPECT_EQ(exchangeable({.cpus = 5, .victim = 2, .kills = 1}), "3-4");
  EXPECT_EQ(exchangeable({.cpus = 5, .victim = 2, .kills = 2}), "");
  EXPECT_EQ(Symmetry({.cpus = 3, .victim = 2}).renamings().size(), 0u);
  EXPECT_EQ(Symmetry({.cpus = 5, .victim = 2}).renamings().size(), 6u);
  EXPECT_EQ(Symmetry({.cpus = 8, .victim = 2}).renamings().size(), 120u);
}

// ---- What a renamed state leads to is what the state leads to, renamed.

// All that can come next, and what the judge makes of it.
std::vector<State> NextOf(const State& here, const Scope& scope) {
  std::vector<State> next;
  const std::vector<Move> moves = here.world.Enabled();
  for (const Move move : moves) {
    State& there = next.emplace_back(here);
    Happenings happened;
    there.world.Apply(move, &happened);
    there.past.Mutable().See(happened);
  }
  ForEachFault(here.world, moves, {.drops = scope.drops, .kills = scope.kills},
               [&](const Choice&, World& faulty) {
                 next.push_back({std::move(faulty), here.past});
               });
  if (moves.empty()) next.emplace_back(here).world.PassTime();
  return next;
}

Digest Renamed(const State& state, std::span<const Renaming> renamings,
               std::size_t which) {
  Fingerprinter f;
  f.Add(state.world.fingerprint(renamings, which));
  f.Add(state.past.fingerprint(renamings, which));
  return f.Get();
}

// What nobody is named in.
std::string JudgementOf(const State& state) {
  std::vector<std::string> names;
  for (const kernel::Violations& found :
       {state.past->Check(state.world), WaitsOf(state.world)}) {
    for (const kernel::Violation& violation : found) {
      names.push_back(std::string(kernel::InvariantName(violation.invariant)));
    }
  }
  std::sort(names.begin(), names.end());
  return absl::StrJoin(names, " ");
}

class BisimulationTest : public ::testing::TestWithParam<Case> {};

// Two runs by chance, one of which does what the other does under other names.
TEST_P(BisimulationTest, ARunHasItsImage) {
  const Case& c = GetParam();
  const Symmetry symmetry(c.scope);
  const std::span<const Renaming> renamings = symmetry.renamings();
  ASSERT_GE(renamings.size(), 2u);
  Happenings boot;
  State start{StartOf(ProfileOf(c), c.scope, &boot), {}};
  start.past = Shared<Referee>(Referee(c.scope.cpus));
  start.past.Mutable().See(boot);
  constexpr int kRuns = 10;
  constexpr int kMoves = 250;
  int renamed = 0;
  for (int run = 0; run < kRuns; ++run) {
    Random random(run);
    const std::size_t which = 1 + random.Below(renamings.size() - 1);
    ASSERT_EQ(Renamed(start, renamings, which), Renamed(start, renamings, 0));
    State here = start;
    State image = start;
    for (int i = 0; i < kMoves; ++i) {
      std::vector<State> next = NextOf(here, c.scope);
      std::vector<State> next_of_image = NextOf(image, c.scope);
      std::vector<Digest> expected;
      std::vector<Digest> actual;
      for (const State& s : next) {
        expected.push_back(Renamed(s, renamings, which));
      }
      for (const State& s : next_of_image) {
        actual.push_back(Renamed(s, renamings, 0));
      }
      // Faults, which come last, are rare, or all come at the start.
      const std::size_t taken = random.Below(
          random.Chance(1, 50)
              ? next.size()
              : std::max<std::size_t>(here.world.Enabled().size(), 1));
      const auto same =
          std::find(actual.begin(), actual.end(), expected[taken]);
      ASSERT_NE(same, actual.end()) << "run " << run << " move " << i;
      here = std::move(next[taken]);
      image = std::move(next_of_image[same - actual.begin()]);
      std::sort(expected.begin(), expected.end());
      std::sort(actual.begin(), actual.end());
      ASSERT_EQ(expected, actual) << "run " << run << " move " << i;
      ASSERT_EQ(JudgementOf(here), JudgementOf(image));
      ASSERT_EQ(here.fingerprint(symmetry), image.fingerprint(symmetry));
      renamed += here.world == image.world ? 0 : 1;
    }
  }
  // It was not always the same run.
  EXPECT_GT(renamed, kRuns * kMoves / 4);
}

INSTANTIATE_TEST_SUITE_P(
    Machines, BisimulationTest,
    ::testing::Values(
        Case{"linux-3.0", {}, {.cpus = 4, .async_calls = 2}},
        Case{"linux-3.0", {}, {.cpus = 5, .async_calls = 1, .cycles = 2}},
        Case{"linux-3.0", {"hardware=x86"}, {.cpus = 5, .async_calls = 2}},
        Case{"linux-3.0", {"irq_call=waits"}, {.cpus = 4, .async_calls = 2}},
        Case{"linux-3.0", {}, {.cpus = 4, .victim = 0, .async_calls = 2}},
        Case{"linux-3.0+split", {}, {.cpus = 4, .prompt_doorbells = true}},
        Case{"linux-3.16", {}, {.cpus = 5, .drops = 2}},
        Case{"linux-6.12", {}, {.cpus = 5}},
        Case{"linux-6.12", {"death_report=announce_first"}, {.cpus = 4}},
        Case{"belfry", {}, {.cpus = 5, .drops = 1}},
        Case{"belfry", {"ring_order=with_data"}, {.cpus = 4}},
        Case{"belfry", {}, {.cpus = 5, .kills = 1}},
        Case{"linux-6.12", {}, {.cpus = 6, .kills = 2}}));

// ---- A search finds the same.

// What users see of a world at rest; the CPUs by the names that make it least.
std::string Outcome(const World& world, const Symmetry& symmetry) {
  std::string least;
  for (const Renaming& renaming : symmetry.renamings()) {
    std::vector<std::string> lines;
    for (const kernel::Cpu* cpu : world.Living()) {
      std::string& line = lines.emplace_back(absl::StrCat(
          renaming(cpu->id()).value, " ", kernel::LifeName(cpu->life()),
          cpu->latched(), " ", cpu->guards(), " queue"));
      for (const kernel::Csd& csd : cpu->queue().calls()) {
        absl::StrAppend(&line, " ", renaming(csd.key.src).value, "#",
                        csd.key.seq);
      }
      std::vector<std::string> peers;
      for (const auto& [dst, peer] : cpu->peers()) {
        peers.push_back(absl::StrCat(renaming(dst).value, ":", peer.out.size(),
                                     "/", peer.last_seq));
      }
      std::sort(peers.begin(), peers.end());
      absl::StrAppend(&line, " peers ", absl::StrJoin(peers, " "));
    }
    std::sort(lines.begin(), lines.end());
    std::string text = absl::StrJoin(lines, "\n");
    if (least.empty() || text < least) least = std::move(text);
  }
  return least;
}

struct Seen {
  ExploreResult result;
  std::set<std::string> outcomes;
};

Seen SeeAll(const Case& c, bool symmetry) {
  const Symmetry names(c.scope);
  Seen seen;
  ExploreOptions options = OptionsOf(c, symmetry);
  options.at_rest = [&](const World& world) {
    seen.outcomes.insert(Outcome(world, names));
  };
  seen.result = Explore(options);
  EXPECT_EQ(seen.result.cut, "");
  return seen;
}

class SameTest : public ::testing::TestWithParam<Case> {};

TEST_P(SameTest, WithAndWithoutSymmetry) {
  const Case& c = GetParam();
  const Seen with = SeeAll(c, true);
  const Seen without = SeeAll(c, false);
  EXPECT_EQ(with.result.verdict, without.result.verdict);
  EXPECT_EQ(with.result.schedule.size(), without.result.schedule.size());
  EXPECT_FALSE(with.result.exchanged.empty());
  EXPECT_TRUE(without.result.exchanged.empty());
  EXPECT_LT(with.result.last.states, without.result.last.states);
  if (with.result.verdict == Verdict::kNothing) {
    EXPECT_EQ(with.outcomes, without.outcomes);
    EXPECT_FALSE(with.outcomes.empty());
    return;
  }
  // What is shown is a schedule of the machine as it is, and what was found is
  // what it ends in.
  ASSERT_FALSE(with.result.violations.empty());
  World end = StartOf(ProfileOf(c), c.scope);
  for (const std::string& move : with.result.schedule) {
    ASSERT_TRUE(MoveByName(move, &end, nullptr).ok()) << move;
  }
  const kernel::Violations found = c.until_any ? CheckState(end) : WaitsOf(end);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front().what, with.result.violations.front().what);
}

INSTANTIATE_TEST_SUITE_P(
    Searches, SameTest,
    ::testing::Values(
        Case{"linux-3.0", {}, {.cpus = 4, .async_calls = 1}},
        Case{"linux-3.0",
             {},
             {.cpus = 4, .async_calls = 1, .prompt_doorbells = true}},
        Case{"linux-3.0+split", {}, {.cpus = 4, .async_calls = 1}},
        Case{"linux-3.0",
             {"offline_drain=reinit_at_up"},
             {.cpus = 4, .async_calls = 1}},
        Case{"linux-3.0", {"hardware=x86"}, {.cpus = 4, .async_calls = 1}},
        Case{"linux-3.16",
             {"enqueue_guard=not_held"},
             {.cpus = 4, .async_calls = 1}},
        Case{"linux-6.12",
             {},
             {.cpus = 4, .async_calls = 1, .prompt_doorbells = true}},
        Case{"belfry", {}, {.cpus = 4, .async_calls = 1}},
        Case{"belfry", {}, {.cpus = 4, .victim = 0, .async_calls = 1}},
        Case{"linux-3.0", {}, {.cpus = 5, .async_calls = 1}},
        Case{"linux-3.16", {}, {.cpus = 5, .async_calls = 1}},
        Case{"linux-3.16", {}, {.cpus = 5, .async_calls = 0}, true},
        Case{"linux-3.16",
             {},
             {.cpus = 4, .async_calls = 0, .drops = 1},
             true}));

struct Count {
  std::uint32_t cpus = 0;
  std::size_t states = 0;
};

// Of n CPUs that are exchanged n! states are one, but where some of them stand
// alike. Without: 8,149 and 64,518.
TEST(SymmetryTest, LeavesAboutAHalfAndASixth) {
  for (const Count& count : {Count{4, 4336}, Count{5, 13199}}) {
    const ExploreResult result = Explore(OptionsOf(
        {"linux-3.16", {}, {.cpus = count.cpus, .async_calls = 1}}, true));
    EXPECT_EQ(result.verdict, Verdict::kNothing);
    EXPECT_EQ(result.last.states, count.states);
  }
}

TEST(SymmetryTest, BitsOfTheStatesAreUpToItToo) {
  ExploreOptions options =
      OptionsOf({"belfry", {}, {.cpus = 4, .async_calls = 1}}, true);
  const std::size_t states = Explore(options).last.states;
  options.bit_state = true;
  options.max_bytes = std::size_t{256} << 20;
  EXPECT_EQ(Explore(options).last.states, states);
}

}  // namespace
}  // namespace belfry::lab
