#include "lab/conform.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "kernel/cpuhp.h"
#include "kernel/profile.h"
#include "lab/hotplug_bench.h"
#include "trace/ftrace_reader.h"

namespace belfry::lab {
namespace {

using ::belfry::kernel::CpuhpStep;
using ::belfry::kernel::CpuhpTable;
using ::belfry::kernel::CpuId;
using ::belfry::kernel::Section;
using ::belfry::kernel::StepAction;

std::string ReadRecording(const std::string& name) {
  std::ifstream in(
      absl::StrCat(BELFRY_SOURCE_DIR, "/tests/testdata/linux-6.12/", name));
  EXPECT_TRUE(in.good()) << name;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

absl::StatusOr<v1::ConformReport> Recording(const std::string& text,
                                            const ConformOptions& options) {
  std::istringstream in(text);
  return ConformToRecording(in, "x.ftrace", options);
}

absl::StatusOr<v1::ConformReport> Table(const std::string& text,
                                        const ConformOptions& options) {
  std::istringstream in(text);
  return ConformToFailTable(in, "x.tsv", options);
}

constexpr ConformOptions kOffline;
constexpr ConformOptions kOnline = {.online = true};

// ---- The real kernel's own.

struct RealFile {
  const char* file;
  ConformOptions options;
  std::uint64_t events;
};

class RealRecording : public ::testing::TestWithParam<RealFile> {};

TEST_P(RealRecording, IsWhatTheMachineDoes) {
  const auto report =
      Recording(ReadRecording(GetParam().file), GetParam().options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->conforms()) << report->DebugString();
  EXPECT_EQ(report->compared(), GetParam().events);
}

INSTANTIATE_TEST_SUITE_P(
    All, RealRecording,
    ::testing::Values(RealFile{"offline.ftrace", kOffline, 78},
                      RealFile{"online.ftrace", kOnline, 72},
                      RealFile{
                          "offline-fails-at-190.ftrace", {.fail = 190}, 32}));

TEST(ConformTest, EveryFailureOnTheWayDownIsAnsweredAsTheKernelDid) {
  const auto report = Table(ReadRecording("fail-injection-down.tsv"), kOffline);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->conforms()) << report->DebugString();
  EXPECT_EQ(report->compared(), 68);
}

TEST(ConformTest, APlantedDifferenceIsFound) {
  const std::string text = ReadRecording("offline.ftrace");
  const struct {
    const char* from;
    const char* to;
  } faults[] = {{"state: 199 step: 200 ret: 0", "state: 199 step: 200 ret: -5"},
                {"state:  87 step: 145", "state:  86 step: 145"},
                {"target: 145 step: 191", "target:   0 step: 191"},
                {"cpuhp_multi_enter", "cpuhp_enter"},
                {"target:   0 step:  53", "target:   0 step:  52"}};
  for (const auto& fault : faults) {
    const std::string changed =
        absl::StrReplaceAll(text, {{fault.from, fault.to}});
    ASSERT_NE(changed, text);
    const auto report = Recording(changed, kOffline);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_FALSE(report->conforms()) << fault.to;
    ASSERT_EQ(report->differences_size(), 1);
    EXPECT_TRUE(report->differences(0).has_line());
  }
}

TEST(ConformTest, WhatDiffersIsShownWithItsPlace) {
  const auto report = Recording(ReadRecording("offline.ftrace"), {.fail = 150});
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->differences_size(), 1);
  const auto& difference = report->differences(0);
  EXPECT_EQ(difference.number(), 22);
  EXPECT_EQ(difference.line(), 101);
  EXPECT_EQ(difference.before(),
            "cpuhp_exit: cpu: 0003 state: 154 step: 155 ret: 0");
  EXPECT_EQ(difference.recorded(),
            "cpuhp_enter: cpu: 0003 target: 145 step: 150");
  // Not 155: a step that only starts up is begun again as well.
  EXPECT_EQ(difference.emulated(),
            "cpuhp_enter: cpu: 0003 target: 236 step: 151");
}

TEST(ConformTest, ARecordingThatGoesOnOrEndsEarlyDiffers) {
  const std::string text = ReadRecording("online.ftrace");
  const std::size_t last = text.rfind("cpuhp_exit");
  const std::size_t begin = text.rfind('\n', last) + 1;
  const std::string line =
      text.substr(begin, text.find('\n', last) - begin + 1);
  const auto early =
      Recording(absl::StrReplaceAll(text, {{line, ""}}), kOnline);
  ASSERT_TRUE(early.ok());
  ASSERT_EQ(early->differences_size(), 1);
  EXPECT_FALSE(early->differences(0).has_line());
  EXPECT_EQ(early->differences(0).recorded(), "");
  const auto late = Recording(absl::StrCat(text, line), kOnline);
  ASSERT_TRUE(late.ok());
  ASSERT_EQ(late->differences_size(), 1);
  EXPECT_EQ(late->differences(0).number(), 73);
  EXPECT_EQ(late->differences(0).emulated(), "");
}

// ---- Files that are no such recording.

struct BadFile {
  std::string text;
  const char* message;
};

class BadRecording : public ::testing::TestWithParam<BadFile> {};

TEST_P(BadRecording, IsRefused) {
  const auto report = Recording(GetParam().text, kOffline);
  EXPECT_EQ(report.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(report.status().message(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadRecording,
    ::testing::Values(
        BadFile{"", "x.ftrace: not an ftrace recording: it has no event"},
        BadFile{"{\"traceEvents\":[]}\n",
                "x.ftrace: not an ftrace recording: it has no event"},
        BadFile{" a-1 [000] ..... 1.0: kick:\n",
                "x.ftrace: no cpuhp event of cpu 3"},
        BadFile{" a-1 [000] ..... 1.0: cpuhp_exit: cpu: 0005 state: 1 step: 1 "
                "ret: 0\n",
                "x.ftrace: no cpuhp event of cpu 3, only of 5"},
        BadFile{" a-1 [000] ..... 1.0: cpuhp_exit: cpu: 0003 step: 1\n",
                "x.ftrace: line 1: cpuhp_exit has other fields than Linux 6.12 "
                "prints"},
        BadFile{" a-1 [000] ..... 1.0: kick:\n a-1 [000] ..... 1.0: cpuhp_ex",
                "x.ftrace: line 2 is cut off"},
        BadFile{"# entries-in-buffer/entries-written: 1/2   #P:4\n"
                " a-1 [000] ..... 1.0: kick:\n",
                "x.ftrace: events are missing: record again with a larger "
                "buffer"},
        BadFile{"CPU:0 [LOST 2 EVENTS]\n a-1 [000] ..... 1.0: kick:\n",
                "x.ftrace: events are missing: record again with a larger "
                "buffer"}));

class BadTable : public ::testing::TestWithParam<BadFile> {};

TEST_P(BadTable, IsRefused) {
  const auto report = Table(GetParam().text, kOffline);
  EXPECT_EQ(report.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(report.status().message(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadTable,
    ::testing::Values(
        BadFile{"", "x.tsv: no row of a table of injected failures"},
        BadFile{"fail_state\tresult\n",
                "x.tsv: no row of a table of injected failures"},
        BadFile{"1\tok\t0-3\t236\nonline\tok\n",
                "x.tsv: line 2: 'online' is no step's number"},
        BadFile{"1\tmaybe\n",
                "x.tsv: line 1: 'maybe' is none of: ok, EINVAL on setting, an "
                "errno's name"},
        BadFile{"1\tok\t0-3\ton\n", "x.tsv: line 1: 'on' is no state's number"},
        BadFile{"1\tok\t0-4000\t236\n", "x.tsv: line 1: more than 1024 CPUs"},
        BadFile{"1\tok\t0-3\t236\t9\n",
                "x.tsv: line 1: more than four columns"}));

TEST(ConformTest, AStepThatCannotFailIsNoExperiment) {
  const std::string text = ReadRecording("offline.ftrace");
  EXPECT_EQ(Recording(text, {.fail = 86}).status().message(),
            "step 86 cannot be made to fail on the way down (EINVAL)");
  EXPECT_EQ(Recording(text, {.online = true, .fail = 139}).status().message(),
            "step 139 cannot be made to fail on the way up (EINVAL)");
}

TEST(ConformTest, RowsThatDifferAreAllNamed) {
  const auto report = Table(
      "step\tanswer\n190\tok\t0-2\t0\n191\tEAGAIN\t0-3\t236\n\n"
      "12\tEAGAIN\t\t\n",
      kOffline);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->compared(), 3);
  ASSERT_EQ(report->differences_size(), 2);
  EXPECT_EQ(report->differences(0).line(), 2);
  EXPECT_EQ(report->differences(0).recorded(),
            "step 190: ok, online 0-2, state 0");
  EXPECT_EQ(report->differences(0).emulated(),
            "step 190: EAGAIN, online 0-3, state 236");
  EXPECT_EQ(report->differences(1).emulated(), "step 12: EINVAL on setting");
}

// ---- The walk itself, by the algorithm of kernel/cpu.c.

class WalkTest : public ::testing::Test {
 protected:
  static constexpr CpuId kCpu{3};

  HotplugBench machine_{kernel::PresetByName("linux-6.12").value(),
                        kernel::CpuMask::FirstN(4)};
  const CpuhpTable table_{kernel::Steps::kCpuhp612};

  // One line an event: "> 145:235" or "* 0:22" (target:step) for an enter,
  // "< 234:235" (state:step) for an exit, with what it returned if it failed.
  std::vector<std::string> Events() const {
    std::vector<std::string> lines;
    for (const trace::CpuhpEvent& e : machine_.events()) {
      using Kind = trace::CpuhpEvent::Kind;
      const bool exit = e.kind == Kind::kExit;
      lines.push_back(absl::StrCat(exit                     ? "< "
                                   : e.kind == Kind::kEnter ? "> "
                                                            : "* ",
                                   exit ? e.state : e.target, ":", e.step,
                                   e.ret == 0 ? "" : absl::StrCat(" ", e.ret)));
    }
    return lines;
  }

  void TakeDown() {
    ASSERT_EQ(machine_.Change(kCpu, false), kernel::Errno::kOk);
  }
};

using Lines = std::vector<std::string>;

// cpuhp_up_callbacks(): PREPARE steps are undone on the control side, by every
// teardown below the one that failed, whatever had started.
TEST_F(WalkTest, UpFailsInPrepare) {
  TakeDown();
  ASSERT_EQ(machine_.SetFail(kCpu, 37), kernel::Errno::kOk);
  EXPECT_EQ(machine_.Change(kCpu, true), kernel::Errno::kEagain);
  EXPECT_EQ(
      Events(),
      (Lines{"> 236:1", "< 1:1",   "> 236:2", "< 2:2",   "> 236:31", "< 31:31",
             "> 0:32",  "< 31:32", "> 0:31",  "< 30:31", "> 0:30",   "< 29:30",
             "> 0:29",  "< 28:29", "> 0:28",  "< 27:28", "> 0:27",   "< 26:27",
             "> 0:26",  "< 25:26", "> 0:23",  "< 22:23", "* 0:22",   "< 21:22",
             "* 0:22",  "< 21:22", "> 0:21",  "< 20:21", "> 0:20",   "< 19:20",
             "> 0:15",  "< 14:15", "> 0:14",  "< 13:14", "> 0:13",   "< 12:13",
             "> 0:11",  "< 10:11", "> 0:8",   "< 7:8",   "> 0:2",    "< 1:2"}));
  EXPECT_EQ(machine_.StateOf(kCpu), 0);
}

// The CPU's thread walks back to where it had begun (AP_ONLINE_IDLE), bring-up
// fails with it, and the control side takes the CPU down from there.
TEST_F(WalkTest, UpFailsOnTheCpuItself) {
  TakeDown();
  ASSERT_EQ(machine_.SetFail(kCpu, 187), kernel::Errno::kOk);
  EXPECT_EQ(machine_.Change(kCpu, true), kernel::Errno::kEagain);
  const Lines all = Events();
  const auto bringup = std::find(all.begin(), all.end(), "> 236:86");
  ASSERT_NE(bringup, all.end());
  const Lines rest(bringup, bringup + 21);
  EXPECT_EQ(rest, (Lines{"> 236:86",  "> 236:150",    "< 150:150", "> 236:151",
                         "< 151:151", "> 236:155",    "< 155:155", "> 236:186",
                         "< 186:186", "> 146:186",    "< 185:186", "> 146:155",
                         "< 154:155", "> 146:150",    "< 149:150", "> 146:149",
                         "< 148:149", "< 146:86 -11", "> 0:145",   "< 87:145",
                         "> 0:86"}));
  EXPECT_EQ(all.back(), "< 1:2");
  EXPECT_EQ(machine_.StateOf(kCpu), 0);
  EXPECT_FALSE(machine_.online().Has(kCpu));
}

// The very first of its steps: nothing of its own to undo but what only tears
// down.
TEST_F(WalkTest, UpFailsAtTheFirstStepOfTheCpu) {
  TakeDown();
  ASSERT_EQ(machine_.SetFail(kCpu, 150), kernel::Errno::kOk);
  EXPECT_EQ(machine_.Change(kCpu, true), kernel::Errno::kEagain);
  const Lines all = Events();
  const auto bringup = std::find(all.begin(), all.end(), "> 236:86");
  const Lines rest(bringup, bringup + 5);
  EXPECT_EQ(rest, (Lines{"> 236:86", "> 146:149", "< 148:149", "< 146:86 -11",
                         "> 0:145"}));
}

TEST_F(WalkTest, UpFailsAtBringup) {
  TakeDown();
  ASSERT_EQ(machine_.SetFail(kCpu, 86), kernel::Errno::kOk);
  EXPECT_EQ(machine_.Change(kCpu, true), kernel::Errno::kEagain);
  const Lines all = Events();
  const auto kick = std::find(all.begin(), all.end(), "> 236:85");
  ASSERT_NE(kick, all.end());
  EXPECT_EQ(Lines(kick, kick + 4),
            (Lines{"> 236:85", "< 85:85", "> 0:65", "< 64:65"}));
  EXPECT_EQ(std::count(all.begin(), all.end(), "> 236:86"), 0);
  // The failure was for once.
  EXPECT_EQ(machine_.Change(kCpu, true), kernel::Errno::kOk);
}

// _cpu_down(): the control side's teardown failed, so the thread that had come
// down to it goes up again, outside of any wrapper.
TEST_F(WalkTest, DownFailsAtTeardown) {
  ASSERT_EQ(machine_.SetFail(kCpu, 145), kernel::Errno::kOk);
  EXPECT_EQ(machine_.Change(kCpu, false), kernel::Errno::kEagain);
  const Lines all = Events();
  const auto kicked = std::find(all.begin(), all.end(), "< 145:236");
  ASSERT_NE(kicked, all.end());
  EXPECT_EQ(*(kicked + 1), "> 236:150");
  EXPECT_EQ(all.back(), "< 235:235");
  EXPECT_EQ(machine_.StateOf(kCpu), 236);
}

// Nothing was torn down: only the kick shows.
TEST_F(WalkTest, DownFailsAtTheFirstStep) {
  ASSERT_EQ(machine_.SetFail(kCpu, 235), kernel::Errno::kOk);
  EXPECT_EQ(machine_.Change(kCpu, false), kernel::Errno::kEagain);
  EXPECT_EQ(Events(), (Lines{"> 145:236", "< 236:236 -11"}));
}

// A multi-instance step without an instance shows nothing, and fails all the
// same, before any instance.
TEST_F(WalkTest, MultiInstanceSteps) {
  ASSERT_EQ(machine_.SetFail(kCpu, 152), kernel::Errno::kOk);
  EXPECT_EQ(machine_.Change(kCpu, false), kernel::Errno::kEagain);
  const Lines all = Events();
  EXPECT_EQ(std::count(all.begin(), all.end(), "> 236:155"), 1);
  TakeDown();
  ASSERT_EQ(machine_.SetFail(kCpu, 56), kernel::Errno::kOk);
  EXPECT_EQ(machine_.Change(kCpu, true), kernel::Errno::kEagain);
  const Lines prepare = Events();
  EXPECT_EQ(std::count(prepare.begin(), prepare.end(), "* 236:56"), 0);
  EXPECT_EQ(std::count(prepare.begin(), prepare.end(), "* 0:22"), 2);
  EXPECT_EQ(machine_.Change(kCpu, true), kernel::Errno::kOk);
  const Lines up = Events();
  EXPECT_EQ(std::count(up.begin(), up.end(), "* 236:56"), 3);
  EXPECT_EQ(std::count(up.begin(), up.end(), "< 56:56"), 3);
}

// What the algorithm gives for the way up, for any step there is: what has a
// startup fails and ends offline, what only tears down is never met, and what
// has neither, or is atomic, cannot be set.
TEST_F(WalkTest, EveryFailureOnTheWayUp) {
  std::string table = "step\tanswer\tonline\tstate\n";
  for (kernel::CpuhpState step = 0; step <= 237; ++step) {
    const CpuhpStep* row = table_.Find(step);
    const bool atomic = row != nullptr && row->section == Section::kStarting;
    const bool any = row != nullptr && (row->startup != StepAction::kNone ||
                                        row->teardown != StepAction::kNone);
    const bool starts = row != nullptr && row->startup != StepAction::kNone;
    absl::StrAppend(&table, step, "\t",
                    !any || atomic ? "EINVAL on setting\t0-2\t0"
                    : starts       ? "EAGAIN\t0-2\t0"
                                   : "ok\t0-3\t236",
                    "\n");
  }
  const auto report = Table(table, kOnline);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->conforms()) << report->DebugString();
}

}  // namespace
}  // namespace belfry::lab
