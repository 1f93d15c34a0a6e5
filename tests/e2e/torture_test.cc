// belfry torture on real processes: what it counts adds up, it finds the seed's
// bug by itself where the profile has it, and never hangs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/exit_code.h"
#include "tests/e2e/support/cluster.h"

namespace belfry::e2e {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kTortured{120};

class TortureTest : public ::testing::Test {
 protected:
  Outcome Torture(Arguments arguments) const {
    arguments.insert(arguments.begin(), "torture");
    arguments.insert(arguments.end(), {"-o", "json"});
    return belfry_.Run(arguments, "", kTortured);
  }

  const Belfry belfry_;
};

// Every call has ended, and the sums of the sources agree with those of the
// targets.
void ExpectTheBooksBalance(const v1::TortureReport& report) {
  const v1::AuditReport& audit = report.audit();
  EXPECT_EQ(audit.pending(), 0);
  EXPECT_EQ(audit.issued(), audit.completed() + audit.refused() + audit.lost());
  std::uint64_t ran = 0;
  for (const auto& [context, count] : report.counts().ran()) ran += count;
  EXPECT_GE(ran, report.counts().invoked());
  // The notifier's calls to the CPUs that came up before it began.
  const std::uint64_t before = report.cpus() - 1;
  if (report.kills() == 0) {
    EXPECT_EQ(ran + before, audit.completed());
  }
}

TEST_F(TortureTest, AFixedProfileKeepsEveryCall) {
  for (const std::string profile : {"belfry", "linux-3.16"}) {
    SCOPED_TRACE(profile);
    const Outcome outcome =
        Torture({"--profile", profile, "--cpus", "4", "--duration", "5s",
                 "--onoff-interval", "20ms"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome;
    const auto report = FromJson<v1::TortureReport>(outcome);
    EXPECT_EQ(report.verdict(), "SUCCESS");
    EXPECT_EQ(report.lost() + report.late() + report.duplicates(), 0);
    EXPECT_TRUE(report.audit().clean());
    ExpectTheBooksBalance(report);
    // It did something, of every kind.
    EXPECT_GT(report.counts().single(), 0);
    EXPECT_GT(report.counts().single_rpc(), 0);
    EXPECT_GT(report.counts().single_wait(), 0);
    EXPECT_GT(report.counts().single_ofl(), 0);
    EXPECT_GT(report.counts().many(), 0);
    EXPECT_GT(report.counts().many_wait(), 0);
    EXPECT_GT(report.counts().all(), 0);
    EXPECT_GT(report.counts().all_wait(), 0);
    EXPECT_GT(report.counts().irq(), 0);
    EXPECT_GT(report.offline().ok(), 0);
    EXPECT_GT(report.online().ok(), 0);
    // The account was looked at whenever one had gone, and was right.
    EXPECT_EQ(report.barriers(), report.offline().ok());
    EXPECT_EQ(report.breaches_size(), 0);
  }
}

TEST_F(TortureTest, AWeightAloneIsAllThatHappens) {
  const Outcome outcome =
      Torture({"--cpus", "4", "--duration", "2s", "--weight-all-wait", "1",
               "--nthreads", "2", "--onoff-interval", "0s"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  const auto report = FromJson<v1::TortureReport>(outcome);
  const v1::TortureCounts& counts = report.counts();
  EXPECT_GT(counts.all_wait(), 0);
  // Of four CPUs each calls three others.
  EXPECT_EQ(counts.invoked(), 3 * counts.all_wait());
  EXPECT_EQ(counts.single() + counts.single_rpc() + counts.single_wait() +
                counts.many() + counts.many_wait() + counts.all() +
                counts.irq(),
            0);
  ExpectTheBooksBalance(report);
}

// Nobody holds a gate: the order comes by itself.
TEST_F(TortureTest, TheBugOfTheReportComesByItself) {
  const Outcome outcome = Torture({"--profile", "linux-3.0", "--duration",
                                   "90s", "--onoff-interval", "10ms"});
  EXPECT_THAT(outcome.exit_code,
              AnyOf(client::kExitViolated, client::kExitHang))
      << outcome;
  const auto report = FromJson<v1::TortureReport>(outcome);
  EXPECT_EQ(report.verdict(), "FAILURE");
  ASSERT_GT(report.stuck_queues_size(), 0) << outcome;
  EXPECT_GT(report.stuck_queues(0).depth(), 0);
  EXPECT_THAT(report.failure(),
              ContainsRegex(
                  absl::StrCat("[Cc][Pp][Uu] ", report.stuck_queues(0).cpu())));
  // It is seen at the barrier's own end, and the call is named.
  ASSERT_EQ(report.breaches_size(), 1) << outcome;
  EXPECT_THAT(report.breaches(0),
              AllOf(HasSubstr("went offline with "),
                    ContainsRegex("; the first is call [0-9]+ of CPU [0-9], "
                                  "trigger_softirq")));
}

TEST_F(TortureTest, KilledProcessesTakeNothingElseWithThem) {
  const Outcome outcome =
      Torture({"--cpus", "4", "--duration", "8s", "--kill-interval", "2s",
               "--onoff-interval", "50ms"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  const auto report = FromJson<v1::TortureReport>(outcome);
  EXPECT_GE(report.kills(), 2);
  EXPECT_EQ(report.lost(), 0);
  ExpectTheBooksBalance(report);
}

// A process that is killed so late that its next life begins after the end.
TEST_F(TortureTest, AtItsEndAllIsAtRest) {
  const Outcome outcome =
      Torture({"--cpus", "4", "--duration", "1s", "--kill-interval", "800ms",
               "--onoff-interval", "0s", "--keep"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_EQ(FromJson<v1::TortureReport>(outcome).kills(), 1);
  const Cluster cluster = Cluster::Adopt(KeptIn(outcome));
  const auto issued = [&cluster] {
    return FromJson<v1::AuditReport>(cluster.Run({"audit", "-o", "json"}))
        .issued();
  };
  const std::uint64_t before = issued();
  EXPECT_EQ(issued(), before);
}

// Handlers that wait for each other: a report, not a hang of the tool.
TEST_F(TortureTest, AHangIsReported) {
  const Outcome outcome =
      Torture({"--set", "irq_call=waits", "--cpus", "4", "--duration", "60s",
               "--onoff-interval", "0s"});
  EXPECT_EQ(outcome.exit_code, client::kExitHang) << outcome;
  const auto report = FromJson<v1::TortureReport>(outcome);
  EXPECT_TRUE(report.hang());
  EXPECT_GT(report.explanation().waiters_size(), 0) << outcome;
}

TEST_F(TortureTest, SaysWhatIsWrongWithItsFlags) {
  struct Case {
    Arguments arguments;
    std::string says;
  };
  const Case cases[] = {
      {{"--weight-single", "0", "--weight-single-rpc", "0",
        "--weight-single-wait", "0", "--weight-many", "0", "--weight-many-wait",
        "0", "--weight-all", "0", "--weight-all-wait", "0", "--weight-irq",
        "0"},
       "all zero weights makes no sense"},
      {{"--cpus", "1"}, "'1' is no whole number from 2"},
      {{"--profile", "linux-2.4"}, "linux-3.0"},
      {{"--duration", "yes"}, "yes"},
      {{"--kill-interval", "1s", "--coordinator", "127.0.0.1:1"},
       "--kill-interval"},
  };
  for (const Case& c : cases) {
    const Outcome outcome = Torture(c.arguments);
    EXPECT_EQ(outcome.exit_code, client::kExitUsage) << outcome;
    EXPECT_THAT(outcome.err, HasSubstr(c.says));
    EXPECT_EQ(outcome.out, "");
  }
}

}  // namespace
}  // namespace belfry::e2e
