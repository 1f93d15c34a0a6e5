#include "client/top_view.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/table.h"

namespace belfry::client {
namespace {

using ::testing::ContainsRegex;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

v1::LiveState Parse(const std::string& text) {
  v1::LiveState state;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &state));
  return state;
}

// `issued` at `second`, of two CPUs: one online, one crashed.
v1::LiveState StateAt(int second, int issued) {
  return Parse(absl::StrCat(
      R"(cluster {
           profile { name: "belfry" } possible: "0-1"
           view { number: 7 online: "0" }
           start_time { seconds: 1000 }
           cpus {
             cpu: 0 state: CPU_STATE_ONLINE online: true
             report_time { seconds: )",
      second, R"( }
             report { depth: 3 latched: true head_time { seconds: 1098 }
                      ledger { issued: )",
      issued, R"( completed: 5 refused: 2 lost: 1 outstanding: 4 } }
           }
           cpus { cpu: 1 state: CPU_STATE_CRASHED }
         }
         time { seconds: )",
      second, R"( }
         events { time { seconds: 1050 } level: "info" text: "the oldest" }
         events { time { seconds: 1060 } level: "error" text: "the newest" }
         findings: "cpu/1: crashed: its process is gone")"));
}

std::string Screen(const TopView& view, TopView::Size size = {80, 24}) {
  return absl::StrJoin(view.Lines(size, /*color=*/false), "\n");
}

TEST(TopViewTest, ShowsTheMachine) {
  TopView view("127.0.0.1:7070");
  view.Update(StateAt(1100, 10));
  const std::string screen = Screen(view);
  EXPECT_THAT(screen, HasSubstr("127.0.0.1:7070"));
  EXPECT_THAT(screen, HasSubstr("online 0 of 0-1"));
  EXPECT_THAT(screen,
              ContainsRegex("> cpu/0 +online +3 +2.0 s +latched +0 +4"));
  EXPECT_THAT(screen, ContainsRegex("  cpu/1 +crashed"));
  EXPECT_THAT(screen, HasSubstr("! cpu/1: crashed"));
  EXPECT_THAT(screen, HasSubstr("hotplug  idle"));
  EXPECT_THAT(screen, HasSubstr("the newest"));
  EXPECT_THAT(screen, HasSubstr("q quit"));
}

TEST(TopViewTest, RatesAreBetweenTwoReports) {
  TopView view("x");
  view.Update(StateAt(1100, 10));
  EXPECT_THAT(Screen(view), HasSubstr("calls  0/s"));
  view.Update(StateAt(1102, 1010));
  EXPECT_THAT(Screen(view), HasSubstr("calls  500/s"));
  // The same report again: the rate stands.
  view.Update(StateAt(1102, 1010));
  EXPECT_THAT(Screen(view), HasSubstr("calls  500/s"));
  // A new process counts from 0.
  view.Update(StateAt(1103, 3));
  EXPECT_THAT(Screen(view), HasSubstr("calls  0/s"));
}

TEST(TopViewTest, FitsAnyScreen) {
  v1::LiveState state = StateAt(1100, 10);
  for (int i = 2; i < 300; ++i) {
    v1::CpuInfo& cpu = *state.mutable_cluster()->add_cpus();
    cpu.set_cpu(static_cast<std::uint32_t>(i));
    cpu.set_state(v1::CPU_STATE_ONLINE);
    state.add_findings(
        absl::StrCat("cpu/", i, ": a long finding, ", std::string(200, 'x')));
  }
  TopView view("x");
  view.Update(state);
  view.MoveSelection(200);
  for (const TopView::Size size :
       {TopView::Size{80, 24}, {20, 5}, {300, 100}, {1, 1}, {40, 2}}) {
    SCOPED_TRACE(absl::StrCat(size.width, " x ", size.height));
    const std::vector<std::string> lines = view.Lines(size, /*color=*/false);
    EXPECT_THAT(lines, SizeIs(static_cast<std::size_t>(size.height)));
    for (const std::string& line : lines) {
      EXPECT_LE(DisplayWidth(line), static_cast<std::size_t>(size.width));
      EXPECT_THAT(line, Not(HasSubstr("\n")));
    }
  }
  EXPECT_THAT(Screen(view), HasSubstr("> cpu/200"));
  EXPECT_EQ(view.selected()->cpu(), 200);
}

TEST(TopViewTest, TheSelectionStaysWithinTheCpus) {
  TopView view("x");
  EXPECT_EQ(view.selected(), nullptr);
  view.MoveSelection(1);
  view.Update(StateAt(1100, 10));
  EXPECT_EQ(view.selected()->cpu(), 0);
  view.MoveSelection(5);
  EXPECT_EQ(view.selected()->cpu(), 1);
  view.MoveSelection(-9);
  EXPECT_EQ(view.selected()->cpu(), 0);
}

TEST(TopViewTest, SaysWhatTheBarrierWaitsFor) {
  TopView view("x");
  v1::LiveState state = StateAt(1100, 10);
  v1::Cluster& cluster = *state.mutable_cluster();
  cluster.mutable_current()->set_kind(v1::Operation::KIND_OFFLINE);
  cluster.mutable_current()->set_cpus("3");
  cluster.mutable_current()->set_leg("takedown");
  cluster.mutable_current()->mutable_create_time()->set_seconds(1099);
  cluster.mutable_stop()->set_generation(9);
  cluster.mutable_stop()->set_state("DISABLE_IRQ");
  cluster.mutable_stop()->set_missing("1-2");
  view.Update(state);
  EXPECT_THAT(Screen(view, {120, 24}),
              HasSubstr("offline cpu 3, takedown, 1.0 s   "
                        "stop_machine 9 DISABLE_IRQ, missing 1-2"));
}

TEST(TopViewTest, AProblemDoesNotHideWhatWasKnown) {
  TopView view("x");
  view.Update(StateAt(1100, 10));
  view.set_problem("nothing answers");
  EXPECT_THAT(Screen(view), HasSubstr("! nothing answers"));
  EXPECT_THAT(Screen(view), HasSubstr("cpu/0"));
  view.Update(StateAt(1101, 10));
  EXPECT_THAT(Screen(view), Not(HasSubstr("nothing answers")));
}

TEST(TopViewTest, ColourTakesNoWidth) {
  TopView view("x");
  view.Update(StateAt(1100, 10));
  const std::string plain = Screen(view);
  std::string painted =
      absl::StrJoin(view.Lines({80, 24}, /*color=*/true), "\n");
  for (std::size_t at; (at = painted.find('\033')) != std::string::npos;) {
    painted.erase(at, painted.find('m', at) - at + 1);
  }
  EXPECT_EQ(painted, plain);
}

}  // namespace
}  // namespace belfry::client
