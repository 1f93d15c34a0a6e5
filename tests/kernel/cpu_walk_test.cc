// The steps that a CPU walks: one CPU alone, line by line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernel/cpu.h"
#include "tests/kernel/cpu_three.h"

namespace belfry::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kFirstLife;
using enum MultiStopState;

WalkSteps Up(std::uint64_t walk, CpuhpState fail = kCpuhpInvalid) {
  return {.walk = {walk}, .about = kPeer, .from = 4, .to = 7, .fail = fail};
}

TEST(WalkTest, StepsOneByOneAndACallInOne) {
  Machine m;
  EXPECT_THAT(m.Do(Up(1)), ElementsAre("next_step 5"));
  EXPECT_THAT(m.Do(RunStep{{1}, 5}), ElementsAre("next_step 6"));
  EXPECT_THAT(m.Do(RunStep{{1}, 6}), ElementsAre("enqueue 1#1 wait"));
  m.Do(Enqueued{kPeer, 1, true, true});
  EXPECT_THAT(m.Do(Done{kPeer, 1}), ElementsAre("tell walk 1 at 7"));
  // The same walk again: answered from memory. So is one before it.
  EXPECT_THAT(m.Do(Up(1)), ElementsAre("tell walk 1 at 7"));
  EXPECT_THAT(m.Do(Up(2)), ElementsAre("next_step 5"));
  EXPECT_THAT(m.Do(Up(2)), IsEmpty());
  m.Do(RunStep{{2}, 5});
  m.Do(RunStep{{2}, 6});
  m.Do(Enqueued{kPeer, 2, true, true});
  m.Do(Done{kPeer, 2});
  EXPECT_THAT(m.Do(Up(1)), ElementsAre("tell walk 1 at 7"));
}

TEST(WalkTest, AFailingStepEndsItWhereItStands) {
  Machine m;
  m.Do(Up(1, 6));
  m.Do(RunStep{{1}, 5});
  EXPECT_THAT(m.Do(RunStep{{1}, 6}), ElementsAre("tell walk 1 at 5 EAGAIN"));
  EXPECT_THAT(m.Do(Up(1, 6)), ElementsAre("tell walk 1 at 5 EAGAIN"));
}

TEST(WalkTest, ACallThatIsLostFailsItsStep) {
  Machine m;
  m.Do(Up(1));
  m.Do(RunStep{{1}, 5});
  m.Do(RunStep{{1}, 6});
  EXPECT_THAT(m.Do(PeerGone{kPeer, kFirstLife}),
              ElementsAre("tell walk 1 at 5 EOWNERDEAD"));
}

TEST(WalkTest, AStopPutsItOff) {
  Machine m;
  m.Do(Up(1));
  m.Publish(kPrepare, 1, {1}, false);
  EXPECT_THAT(m.Do(RunStep{{1}, 5}), IsEmpty());
  EXPECT_THAT(m.Do(StopAbort{Generation{1}}),
              ElementsAre("tell aborted", "next_step 5"));
}

}  // namespace
}  // namespace belfry::kernel
