// The /metrics pages: complete from the start, correct, and as Prometheus wants
// them.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tests/e2e/support/cluster.h"

namespace belfry::e2e {
namespace {

// The names that docs/METRICS.md has under a heading.
std::set<std::string> Documented(absl::string_view heading) {
  const std::string text =
      ReadFile(absl::StrCat(BELFRY_SOURCE_DIR, "/docs/METRICS.md"));
  std::set<std::string> names;
  bool here = false;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StartsWith(line, "## ")) here = line.substr(3) == heading;
    if (!here || !absl::StartsWith(line, "| `")) continue;
    const std::vector<std::string> parts = absl::StrSplit(line, '`');
    names.insert(parts[1]);
  }
  return names;
}

// Those of Belfry itself: the library that serves them has its own as well.
std::set<std::string> Served(const MetricsPage& page) {
  std::set<std::string> names;
  for (const std::string& name : page.names()) {
    if (absl::StartsWith(name, "belfry_")) names.insert(name);
  }
  return names;
}

TEST(MetricsTest, WhatIsServedIsWhatIsDocumented) {
  const Cluster cluster({.cpus = 2});
  EXPECT_EQ(Served(cluster.Metrics("cpu/0")), Documented("On every node"));
  EXPECT_EQ(Served(cluster.Metrics("cpu/1")), Documented("On every node"));
  EXPECT_EQ(Served(cluster.Metrics("coordinator")),
            Documented("On the coordinator"));
}

// Counters that only something gone wrong, or hotplug, may raise.
const std::vector<std::string> kZeroAtFirst = {
    "belfry_calls_refused_total",
    "belfry_calls_lost_total",
    "belfry_calls_carried_total",
    "belfry_calls_flushed_total",
    "belfry_doorbells_dropped_total",
    "belfry_waiters_stuck",
    "belfry_doorbell_latched",
    "belfry_calls_pending",
    "belfry_queue_head_timestamp_seconds"};

TEST(MetricsTest, EverySeriesIsThereFromTheStart) {
  const Cluster cluster({.cpus = 3});
  for (int cpu = 0; cpu < 3; ++cpu) {
    const MetricsPage page = cluster.Metrics(CpuName(cpu));
    for (const std::string& name : kZeroAtFirst) {
      EXPECT_EQ(page.Value(name), 0) << name;
    }
    for (int other = 0; other < 3; ++other) {
      const Labels pair = {{"src_cpu", absl::StrCat(cpu)},
                           {"cpu", absl::StrCat(other)}};
      for (const char* name :
           {"belfry_calls_issued_total", "belfry_calls_completed_total",
            "belfry_calls_lost_total", "belfry_doorbells_sent_total",
            "belfry_doorbells_suppressed_total"}) {
        EXPECT_FALSE(page.Select(name, pair).empty()) << name;
      }
      for (const char* error : {"ENXIO", "ENOBUFS"}) {
        Labels labels = pair;
        labels["errno"] = error;
        EXPECT_EQ(page.Value("belfry_calls_refused_total", labels), 0);
      }
    }
    for (const char* function :
         {"nop", "echo", "spin", "trigger_softirq", "read_state"}) {
      EXPECT_EQ(page.Value("belfry_calls_pending", {{"func", function}}), 0);
    }
  }
  const MetricsPage page = cluster.Metrics("coordinator");
  for (int cpu = 0; cpu < 3; ++cpu) {
    const Labels label = {{"cpu", absl::StrCat(cpu)}};
    EXPECT_EQ(page.Value("belfry_cpu_online", label), 1);
    EXPECT_EQ(page.Value("belfry_queue_depth", label), 0);
    EXPECT_EQ(page.Value("belfry_cpu_state", label), 1) << "one of them is 1";
    EXPECT_EQ(page.Value("belfry_cpu_state",
                         {{"cpu", absl::StrCat(cpu)}, {"state", "online"}}),
              1);
    // The alert counts failures: the first has to be an increase.
    for (const char* result : {"0", "EAGAIN", "EBUSY", "EOWNERDEAD"}) {
      EXPECT_EQ(page.Value("belfry_hotplug_operations_total",
                           {{"cpu", absl::StrCat(cpu)},
                            {"direction", "down"},
                            {"result", result}}),
                0);
    }
  }
  for (const char* reason : {"participant_died", "cancelled", "restart"}) {
    EXPECT_EQ(
        page.Value("belfry_stop_machine_aborted_total", {{"reason", reason}}),
        0);
  }
}

// What `audit` says of a pair of CPUs is what the pages say.
void ExpectPagesAgree(const Cluster& cluster, const v1::AuditReport& audit) {
  for (const v1::LedgerRow& row : audit.rows()) {
    SCOPED_TRACE(row.DebugString());
    const MetricsPage page = cluster.Metrics(CpuName(row.src_cpu()));
    const Labels pair = {{"src_cpu", absl::StrCat(row.src_cpu())},
                         {"cpu", absl::StrCat(row.cpu())}};
    EXPECT_EQ(page.Value("belfry_calls_issued_total", pair), row.issued());
    EXPECT_EQ(page.Value("belfry_calls_completed_total", pair),
              row.completed());
    EXPECT_EQ(page.Value("belfry_calls_refused_total", pair), row.refused());
    EXPECT_EQ(page.Value("belfry_calls_lost_total", pair), row.lost());
  }
}

TEST(MetricsTest, TheyAddUpWithTheAudit) {
  const Cluster cluster({.flags = {"--queue-capacity", "64"}});
  cluster.Ask<v1::LoadReport>({"load", "start", "--rate", "1000"});
  cluster.Call({"0-3", "nop", "--count", "300", "--from", "0"});
  cluster.Offline(3);
  cluster.Call({"3", "nop", "--count", "7", "--from", "2"}, 1);
  cluster.Call({"3", "nop", "--count", "5", "--nowait", "--from", "2"}, 1);
  cluster.Online(3);
  cluster.Ask<v1::LoadReport>({"load", "stop"});
  const auto audit = cluster.ExpectCleanAudit();
  EXPECT_GE(audit.refused(), 12u);
  ExpectPagesAgree(cluster, audit);
  const MetricsPage page = cluster.Metrics("coordinator");
  for (const char* direction : {"up", "down"}) {
    EXPECT_EQ(
        page.Value("belfry_hotplug_operations_total",
                   {{"cpu", "3"}, {"direction", direction}, {"result", "0"}}),
        direction == std::string("up") ? 2 : 1);
    EXPECT_GE(page.Value("belfry_hotplug_operation_duration_seconds_count",
                         {{"direction", direction}}),
              1);
  }
  EXPECT_EQ(page.Value("belfry_stop_machine_duration_seconds_count"), 1);
  double steps = 0;
  for (int cpu = 0; cpu < 4; ++cpu) {
    steps += cluster.Metrics(CpuName(cpu))
                 .Value("belfry_hotplug_step_duration_seconds_count",
                        {{"step", "calls:online"}});
  }
  EXPECT_GE(steps, 5) << "four CPUs came up, one went and came again";
}

TEST(MetricsTest, DurationsAreThoseOfTheCalls) {
  const Cluster cluster({.cpus = 2});
  cluster.Call({"1", "spin", "--payload", "100000", "--count", "3"});
  cluster.Call({"1", "nop", "--count", "20", "--nowait"});
  cluster.ExpectCleanAudit();
  const MetricsPage page = cluster.Metrics("cpu/0");
  const std::string name = "belfry_call_duration_seconds";
  // The one that brought CPU 1 online waited, too.
  EXPECT_EQ(page.Value(name + "_count", {{"kind", "wait"}}), 4);
  EXPECT_EQ(page.Value(name + "_count", {{"kind", "nowait"}}), 20);
  EXPECT_GE(page.Value(name + "_sum", {{"kind", "wait"}}), 0.3);
  EXPECT_LT(page.Value(name + "_sum"), kPatience.count());
}

// One doorbell covers a queue, however many calls in it are overdue.
TEST(MetricsTest, TheWatchdogRingsOncePerTimeout) {
  const Cluster cluster({.cpus = 2, .flags = {"--csd-lock-timeout", "500ms"}});
  const double before =
      cluster.Metrics("cpu/0").Value("belfry_doorbells_sent_total");
  const auto spin =
      cluster.Start({"call", "1", "spin", "--payload", "3000000"});
  ASSERT_TRUE(WaitFor([&] {
    return cluster.Ask<v1::PendingReport>({"pending"}).calls_size() == 1;
  }));
  cluster.Call({"1", "nop", "--count", "500", "--nowait"});
  EXPECT_EQ(spin->Wait().exit_code, 0);
  cluster.ExpectCleanAudit();
  const double rung =
      cluster.Metrics("cpu/0").Value("belfry_doorbells_sent_total") - before;
  // For spin, for the first nop, by spin's waiter, and one each 500 ms.
  EXPECT_GT(rung, 2);
  EXPECT_LT(rung, 20);
}

TEST(MetricsTest, PromtoolFindsNothingToSay) {
  if (RunProgram({"sh", "-c", "command -v promtool"}).exit_code != 0) {
    GTEST_SKIP() << "promtool is missing: install the package prometheus";
  }
  const Cluster cluster({.cpus = 2});
  cluster.Ask<v1::LoadReport>({"load", "start", "--count", "10"});
  cluster.Offline(1);
  for (const char* process : {"coordinator", "cpu/0", "cpu/1"}) {
    const Outcome outcome = RunProgram({"promtool", "check", "metrics"},
                                       cluster.Metrics(process).text());
    EXPECT_EQ(outcome.exit_code, 0) << process << "\n" << outcome;
    EXPECT_EQ(outcome.err, "") << process;
  }
}

TEST(MetricsTest, NoLabelNamesACall) {
  const Cluster cluster({.cpus = 2});
  const auto count = [&] {
    return cluster.Metrics("cpu/0").series().size() +
           cluster.Metrics("coordinator").series().size();
  };
  cluster.Call({"1", "nop", "--count", "10"});
  const std::size_t before = count();
  cluster.Call({"1", "nop", "--count", "1000"});
  cluster.Call({"1", "echo", "--nowait", "--count", "1000"});
  EXPECT_EQ(count(), before) << "series must not grow with the calls";
}

}  // namespace
}  // namespace belfry::e2e
