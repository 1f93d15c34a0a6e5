// What an operation makes of a CPU that was too slow for its round: it begins
// another, unless something has come of that one.
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "kernel/coordinator.h"
#include "tests/support/at_rest.h"
#include "tests/support/world.h"

namespace belfry::kernel {
namespace {

using testing::Unrest;
using testing::World;

constexpr std::uint32_t kSlow = 2;
constexpr std::uint32_t kActive = 3;
constexpr std::uint32_t kCoordinator = World::kCoordinator;

World Booted() {
  World w({.profile = PresetByName("belfry").value(), .seed = 1});
  w.BootAll();
  return w;
}

OpId Ask(World& w, OpKind kind) {
  return kind == OpKind::kStop
             ? w.Ask({.kind = kind, .active = CpuMask{kActive}, .func = "nop"})
             : w.Offline(kActive);
}

// The lease of a CPU that stands in the round runs out.
void BeSlow(World& w) {
  w.Run();
  ASSERT_TRUE(w.cpu(kSlow).irqs_masked());
  w.Tell(kSlow, LeaseOver{w.coordinator().last_generation()});
  w.Run();
}

Operation Ended(World& w, OpId id) {
  w.Run();
  const auto op = w.ended_ops().find(id);
  if (op != w.ended_ops().end()) return op->second;
  ADD_FAILURE() << "not ended\n" << w.trace();
  return {};
}

void ExpectAtRest(World& w) {
  w.Settle();
  w.Judge(true);
  EXPECT_EQ(Unrest(w), "") << w.trace();
  for (const auto& [invariant, what] : w.violated()) {
    ADD_FAILURE() << InvariantName(invariant) << ": " << what;
  }
}

struct Case {
  OpKind kind{};
  // Where the round stands when a lease runs out in it.
  const char* gate;
  // The function has run by then.
  bool ran = false;

  friend std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << OpKindName(c.kind) << " at " << c.gate;
  }
};

class SlowCpuTest : public ::testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(
    Rounds, SlowCpuTest,
    ::testing::Values(Case{OpKind::kOffline, "journal:run"},
                      Case{OpKind::kOffline, "publish:RUN"},
                      Case{OpKind::kOffline, "publish:CONFIRM"},
                      Case{OpKind::kStop, "journal:run"},
                      Case{OpKind::kStop, "publish:RUN"},
                      Case{OpKind::kStop, "publish:CONFIRM", true}));

TEST_P(SlowCpuTest, IsGivenAnotherRoundUnlessAFunctionHasRun) {
  World w = Booted();
  w.Hold(kCoordinator, GetParam().gate);
  const OpId id = Ask(w, GetParam().kind);
  BeSlow(w);
  w.Release(kCoordinator, GetParam().gate);
  const Operation op = Ended(w, id);
  EXPECT_EQ(op.error, GetParam().ran ? Errno::kEtimedout : Errno::kOk)
      << op.message;
  EXPECT_EQ(op.rounds, GetParam().ran ? 1 : 2);
  EXPECT_EQ(w.coordinator().view().online.Has({kActive}),
            GetParam().kind == OpKind::kStop);
  ExpectAtRest(w);
}

TEST_P(SlowCpuTest, IsNotWaitedForForEver) {
  if (GetParam().ran) return;
  World w = Booted();
  w.Hold(kCoordinator, GetParam().gate);
  const OpId id = Ask(w, GetParam().kind);
  for (std::uint32_t round = 1; round <= Coordinator::kRoundsMax; ++round) {
    EXPECT_FALSE(w.ended_ops().contains(id)) << round;
    BeSlow(w);
  }
  const Operation op = Ended(w, id);
  EXPECT_EQ(op.error, Errno::kEtimedout) << op.message;
  EXPECT_EQ(op.rounds, Coordinator::kRoundsMax);
  EXPECT_TRUE(w.coordinator().view().online.Has({kActive}));
  w.Release(kCoordinator, GetParam().gate);
  ExpectAtRest(w);
}

TEST(StopLeaseTest, NoOtherRoundForWhoIsCancelled) {
  World w = Booted();
  w.Hold(kCoordinator, "publish:CONFIRM");
  const OpId id = w.Offline(kActive);
  w.Run();
  w.TellCoordinator(CancelOp{id});
  BeSlow(w);
  w.Release(kCoordinator, "publish:CONFIRM");
  const Operation op = Ended(w, id);
  EXPECT_EQ(op.error, Errno::kEcanceled) << op.message;
  EXPECT_TRUE(w.coordinator().view().online.Has({kActive}));
  ExpectAtRest(w);
}

// The way back of an online that has failed goes through a round as well.
TEST(StopLeaseTest, TheWayBackHasItsRoundsToo) {
  World w = Booted();
  Ended(w, w.Offline(kActive));
  const CpuhpTable table(w.coordinator().profile().steps);
  ASSERT_EQ(w.coordinator().SetFail({kActive}, Below(table.online())),
            Errno::kOk);
  w.Hold(kCoordinator, "publish:CONFIRM");
  const OpId id = w.Online(kActive);
  BeSlow(w);
  w.Release(kCoordinator, "publish:CONFIRM");
  const Operation op = Ended(w, id);
  EXPECT_EQ(op.error, Errno::kEagain) << op.message;
  EXPECT_EQ(op.rounds, 2U);
  EXPECT_FALSE(w.coordinator().view().online.Has({kActive}));
  ExpectAtRest(w);
}

// One step, however many rounds it takes.
TEST(StopLeaseTest, TheStepIsEnteredOnce) {
  World w = Booted();
  w.Hold(kCoordinator, "publish:CONFIRM");
  const OpId id = w.Offline(kActive);
  BeSlow(w);
  w.Release(kCoordinator, "publish:CONFIRM");
  Ended(w, id);
  std::size_t entered = 0;
  const std::string& trace = w.trace();
  for (std::size_t at = trace.find("cpuhp_enter"); at != std::string::npos;
       at = trace.find("cpuhp_enter", at + 1)) {
    const std::string line = trace.substr(at, trace.find('\n', at) - at);
    if (line.find("cpu:teardown") != std::string::npos) ++entered;
  }
  EXPECT_EQ(entered, 1U) << trace;
}

TEST(StopLeaseTest, AFunctionsAnswerIsTheOperations) {
  World w = Booted();
  w.Hold(kActive, "run");
  const OpId id = Ask(w, OpKind::kStop);
  w.Run();
  w.Tell(kActive, FunctionReturned{Errno::kEnoent, "not here"});
  w.Run();
  const Operation op = Ended(w, id);
  EXPECT_EQ(op.error, Errno::kEnoent);
  EXPECT_EQ(op.result, "not here");
  w.Release(kActive, "run");
  ExpectAtRest(w);
}

// Half a lease is none: what was published before the abort may come first, and
// the active CPU's window may be open.
TEST(StopLeaseTest, TheOthersAreReleasedAfterAWholeLease) {
  World w = Booted();
  w.Hold(kActive, "order");
  w.Hold(kCoordinator, "publish:RUN");
  const OpId id = Ask(w, OpKind::kStop);
  BeSlow(w);
  const Generation round = w.coordinator().last_generation();
  for (int tick = 1; tick <= 3; ++tick) {
    EXPECT_TRUE(w.cpu(0).irqs_masked()) << tick;
    w.TellCoordinator(StopTick{round});
    w.Run();
  }
  EXPECT_FALSE(w.cpu(0).irqs_masked());
  // Nobody knows whether the function runs, and so it is not tried again.
  EXPECT_EQ(Ended(w, id).error, Errno::kEtimedout);
}

}  // namespace
}  // namespace belfry::kernel
