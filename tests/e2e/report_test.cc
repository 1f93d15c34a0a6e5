// The report: its file, and what a browser makes of it. The page says on its
// body what it has drawn, and a fragment chooses as a click does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/e2e/support/cluster.h"
#include "tests/trace/seed_machine.h"
#include "trace/trace_file.h"

namespace belfry::e2e {
namespace {

using ::belfry::testing::SeedTrace;
using ::belfry::testing::TraceWriter;
using ::testing::HasSubstr;
using ::testing::Not;

std::string FileOf(const TraceWriter& trace) {
  v1::TraceReport report;
  report.mutable_events()->Assign(trace.events().begin(), trace.events().end());
  return trace::WriteBelfryTrace(report);
}

class ReportTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content) {
    WriteFile(folder_.File(name), content);
    return folder_.File(name);
  }

  void MakeReport(const TraceWriter& trace) {
    const std::string file = Write("run.trace", FileOf(trace));
    const Outcome outcome = belfry_.Run({"report", file, "-o", page_});
    ASSERT_EQ(outcome.exit_code, 0) << outcome;
  }

  // The document, once the page has drawn itself.
  std::string Open(const std::string& fragment = "") const {
    const std::string page =
        OpenInBrowser(absl::StrCat("file://", page_, fragment));
    // Its end is the script, which would match everything.
    return page.substr(0, page.find("<script id=\"data\""));
  }

  TempDir folder_;
  const std::string page_ = folder_.File("report.html");
  Belfry belfry_;
};

TEST_F(ReportTest, ShowsWhatWentWrong) {
  MakeReport(SeedTrace());
  const std::string page = Open();
  EXPECT_THAT(page, HasSubstr(absl::StrCat("data-events=\"",
                                           SeedTrace().events().size(), "\"")));
  EXPECT_THAT(page, Not(HasSubstr("data-drawn=\"0\"")));
  EXPECT_THAT(page, HasSubstr("data-violations=\"3\""));
  EXPECT_THAT(page, HasSubstr("data-lost=\"1\""));
  EXPECT_THAT(page, HasSubstr("data-network=\"0\""));
  EXPECT_THAT(page, HasSubstr("109 calls are stranded on CPU 3"));
  EXPECT_THAT(page, HasSubstr("the doorbell was lost, the queue stayed"));
}

TEST_F(ReportTest, AViolationLeadsToItsEvent) {
  MakeReport(SeedTrace());
  const std::string page = Open("#violation=2");
  EXPECT_THAT(page, HasSubstr("data-violation=\"2\" data-scale"));
  EXPECT_THAT(page, HasSubstr("data-violation=\"2\" aria-current=\"true\""));
  EXPECT_THAT(page, HasSubstr("CPU 3 is now ONLINE."));
}

TEST_F(ReportTest, AnEventIsToldInWords) {
  MakeReport(SeedTrace());
  const std::string page = Open("#event=1");
  EXPECT_THAT(page, HasSubstr("data-event=\"1\""));
  EXPECT_THAT(page, HasSubstr("Operation 1 begins: offline CPU 3."));
  EXPECT_THAT(Open("#event=100000000"), HasSubstr("data-event=\"\""));
}

TEST_F(ReportTest, DrawsAHundredThousandEvents) {
  TraceWriter trace;
  for (std::uint64_t seq = 1; trace.events().size() < 100'000; ++seq) {
    const auto source = static_cast<std::uint32_t>(seq % 7);
    trace.Call(source, 7, seq, "nop", 1);
    trace.Add({.cpu = 7, .name = "call_function_single_entry", .value = 1});
  }
  MakeReport(trace);
  const std::string page = Open();
  EXPECT_THAT(page, HasSubstr(absl::StrCat("data-events=\"",
                                           trace.events().size(), "\"")));
  EXPECT_THAT(page, HasSubstr(absl::StrCat("data-drawn=\"",
                                           trace.events().size(), "\"")));
  EXPECT_THAT(page, HasSubstr("data-violations=\"0\""));
}

// A function's name is whatever somebody registered.
TEST_F(ReportTest, NamesStayText) {
  TraceWriter trace;
  trace.Call(0, 2, 1, "</script><b id=injected>", 1);
  MakeReport(trace);
  const std::string page = Open("#event=1");
  EXPECT_THAT(page, Not(HasSubstr("<b id")));
  EXPECT_THAT(page, HasSubstr("CPU 0 queues &lt;/script&gt;&lt;b id=injected"));
}

TEST_F(ReportTest, TakesWhatTraceShowPrints) {
  const Cluster cluster({.cpus = 2});
  const Outcome shown = cluster.Run({"trace", "show", "-o", "json"});
  const std::string file = Write("shown.json", shown.out);
  EXPECT_EQ(belfry_.Run({"report", file, "-o", page_}).exit_code, 0);
  EXPECT_THAT(Open(), HasSubstr("data-violations=\"0\""));
}

TEST_F(ReportTest, OfTheRunningCluster) {
  const Cluster cluster({.cpus = 2});
  cluster.Call({"1", "echo", "--from", "0"});
  const Outcome outcome = cluster.Run({"report", "-o", page_});
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(Open(), HasSubstr("nothing violated"));
}

TEST_F(ReportTest, WhatIsNoTraceIsRefused) {
  const std::string good = FileOf(SeedTrace());
  const std::vector<std::pair<std::string, int>> cases = {
      {Write("text", "hello\n"), 65},
      {Write("empty", ""), 65},
      {Write("json", "{\"traceEvents\":[]}"), 65},
      {Write("cut", good.substr(0, good.size() / 2)), 65},
      {folder_.File("missing"), 2},
  };
  for (const auto& [file, exit_code] : cases) {
    const Outcome outcome = belfry_.Run({"report", file, "-o", page_});
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome;
    EXPECT_THAT(outcome.err, HasSubstr(file));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
    EXPECT_FALSE(std::filesystem::exists(page_));
  }
}

TEST_F(ReportTest, WhereItCannotBeWrittenNothingIsLeft) {
  const std::string file = Write("run.trace", FileOf(SeedTrace()));
  const std::string folder = folder_.File("folder");
  std::filesystem::create_directory(folder);
  for (const std::string& output :
       {folder, folder_.File("no/such/page.html")}) {
    const Outcome outcome = belfry_.Run({"report", file, "-o", output});
    EXPECT_EQ(outcome.exit_code, 2) << outcome;
    EXPECT_FALSE(std::filesystem::exists(output + ".part"));
  }
}

}  // namespace
}  // namespace belfry::e2e
