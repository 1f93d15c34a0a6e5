#include "trace/html_report.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "tests/trace/seed_machine.h"
#include "trace/explain.h"
#include "trace/traced_machine.h"

namespace belfry::trace {
namespace {

using ::belfry::testing::SeedTrace;
using ::belfry::testing::TraceWriter;
using ::testing::HasSubstr;
using ::testing::Not;

std::string ReportOf(const TraceWriter& trace, const std::string& title = "x") {
  v1::TraceReport report;
  report.mutable_events()->Assign(trace.events().begin(), trace.events().end());
  return HtmlReport(report, Explain(ViewOfTrace(report)), title);
}

// What the page's script will parse.
std::string DataOf(const std::string& page) {
  const std::string begin = "type=\"application/json\">";
  const std::size_t at = page.find(begin) + begin.size();
  return page.substr(at, page.find("</script>", at) - at);
}

google::protobuf::Struct Parsed(const std::string& page) {
  google::protobuf::Struct data;
  const auto status =
      google::protobuf::util::JsonStringToMessage(DataOf(page), &data);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return data;
}

int SizeOf(const google::protobuf::Struct& data, const std::string& name) {
  return data.fields().at(name).list_value().values_size();
}

TEST(HtmlReportTest, HoldsTheSeed) {
  const google::protobuf::Struct data = Parsed(ReportOf(SeedTrace(), "seed"));
  EXPECT_EQ(data.fields().at("title").string_value(), "seed");
  EXPECT_EQ(SizeOf(data, "cpus"), 4);
  EXPECT_EQ(SizeOf(data, "violations"), 3);
  EXPECT_EQ(SizeOf(data, "headlines"), 3);
  EXPECT_EQ(SizeOf(data, "waiters"), 1);
  const auto& events = data.fields().at("events").struct_value();
  for (const auto& [name, column] : events.fields()) {
    EXPECT_EQ(column.list_value().values_size(),
              static_cast<int>(SeedTrace().events().size()))
        << name;
  }
}

// A function's name is whatever somebody registered.
TEST(HtmlReportTest, NamesStayText) {
  const std::string name = "</script><script>alert(1)</script><!--\"\\\x01&";
  TraceWriter trace;
  trace.Call(0, 2, 1, name, 1);
  const std::string page = ReportOf(trace, name);
  EXPECT_THAT(page, Not(HasSubstr("alert(1)</script>")));
  EXPECT_THAT(page, Not(HasSubstr("<!--\"")));
  EXPECT_EQ(Parsed(page).fields().at("title").string_value(), name);
}

TEST(HtmlReportTest, NeedsNoNetwork) {
  const std::string page = ReportOf(SeedTrace());
  for (const char* word : {" src=", "@import", "fetch(", "XMLHttpRequest"}) {
    EXPECT_THAT(page, Not(HasSubstr(word)));
  }
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST(HtmlReportTest, OfNothing) {
  const google::protobuf::Struct data = Parsed(ReportOf(TraceWriter()));
  EXPECT_EQ(SizeOf(data, "cpus"), 0);
  EXPECT_EQ(data.fields().at("message").string_value(), "nothing is stuck");
}

}  // namespace
}  // namespace belfry::trace
