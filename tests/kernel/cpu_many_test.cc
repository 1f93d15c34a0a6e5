// A call of many CPUs, seen by its caller: one CPU alone, line by line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "kernel/cpu.h"
#include "tests/support/lone_cpu.h"

namespace belfry::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The doorbell travels apart from the call.
struct Caller : testing::FirstOfFive {
  explicit Caller(Profile profile = testing::ProfileWith("belfry"))
      : FirstOfFive(std::move(profile), /*split=*/true) {}

  std::vector<std::string> Queued(std::uint32_t from, Seq seq = 1,
                                  bool was_empty = true) {
    return Do(
        Enqueued{.from = CpuId{from}, .seq = seq, .was_empty = was_empty});
  }
  std::vector<std::string> Ended(std::uint32_t from, Seq seq = 1) {
    return Do(Done{.from = CpuId{from}, .seq = seq});
  }
};

CallMany Many(CpuMask cpus, bool wait = true, Token token = 7) {
  return {.token = token, .cpus = std::move(cpus), .wait = wait};
}

DeviceIrq IrqCalling(CpuMask cpus) { return {.calls = std::move(cpus)}; }

TEST(ManyTest, QueuesAllThenRingsAll) {
  Caller m;
  EXPECT_THAT(m.Do(Many({1, 3})), ElementsAre("enqueue 1#1 wait many split",
                                              "enqueue 3#1 wait many split"));
  EXPECT_THAT(m.Queued(3), IsEmpty());
  EXPECT_THAT(m.Queued(1), ElementsAre("ring 1#1", "call 7 queued", "ring 3#1",
                                       "call 7 queued"));
  EXPECT_THAT(m.Ended(1), ElementsAre("call 7 completed"));
  EXPECT_THAT(m.Ended(3), ElementsAre("call 7 completed"));
}

TEST(ManyTest, AnOfflineCpuIsNotCalledWhateverRefuseOfflineSays) {
  for (absl::string_view rule : {"all", "single_only", "none"}) {
    Caller m(testing::ProfileWith("belfry", "refuse_offline", rule));
    EXPECT_THAT(m.Do(Many({1, 4})), ElementsAre("enqueue 1#1 wait many split",
                                                "call 7 refused ENXIO"));
  }
}

TEST(ManyTest, TheOwnCpuRunsItItself) {
  Caller m;
  EXPECT_THAT(m.Do(Many({0, 1})),
              ElementsAre("enqueue 1#1 wait many split", "run self of 0"));
  EXPECT_THAT(m.Do(FunctionReturned{}), ElementsAre("call 7 completed"));
  EXPECT_THAT(m.Queued(1), ElementsAre("ring 1#1", "call 7 queued"));
}

TEST(ManyTest, WhomItRingsIsByTheKnob) {
  const struct {
    absl::string_view knob;
    std::vector<std::string> rung;
  } kCases[] = {
      {"was_empty", {"ring 1#1"}},
      {"shared_always", {"ring 1#1", "ring 2#1"}},
      {"own_list_always", {"ring 1#1", "ring 2#1"}},
  };
  for (const auto& c : kCases) {
    Caller m(testing::ProfileWith("belfry", "many_ring", c.knob));
    m.Do(Many({1, 2}));
    m.Queued(1);
    std::vector<std::string> rung = m.Queued(2, 1, /*was_empty=*/false);
    std::erase_if(rung, [](const std::string& line) {
      return !line.starts_with("ring");
    });
    EXPECT_EQ(rung, c.rung) << c.knob;
  }
}

TEST(ManyTest, OneGuardFromTheFirstCallToTheRing) {
  Caller m;
  m.Do(Many({1, 2}, /*wait=*/false));
  m.Queued(1);
  EXPECT_GT(m.cpu.guards(), 0U);
  EXPECT_THAT(m.Do(StopPublish{.generation = Generation{1},
                               .state = MultiStopState::kPrepare}),
              IsEmpty());
  EXPECT_THAT(m.Queued(2), ElementsAre("ring 1#1", "call 7 queued", "ring 2#1",
                                       "call 7 queued", "tell ack PREPARE"));
}

TEST(ManyTest, ATargetThatDiesOrRefusesOwesTheRingNothing) {
  Caller m;
  m.Do(Many({1, 2, 3}, /*wait=*/false));
  m.Queued(1);
  EXPECT_THAT(
      m.Do(PeerGone{.cpu = CpuId{2}, .incarnation = testing::kFirstLife}),
      ElementsAre("call 7 lost EOWNERDEAD"));
  EXPECT_THAT(
      m.Do(Enqueued{.from = CpuId{3}, .seq = 1, .error = Errno::kEnobufs}),
      ElementsAre("ring 1#1", "call 7 queued", "call 7 refused ENOBUFS"));
  EXPECT_EQ(m.cpu.guards(), 0U);
}

// One that is queued already waits for its ring until all are.
TEST(ManyTest, ARingThatIsOwedStrandsNobody) {
  Caller m;
  m.Do(Many({1, 2}));
  m.Queued(1);
  const Outgoing& call = *m.cpu.peers().at(CpuId{1}).out.Find(1);
  EXPECT_TRUE(m.cpu.MayOweRing(call));
  m.Queued(2);
  EXPECT_FALSE(m.cpu.MayOweRing(call));
}

// csd_lock(): of the csd that is needed, or of the one element there is.
TEST(ManyTest, TheNextWaitsForItsCsds) {
  const struct {
    absl::string_view knob;
    std::vector<std::string> to_3, to_1;
  } kCases[] = {
      {"was_empty", {"enqueue 3#1 wait many split"}, {}},
      {"own_list_always", {}, {}},
  };
  for (const auto& c : kCases) {
    Caller m(testing::ProfileWith("belfry", "many_ring", c.knob));
    m.Do(Many({1}));
    m.Queued(1);
    EXPECT_EQ(m.Do(Many({3}, true, 8)), c.to_3) << c.knob;
    EXPECT_EQ(m.Do(Many({1}, true, 9)), c.to_1) << c.knob;
    EXPECT_EQ(m.cpu.held_many().size(), c.to_3.empty() ? 2U : 1U);
  }
}

TEST(ManyTest, AWaitingOneExpires) {
  Caller m;
  m.Do(Many({1}));
  m.Do(Many({1, 2}, true, 8));
  EXPECT_THAT(m.Do(Expire{8}), ElementsAre("call 8 refused ETIMEDOUT",
                                           "call 8 refused ETIMEDOUT"));
}

// K12: a handler's many-call between the first call of a task's and its ring.
TEST(ManyTest, TheMaskIsTheCallsOrTheCpus) {
  const struct {
    absl::string_view knob;
    std::vector<std::string> rung;
  } kCases[] = {
      {"private", {"ring 1#1", "call 7 queued", "ring 2#1", "call 7 queued"}},
      {"shared", {"call 7 queued", "call 7 queued"}},
  };
  for (const auto& c : kCases) {
    Caller m(testing::ProfileWith("belfry", "many_mask", c.knob));
    m.Do(Many({1, 2}));
    m.Queued(1);
    EXPECT_THAT(m.Do(IrqCalling({3})), ElementsAre("enqueue 3#1 many split"));
    EXPECT_EQ(m.Queued(2), c.rung) << c.knob;
    EXPECT_THAT(m.Queued(3), ElementsAre("ring 3#1"));
  }
}

TEST(ManyTest, AHandlerSpinsForTheCsdOfWhatItHasInterrupted) {
  Caller m;
  m.Do(Many({1}));
  EXPECT_THAT(m.Do(IrqCalling({1, 2})), IsEmpty());
  EXPECT_TRUE(m.cpu.irqs_masked());
  // What it has interrupted does not go on: nobody rings.
  EXPECT_THAT(m.Queued(1), IsEmpty());
  // The watchdog of another profile, or anybody, rings CPU 1.
  EXPECT_THAT(m.Ended(1),
              ElementsAre("enqueue 1#2 many split", "enqueue 2#1 many split",
                          "call 7 completed"));
  EXPECT_FALSE(m.cpu.irqs_masked());
}

TEST(ManyTest, AFusedFrameRingsByTheTargetsRule) {
  testing::FirstOfFive target(testing::ProfileWith("linux-3.16"));
  for (const bool many : {false, true}) {
    for (Seq seq : {1, 2}) {
      const CsdKey key{CpuId{1}, testing::kFirstLife, seq + 2 * many};
      EXPECT_EQ(target.Do(Enqueue{.csd = {.key = key, .many = many}}).size(),
                many || seq == 1 ? 2U : 1U);
    }
  }
}

}  // namespace
}  // namespace belfry::kernel
