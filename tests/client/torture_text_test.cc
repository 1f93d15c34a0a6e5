#include "client/torture_text.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace belfry::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

v1::TortureReport Report() {
  v1::TortureReport report;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"(profile: "linux-3.0" cpus: 4 seed: 7 duration_s: 12.9
         verdict: "SUCCESS"
         counts {
           invoked: 1 single: 2 single_wait: 3 single_ofl: 4 single_wait_ofl: 5
           single_rpc: 6 single_rpc_ofl: 7 many: 8 many_wait: 9 all: 10
           all_wait: 11 ste: 12 stnmie: 13 stnmoe: 14 staf: 15 irq: 16
           ran { key: "doorbell" value: 40 }
           ran { key: "idle" value: 5 }
           ran { key: "flush" value: 3 }
           ran { key: "late" value: 2 }
         }
         online { tried: 22 ok: 21 min_ms: 23 max_ms: 24 sum_ms: 25 }
         offline { tried: 27 ok: 26 min_ms: 28 max_ms: 29 sum_ms: 30 }
         lost: 31 late: 32 duplicates: 33 barriers: 26)",
      &report));
  return report;
}

std::string Printed(const v1::TortureReport& report) {
  std::ostringstream data;
  std::ostringstream messages;
  Output out(data, messages, {});
  PrintTorture(out, report);
  return data.str();
}

// scf_torture_stats_print() and torture_onoff_stats() of Linux 6.12.
TEST(TortureText, TheLineIsTheKernels) {
  v1::TortureReport report = Report();
  EXPECT_EQ(StatisticsLine(report, /*last=*/false),
            "scftorture: scf_invoked_count ver: 1 resched: 0 single: 2/3 "
            "single_ofl: 4/5 single_rpc: 6 single_rpc_ofl: 7 many: 8/9 "
            "all: 10/11 onoff: 21/22:26/27 23,24:28,29 25:30 (HZ=1000) "
            "ste: 12 stnmie: 13 stnmoe: 14 staf: 15 irq: 16 lost: 31 late: 32 "
            "dup: 33 stuckq: 0");
  report.set_failure("it went wrong");
  for (const int cpu : {3, 5}) {
    v1::TortureReport::StuckQueue& stuck = *report.add_stuck_queues();
    stuck.set_cpu(cpu);
    stuck.set_depth(108);
  }
  EXPECT_THAT(StatisticsLine(report, /*last=*/true),
              AllOf(HasSubstr("scftorture: !!! scf_invoked_count VER: 1 "),
                    HasSubstr(" stuckq: 3:108,5:108")));
}

TEST(TortureText, SaysWhereCallsRan) {
  EXPECT_THAT(Printed(Report()),
              HasSubstr("40 by doorbell, 5 by poll, 3 in the dying flush, 2 on "
                        "an offline CPU\n"));
}

TEST(TortureText, SaysHowQueuesStand) {
  v1::TortureReport report = Report();
  EXPECT_THAT(Printed(report), Not(HasSubstr("queued ")));
  report.set_queued_without_doorbell(108);
  EXPECT_THAT(Printed(report),
              HasSubstr("queued    0 with a doorbell under way, 108 without"));
}

TEST(TortureText, ABreachIsOneLine) {
  v1::TortureReport report = Report();
  EXPECT_THAT(Printed(report), HasSubstr("26 took a CPU out; 0 faults in"));
  report.set_verdict("FAILURE");
  report.set_failure("the first");
  report.add_breaches("the first");
  report.add_breaches("the second");
  EXPECT_THAT(Printed(report),
              AllOf(HasSubstr("2 faults in"), HasSubstr("FAILURE: the first ("),
                    Not(HasSubstr("breach    the first")),
                    HasSubstr("breach    the second\n")));
}

TEST(TortureText, ProgressSaysWhatGoesOn) {
  v1::TortureReport report = Report();
  EXPECT_EQ(TortureProgressText(report, absl::Minutes(1), "offline cpu 3"),
            "12s of 1m: 1 calls run, 26 offline, 21 online; offline cpu 3");
  report.set_kills(2);
  EXPECT_EQ(TortureProgressText(report, absl::Seconds(90), ""),
            "12s of 1m30s: 1 calls run, 26 offline, 21 online, 2 killed");
}

}  // namespace
}  // namespace belfry::client
