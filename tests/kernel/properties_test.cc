// Many short random runs of a small machine, each from one seed: what a profile
// promises holds in all of them, and what it breaks is found.
//
// Run one again:
//   kernel_properties_test --gtest_filter='*belfry*' with
//   BELFRY_SEED=1234 in the environment; BELFRY_TRACE=1 prints what happened.
// Many more: BELFRY_RUNS=100000.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <ostream>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/at_rest.h"
#include "tests/support/runs.h"
#include "tests/support/world.h"

namespace belfry::testing {
namespace {

using kernel::CpuId;
using kernel::Invariant;
using kernel::Profile;

enum class Faults { kNone, kLinks, kAll };

struct Case {
  std::string name;
  std::string preset;
  Faults faults = Faults::kNone;
  bool split_doorbell = false;
  std::size_t queue_capacity = 65536;
  // What the profile may break; every run must keep the rest.
  std::set<Invariant> may_break;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  std::uint32_t Below(std::uint32_t bound) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<std::uint32_t>(state_ % bound);
  }

 private:
  std::uint64_t state_;
};

void Disturb(World& w, Dice& dice, Faults faults) {
  const std::uint32_t a = dice.Below(4);
  const std::uint32_t b = dice.Below(4);
  const std::uint32_t what = dice.Below(100);
  if (what < 15) {
    w.Online(a);
  } else if (what < 35) {
    w.Offline(a);
  } else if (what < 40) {
    kernel::CpuMask active;
    if (dice.Below(2) == 0) active = {a, b};
    w.Ask({.kind = kernel::OpKind::kStop, .active = active, .func = "nop"});
  } else if (what < 45) {
    w.StopTwo(dice.Below(4), a, b);
  } else if (what < 60) {
    w.Call(a, b, dice.Below(2) == 0);
  } else if (what < 80) {
    w.DeviceIrq(a, b);
  } else if (what < 83) {
    w.TellCoordinator(kernel::CancelOp{{dice.Below(8)}});
  } else if (what < 85 && w.coordinator_up()) {
    w.coordinator().SetFail(CpuId{a}, static_cast<int>(dice.Below(8)));
  } else if (what < 90 && faults != Faults::kNone) {
    dice.Below(2) == 0 ? w.BreakData(a, b) : w.BreakControl(a);
  } else if (what < 94 && faults == Faults::kAll) {
    w.Crash(a);
  } else if (what < 96 && faults == Faults::kAll) {
    w.CrashCoordinator();
  } else if (what < 98) {
    w.Restart(a);
  } else {
    w.RestartCoordinator();
  }
}

// One run from boot to rest.
World Play(const Case& c, const Profile& profile, std::uint64_t seed) {
  World w({.profile = profile,
           .seed = seed,
           .split_doorbell = c.split_doorbell,
           .queue_capacity = c.queue_capacity,
           .doorbell_lateness = static_cast<int>(seed % 3) * 4});
  w.BootAll();
  Dice dice(seed);
  for (int i = 0; i < 24; ++i) {
    Disturb(w, dice, c.faults);
    for (std::uint32_t n = dice.Below(16); n > 0 && w.Step(); --n) w.Judge();
  }
  w.RestartCoordinator();
  w.Settle();
  w.Judge(/*at_rest=*/true);
  return w;
}

class PropertiesTest : public ::testing::TestWithParam<Case> {};

TEST_P(PropertiesTest, HoldWhatTheProfilePromises) {
  const Case& c = GetParam();
  const Profile profile = kernel::PresetByName(c.preset).value();
  const std::uint64_t first = NumberFrom("BELFRY_SEED", 1);
  const std::uint64_t runs = NumberFrom(
      "BELFRY_RUNS", std::getenv("BELFRY_SEED") != nullptr ? 1 : 1000);
  int failures = 0;
  for (std::uint64_t seed = first; seed < first + runs && failures < 3;
       ++seed) {
    World w = Play(c, profile, seed);
    if (std::getenv("BELFRY_TRACE") != nullptr)
      std::printf("%s", w.trace().c_str());
    std::string wrong;
    for (const auto& [invariant, what] : w.violated()) {
      if (c.may_break.contains(invariant)) continue;
      absl::StrAppend(&wrong, kernel::InvariantName(invariant), ": ", what,
                      "\n");
    }
    if (!c.may_break.contains(Invariant::kEveryWaitEnds)) {
      absl::StrAppend(&wrong, Unrest(w));
    }
    if (wrong.empty()) continue;
    ++failures;
    ADD_FAILURE() << wrong << "\nagain: BELFRY_SEED=" << seed
                  << " kernel_properties_test --gtest_filter='*/" << c.name
                  << "'";
  }
}

const std::set<Invariant> kTheSeed = {Invariant::kNoStrandedQueue,
                                      Invariant::kNothingLeftBehind,
                                      Invariant::kEveryWaitEnds};

// K05.
const std::set<Invariant> kPairs = {Invariant::kEveryWaitEnds};

INSTANTIATE_TEST_SUITE_P(
    Presets, PropertiesTest,
    ::testing::Values(
        Case{"linux30", "linux-3.0", Faults::kNone, false, 65536, kTheSeed},
        Case{"linux30split", "linux-3.0+split", Faults::kNone, false, 65536,
             kTheSeed},
        Case{"linux30flush", "linux-3.0+flush"},
        Case{"linux316", "linux-3.16", Faults::kNone, false, 65536, kPairs},
        Case{"linux316ringsApart", "linux-3.16", Faults::kNone, true, 65536,
             kPairs},
        Case{"linux612", "linux-6.12", Faults::kNone, true},
        Case{"belfry", "belfry"},
        Case{"belfryRingsApart", "belfry", Faults::kNone, true},
        Case{"belfrySmallQueue", "belfry", Faults::kNone, false, 2},
        Case{"belfryLinks", "belfry", Faults::kLinks},
        Case{"belfryLinksRingsApart", "belfry", Faults::kLinks, true},
        Case{"belfryLinksSmallQueue", "belfry", Faults::kLinks, false, 2},
        Case{"belfryCrashes", "belfry", Faults::kAll},
        Case{"belfryCrashesRingsApart", "belfry", Faults::kAll, true}),
    [](const auto& instance) { return instance.param.name; });

TEST(DeterminismTest, OneSeedOneTrace) {
  const Case c{"", "belfry", Faults::kAll};
  const Profile profile = kernel::PresetByName(c.preset).value();
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    EXPECT_EQ(Play(c, profile, seed).trace(), Play(c, profile, seed).trace());
  }
  EXPECT_NE(Play(c, profile, 1).trace(), Play(c, profile, 2).trace());
}

// A checker that cannot find anything proves nothing.
struct Broken {
  std::string knob;
  std::string value;
  Invariant found;
};

class CheckerTest : public ::testing::TestWithParam<Broken> {};

TEST_P(CheckerTest, FindsWhatAKnobBreaks) {
  Profile profile = kernel::PresetByName("linux-3.16").value();
  ASSERT_TRUE(
      kernel::SetKnob(&profile, GetParam().knob, GetParam().value).ok());
  const Case c{"", "linux-3.16", Faults::kNone, /*split_doorbell=*/true};
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    if (Play(c, profile, seed).violated().contains(GetParam().found)) {
      RecordProperty("seeds", static_cast<int>(seed));
      return;
    }
  }
  ADD_FAILURE() << "not found in 2000 seeds";
}

INSTANTIATE_TEST_SUITE_P(
    Knobs, CheckerTest,
    ::testing::Values(
        Broken{"offline_drain", "none", Invariant::kNoStrandedQueue},
        Broken{"offline_drain", "none", Invariant::kNothingLeftBehind},
        Broken{"offline_drain", "none", Invariant::kEveryWaitEnds},
        Broken{"enqueue_guard", "not_held", Invariant::kNoStrandedQueue},
        Broken{"enqueue_guard", "not_held", Invariant::kNothingLeftBehind},
        Broken{"offline_drain", "reinit_at_up", Invariant::kNothingLeftBehind},
        Broken{"refuse_offline", "none", Invariant::kNoStrandedQueue}));

}  // namespace
}  // namespace belfry::testing
