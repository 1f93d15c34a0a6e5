#include "client/process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace belfry::client {
namespace {

// As the kernel writes it; the 20th field from the state on is the start time.
std::string Stat(const std::string& name, const std::string& state) {
  return "4711 (" + name + ") " + state +
         " 1 4711 4711 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 5 0 98765 1000 20";
}

TEST(ParseProcStatTest, ReadsStateAndStartTime) {
  const auto stat = ParseProcStat(Stat("belfry-node", "S"));
  ASSERT_TRUE(stat.has_value());
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->start_time, 98765u);
}

TEST(ParseProcStatTest, TheNameMayHoldAnything) {
  const auto stat = ParseProcStat(Stat("a) R 1 (b", "Z"));
  ASSERT_TRUE(stat.has_value());
  EXPECT_EQ(stat->state, 'Z');
  EXPECT_EQ(stat->start_time, 98765u);
}

TEST(ParseProcStatTest, RefusesWhatIsNone) {
  EXPECT_FALSE(ParseProcStat("").has_value());
  EXPECT_FALSE(ParseProcStat("4711 (x) S 1 2").has_value());
}

TEST(IsAliveTest, APidWithAnotherStartTimeIsAnotherProcess) {
  // Our own start time is not known here, so find it as Spawn() does: by
  // starting something.
  const auto child = Spawn({"/bin/sleep", "60"}, "/dev/null");
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_TRUE(IsAlive(*child));
  EXPECT_FALSE(IsAlive({child->pid, child->start_time + 1}));
  SendSignal(*child, 9);
  EXPECT_TRUE(WaitForDeath({*child}, absl::Seconds(10)));
  EXPECT_FALSE(IsAlive(*child));
  EXPECT_FALSE(IsAlive({}));
}

TEST(IsAliveTest, AZombieIsDead) {
  const auto child = Spawn({"/bin/sh", "-c", "exit 3"}, "/dev/null");
  ASSERT_TRUE(child.ok()) << child.status();
  std::string how;
  // Dead as soon as it has ended, whether it was reaped or not.
  while (IsAlive(*child)) usleep(1000);
  EXPECT_EQ(Reap(*child), "exit code 3");
}

TEST(SpawnTest, SaysWhatItCannotStart) {
  const auto child = Spawn({"/no/such/program"}, "/dev/null");
  EXPECT_EQ(child.status().message(),
            "cannot start /no/such/program: No such file or directory");
}

}  // namespace
}  // namespace belfry::client
