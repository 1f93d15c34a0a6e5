// Operations through a whole machine: told, refused, failed and cancelled.
#include "kernel/coordinator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/kernel/whole_machine.h"

namespace belfry::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::World;

// ---- Views and introductions.

TEST(ViewTest, IsToldToThoseWhoAreInIt) {
  World w = Booted();
  ASSERT_EQ(End(w, w.Offline(kVictim)).error, Errno::kOk);
  const std::uint64_t left_at = w.cpu(kVictim).view().number;
  ASSERT_EQ(left_at, w.coordinator().view().number);
  ASSERT_EQ(End(w, w.Offline(2)).error, Errno::kOk);
  ASSERT_EQ(End(w, w.Online(2)).error, Errno::kOk);
  EXPECT_EQ(w.coordinator().view().number, left_at + 2);
  for (std::uint32_t cpu : {0U, 1U, 2U}) {
    EXPECT_EQ(w.cpu(cpu).view(), w.coordinator().view()) << cpu;
  }
  EXPECT_EQ(w.cpu(kVictim).view().number, left_at);
  ExpectCycle(w, kVictim);
  EXPECT_EQ(w.cpu(kVictim).view(), w.coordinator().view());
}

// What `cpu` is told when it attaches, while CPU 0 is there and 2 and 3 are
// not.
CoordinatorEffects Introductions(std::uint64_t view_number) {
  Coordinator coordinator(Preset("belfry"), 4);
  CoordinatorEffects out;
  coordinator.Step(Attached{{0}, {.incarnation = {7}}}, out);
  out.clear();
  coordinator.Step(
      Attached{{1}, {.incarnation = {8}, .view_number = view_number}}, out);
  return out;
}

template <typename Message>
std::vector<std::uint32_t> About(const CoordinatorEffects& effects,
                                 std::uint32_t told) {
  std::vector<std::uint32_t> cpus;
  for (const CoordinatorEffect& effect : effects) {
    const auto* tell = std::get_if<TellCpu>(&effect);
    if (tell == nullptr || tell->cpu.value != told) continue;
    const auto* message = std::get_if<Message>(&tell->message);
    if (message != nullptr) cpus.push_back(message->cpu.value);
  }
  return cpus;
}

// One that comes back may have missed that another died.
TEST(IntroductionTest, WhoHasNoViewHearsOnlyOfThoseWhoAreThere) {
  EXPECT_THAT(About<PeerIs>(Introductions(0), 1), ElementsAre(0));
  EXPECT_THAT(About<PeerIs>(Introductions(0), 0), ElementsAre(1));
  EXPECT_THAT(About<PeerGone>(Introductions(0), 1), IsEmpty());
  EXPECT_THAT(About<PeerGone>(Introductions(5), 1), ElementsAre(2, 3));
}

// ---- Refusals.

struct RefusalCase {
  std::string preset;
  Request request;
  Errno error;
  bool unchanged = false;
};

TEST(RefusalTest, AsTheKernelAnswers) {
  const auto up = [](std::uint32_t cpu, std::optional<CpuId> control = {}) {
    return Request{
        .kind = OpKind::kOnline, .cpu = CpuId{cpu}, .control = control};
  };
  const auto down = [](std::uint32_t cpu, std::optional<CpuId> control = {}) {
    return Request{
        .kind = OpKind::kOffline, .cpu = CpuId{cpu}, .control = control};
  };
  const RefusalCase cases[] = {
      {"belfry", up(9), Errno::kEinval},
      {"belfry", down(9), Errno::kEinval},
      {"linux-3.0", up(1), Errno::kEinval},
      {"linux-3.16", up(1), Errno::kOk, true},
      {"belfry", up(1), Errno::kOk, true},
      {"linux-3.0", down(2), Errno::kEinval},
      {"linux-3.16", down(2), Errno::kOk, true},
      {"belfry", up(3), Errno::kEinval},  // it has no process
      // A wrong control CPU is told also where it would have nothing to do.
      {"belfry", up(1, CpuId{9}), Errno::kEinval},
      {"belfry", up(1, CpuId{1}), Errno::kEinval},
      {"belfry", down(2, CpuId{2}), Errno::kEinval},
      {"belfry", up(2, CpuId{2}), Errno::kEinval},
      {"belfry", up(2, CpuId{3}), Errno::kEinval},
      {"belfry", down(1, CpuId{1}), Errno::kEinval},
      {"belfry", down(1, CpuId{2}), Errno::kEinval},
      {"belfry", {.kind = OpKind::kStop, .active = {0, 2}}, Errno::kEinval},
  };
  for (const RefusalCase& c : cases) {
    // CPUs 0 and 1 are online, 2 is parked, 3 has no process.
    World w = Booted(c.preset);
    w.Crash(3);
    End(w, w.Offline(2));
    const View before = w.coordinator().view();
    const Operation& op = End(w, w.Ask(c.request));
    SCOPED_TRACE(absl::StrCat(c.preset, " ", OpKindName(c.request.kind), " ",
                              c.request.cpu.value, ": ", op.message));
    EXPECT_EQ(op.error, c.error);
    EXPECT_EQ(op.unchanged, c.unchanged);
    EXPECT_FALSE(op.message.empty());
    EXPECT_EQ(w.coordinator().view(), before);
    ExpectAtRest(w);
  }
}

TEST(RefusalTest, TheLastOnlineCpuStays) {
  World w = Booted();
  for (std::uint32_t cpu : {1U, 2U, 3U}) {
    EXPECT_EQ(End(w, w.Offline(cpu)).error, Errno::kOk);
  }
  EXPECT_EQ(End(w, w.Offline(0)).error, Errno::kEbusy);
  ExpectAtRest(w);
}

TEST(RefusalTest, OneMoreThanMayWait) {
  World w = Booted();
  w.Hold(kCoordinator, "journal:ap");
  const OpId holder = w.Offline(kVictim);
  w.Run();
  for (std::size_t i = 0; i < Coordinator::kQueuedMax; ++i) w.Online(1);
  EXPECT_EQ(End(w, w.Online(1)).error, Errno::kEbusy);
  w.Release(kCoordinator, "journal:ap");
  EXPECT_EQ(End(w, holder).error, Errno::kOk);
  ExpectAtRest(w);
}

// control_cpu=worker: whoever asks for an offline, the victim too, the lowest
// other online CPU runs its control steps. An online is the asker's.
TEST(ControlTest, AWorkerRunsTheControlStepsOfAnOffline) {
  World w = Booted("linux-6.12");
  const auto ask = [&](OpKind kind, std::uint32_t asker) {
    return End(
        w,
        w.Ask({.kind = kind, .cpu = CpuId{kVictim}, .control = CpuId{asker}}));
  };
  const Operation down = ask(OpKind::kOffline, kVictim);
  EXPECT_EQ(down.error, Errno::kOk) << down.message;
  EXPECT_EQ(down.control, CpuId{0});
  const Operation up = ask(OpKind::kOnline, 2);
  EXPECT_EQ(up.error, Errno::kOk) << up.message;
  EXPECT_EQ(up.control, CpuId{2});
  ExpectAtRest(w);
}

// ---- Failing steps.

TEST(RollbackTest, EveryStepThatMayFailIsRolledBackBothWays) {
  for (absl::string_view preset : {"linux-3.0+flush", "linux-6.12", "belfry"}) {
    const CpuhpTable table(Preset(preset).steps);
    for (const CpuhpStep& step : table.steps()) {
      for (bool up : {true, false}) {
        SCOPED_TRACE(
            absl::StrCat(preset, " ", step.name, up ? " up" : " down"));
        World w = Booted(preset);
        if (up) End(w, w.Offline(kVictim));
        const bool runs =
            (up ? step.startup : step.teardown) != StepAction::kNone &&
            (up || step.state > table.bringup());
        const Errno allowed =
            w.coordinator().SetFail(CpuId{kVictim}, step.state);
        if (allowed != Errno::kOk || !runs) continue;
        const auto ask = [&] {
          return up ? w.Online(kVictim) : w.Offline(kVictim);
        };
        const Operation& op = End(w, ask());
        EXPECT_EQ(op.error, Errno::kEagain);
        EXPECT_EQ(op.failed_step, step.state);
        EXPECT_EQ(w.coordinator().cpus().at(CpuId{kVictim}).state,
                  up ? 0 : table.online());
        EXPECT_EQ(w.coordinator().view().online.Has({kVictim}), !up);
        // Once: the next time it goes.
        EXPECT_EQ(End(w, ask()).error, Errno::kOk);
        ExpectAtRest(w);
      }
    }
  }
}

TEST(RollbackTest, FailWrittenForStepsThatMustNotFail) {
  World w = Booted();
  EXPECT_EQ(w.coordinator().SetFail(CpuId{1}, 3), Errno::kEinval);
  EXPECT_EQ(w.coordinator().SetFail(CpuId{1}, 1), Errno::kEinval);
  EXPECT_EQ(w.coordinator().SetFail(CpuId{9}, 5), Errno::kEinval);
  EXPECT_EQ(w.coordinator().SetFail(CpuId{1}, 5), Errno::kOk);
  EXPECT_EQ(w.coordinator().SetFail(CpuId{1}, kCpuhpInvalid), Errno::kOk);
  EXPECT_EQ(End(w, w.Offline(1)).error, Errno::kOk);
}

// ---- Cancel.

TEST(CancelTest, AQueuedOperationNeverBegins) {
  World w = Booted();
  w.Hold(kCoordinator, "journal:ap");
  w.Offline(kVictim);
  const OpId queued = w.Offline(2);
  w.Run();
  w.TellCoordinator(CancelOp{queued});
  EXPECT_EQ(End(w, queued).error, Errno::kEcanceled);
  w.Release(kCoordinator, "journal:ap");
  ExpectAtRest(w);
  EXPECT_TRUE(w.coordinator().view().online.Has({2}));
}

TEST(CancelTest, ARoundUntilRunIsOut) {
  for (std::string state :
       {"PREPARE", "DISABLE_IRQ", "RUN", "CONFIRM", "EXIT"}) {
    SCOPED_TRACE(state);
    World w = Booted();
    w.Hold(kCoordinator, "publish:" + state);
    const OpId down = w.Offline(kVictim);
    w.Run();
    w.TellCoordinator(CancelOp{down});
    w.Run();
    w.Release(kCoordinator, "publish:" + state);
    EXPECT_EQ(End(w, down).error, Errno::kEcanceled);
    // After RUN it is too late for the round; the way back goes all the way.
    EXPECT_TRUE(w.coordinator().view().online.Has({kVictim}));
    ExpectAtRest(w);
    ExpectCycle(w, kVictim);
  }
}

TEST(CancelTest, AWalkWhenItsStepReturns) {
  World w = Booted();
  End(w, w.Offline(kVictim));
  w.Hold(0, "step:6");
  const OpId up = w.Online(kVictim);
  w.Run();
  w.TellCoordinator(CancelOp{up});
  w.Run();
  EXPECT_TRUE(w.ended_ops().find(up) == w.ended_ops().end());
  w.Release(0, "step:6");
  EXPECT_EQ(End(w, up).error, Errno::kEcanceled);
  EXPECT_FALSE(w.coordinator().view().online.Has({kVictim}));
  ExpectAtRest(w);
}

// ---- stop_machine with a function.

TEST(StopMachineTest, RunsWhereItIsAskedTo) {
  for (const CpuMask& active : {CpuMask{}, CpuMask{2}, CpuMask{0, 1, 2, 3}}) {
    World w = Booted();
    const Operation& op =
        End(w, w.Ask({.kind = OpKind::kStop, .active = active, .func = "nop"}));
    EXPECT_EQ(op.error, Errno::kOk);
    EXPECT_EQ(op.active, active.empty() ? CpuMask{0} : active);
    ExpectAtRest(w);
  }
}

}  // namespace
}  // namespace belfry::kernel
