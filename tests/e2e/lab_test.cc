// The lab from the command line: what it prints, its files, and what it says of
// wrong ones. No process of a machine is started.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/support/cluster.h"

namespace belfry::e2e {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int kHolds = 0;
constexpr int kUsage = 2;
constexpr int kInconclusive = 3;
constexpr int kHang = 11;
constexpr int kBadFile = 65;

std::string Recording(const std::string& name) {
  return absl::StrCat(BELFRY_SOURCE_DIR, "/tests/testdata/linux-6.12/", name);
}

class LabTest : public ::testing::Test {
 protected:
  std::string File(const std::string& name) const { return folder_.File(name); }

  // One line that says what is wrong, and nothing else.
  void ExpectRefused(const Arguments& arguments, int exit_code,
                     const std::string& said) {
    const Outcome outcome = belfry_.Run(arguments);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome;
    EXPECT_THAT(outcome.err, HasSubstr(said)) << outcome;
    EXPECT_THAT(outcome.out, IsEmpty()) << outcome;
  }

  TempDir folder_;
  Belfry belfry_;
};

TEST_F(LabTest, TheExplorerWritesAShortestWayIntoTheHang) {
  const std::string file = File("hang.schedule.textproto");
  const auto report = belfry_.Ask<v1::ExploreReport>(
      {"explore", "lost-ipi", "--profile", "linux-3.0", "--out", file}, kHang);
  EXPECT_EQ(report.verdict(), "hang");
  EXPECT_EQ(report.schedule_file(), file);
  EXPECT_GT(report.schedule().moves_size(), 10);
  EXPECT_GT(report.schedule().point_of_no_return(), 0u);
  EXPECT_THAT(report.violated(), Contains("every_wait_ends"));
  EXPECT_THAT(ReadFile(file), HasSubstr("belfry.v1.Schedule"));
}

TEST_F(LabTest, TheExplorerSaysThatItHasSeenAll) {
  const auto report = belfry_.Ask<v1::ExploreReport>(
      {"explore", "lost-ipi", "--profile", "belfry"}, kHolds);
  EXPECT_TRUE(report.exhausted());
  EXPECT_THAT(report.cut_short(), IsEmpty());
  const auto cut = belfry_.Ask<v1::ExploreReport>(
      {"explore", "lost-ipi", "--profile", "belfry", "--states", "100"},
      kInconclusive);
  EXPECT_FALSE(cut.exhausted());
  EXPECT_THAT(cut.cut_short(), HasSubstr("100 states"));
}

TEST_F(LabTest, TheSimulatorShrinksARunThatFailsAndPlaysItAgain) {
  const std::string file = File("small.simulation.textproto");
  const std::string trace = File("small.trace");
  const auto found = belfry_.Ask<v1::SimulateReport>(
      {"simulate", "--profile", "linux-3.0", "--cycles", "10", "--until",
       "hang", "--out", file, "--trace", trace},
      kHang);
  EXPECT_THAT(found.violated(), Contains("every_wait_ends"));
  EXPECT_LT(found.inputs_left(), found.inputs());
  EXPECT_EQ(found.simulation_file(), file);
  const auto again = belfry_.Ask<v1::SimulateReport>({"simulate", file}, kHang);
  EXPECT_EQ(again.failed_seed(), found.failed_seed());
  EXPECT_EQ(again.findings_size(), found.findings_size());
  // The trace is one like any other.
  EXPECT_EQ(belfry_.Run({"trace", "stat", trace}).exit_code, 0);
  const std::string second = File("again.trace");
  belfry_.Run({"simulate", file, "--trace", second});
  EXPECT_EQ(ReadFile(trace), ReadFile(second));
}

TEST_F(LabTest, TheSimulatorKeepsWhatBelfryPromises) {
  const auto report = belfry_.Ask<v1::SimulateReport>(
      {"simulate", "--seeds", "1-20", "--faults", "all", "--swarm"}, kHolds);
  EXPECT_EQ(report.runs(), 20u);
  EXPECT_THAT(report.counts().faults(), Not(IsEmpty()));
  EXPECT_EQ(report.latencies().size(), 16u);
}

TEST_F(LabTest, ConformComparesWithARealKernel) {
  EXPECT_EQ(belfry_
                .Run({"conform", Recording("offline.ftrace"), "--cpu", "3",
                      "--op", "offline"})
                .exit_code,
            0);
  EXPECT_EQ(belfry_
                .Run({"conform", Recording("offline.ftrace"), "--cpu", "3",
                      "--op", "online"})
                .exit_code,
            1);
}

TEST_F(LabTest, BadInputIsOneLine) {
  const std::string foreign = File("foreign.textproto");
  WriteFile(foreign, "version: 1 cpus: what\n");
  ExpectRefused({"simulate", "--seeds", "9-3"}, kUsage, "'9-3' are no seeds");
  ExpectRefused({"simulate", "--seeds", "x"}, kUsage, "'x' are no seeds");
  ExpectRefused({"simulate", "--faults", "fire"}, kUsage,
                "there is no fault 'fire'; there are all, none, delay");
  ExpectRefused({"simulate", "--cpus", "1"}, kUsage, "no whole number from 2");
  ExpectRefused({"simulate", "--profile", "linux-9"}, kUsage, "linux-9");
  ExpectRefused({"simulate", foreign}, kBadFile, "foreign.textproto:1:");
  ExpectRefused({"simulate", File("none.textproto")}, kUsage, "none.textproto");
  ExpectRefused({"explore", "nothing"}, kUsage, "nothing");
  ExpectRefused({"conform", foreign, "--cpu", "3", "--op", "offline"}, kBadFile,
                "foreign.textproto");
  ExpectRefused({"trace", "check", foreign}, kBadFile, "foreign.textproto");
}

}  // namespace
}  // namespace belfry::e2e
