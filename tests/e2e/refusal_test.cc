// Bad input: one clear line, the right exit code, and nothing changed.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/e2e/support/cluster.h"

namespace belfry::e2e {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// gRPC's codes, from 64.
constexpr int kUsage = 2;
constexpr int kInvalid = 67;        // EINVAL
constexpr int kPrecondition = 73;   // EBUSY
constexpr int kUnimplemented = 76;  // ENOSYS
constexpr int kTimeout = 124;

// An error is one line that starts with the program's name.
void ExpectOneLine(const Outcome& outcome, const std::string& about) {
  EXPECT_THAT(outcome.err, HasSubstr(about));
  const std::vector<std::string> lines =
      absl::StrSplit(outcome.err, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 1u) << outcome;
  EXPECT_TRUE(absl::StartsWith(lines[0], "belfry: ")) << outcome;
}

void ExpectRefused(const Belfry& belfry, const Arguments& arguments,
                   int exit_code, const std::string& about) {
  const Outcome outcome = belfry.Run(arguments);
  SCOPED_TRACE(::testing::PrintToString(arguments));
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome;
  ExpectOneLine(outcome, about);
  EXPECT_EQ(outcome.out, "");
}

TEST(CommandLineTest, MistakesEndWithTwoAndSayWhatIsMeant) {
  const Belfry belfry;
  ExpectRefused(belfry, {"statsu"}, kUsage, "did you mean status");
  ExpectRefused(belfry, {"cpu", "offlin", "3"}, kUsage, "did you mean offline");
  ExpectRefused(belfry, {"up", "--cpu", "4"}, kUsage, "--cpus");
  ExpectRefused(belfry, {"status", "-o", "xml"}, kUsage, "xml");
  ExpectRefused(belfry, {"status", "--timeout", "soon"}, kUsage, "soon");
  ExpectRefused(belfry, {"up", "--cpus", "0"}, kUsage, "from 1 to 8192");
  ExpectRefused(belfry, {"up", "--cpus", "100000"}, kUsage, "100000");
  ExpectRefused(belfry, {"up", "--cpus", "many"}, kUsage, "many");
  ExpectRefused(belfry, {"cpu", "show", "three"}, kUsage, "three");
  ExpectRefused(belfry, {"cpu", "offline"}, kUsage, "LIST");
  ExpectRefused(belfry, {"call", "1"}, kUsage, "FUNC");
  ExpectRefused(belfry, {"completion", "tcsh"}, kUsage, "tcsh");
  EXPECT_EQ(belfry.Run({}).exit_code, kUsage);
}

TEST(CommandLineTest, WhatIsNoNumberIsToldWhatWouldBeRight) {
  const Belfry belfry;
  for (const char* number : {"x", "-1", "0"}) {
    for (const Arguments& arguments : std::vector<Arguments>{
             {"up", "--cpus", number},
             {"up", "--queue-capacity", number},
             {"cpu", "cycle", "1", "--count", number},
             {"call", "1", "nop", "--count", number},
             {"load", "start", "--count", number},
             {"scenario", "run", "lost-ipi", "--count", number},
             {"logs", "--lines", number}}) {
      ExpectRefused(belfry, arguments, kUsage,
                    absl::StrCat("'", number, "' is no whole number from 1"));
    }
  }
  for (const char* verb : {"wait", "cancel"}) {
    ExpectRefused(belfry, {"ops", verb, "x"}, kUsage, "no whole number from 1");
  }
  for (const char* rate : {"x", "0", "-5", "nan", "inf"}) {
    ExpectRefused(belfry, {"load", "start", "--rate", rate}, kUsage,
                  absl::StrCat("'", rate, "' is no number above 0"));
  }
}

TEST(CommandLineTest, AnAnswerThatCannotBeWrittenIsAnError) {
  const std::string belfry = BinaryPath("belfry");
  for (const char* verb : {"version", "--help", "scenario list -o json"}) {
    for (const char* where : {">/dev/full", ">&-"}) {
      SCOPED_TRACE(absl::StrCat(verb, " ", where));
      const Outcome outcome = RunProgram(
          {"/bin/sh", "-c", absl::StrCat(belfry, " ", verb, " ", where)});
      EXPECT_EQ(outcome.exit_code, 1) << outcome;
      ExpectOneLine(outcome, "standard output");
    }
  }
}

TEST(CommandLineTest, UnknownProfilesAndKnobsAreNamed) {
  const Belfry belfry;
  ExpectRefused(belfry, {"up", "--profile", "linux-9"}, kUsage, "linux-9");
  ExpectRefused(belfry, {"up", "--set", "bell=loud"}, kUsage, "bell");
  ExpectRefused(belfry, {"up", "--set", "ring_rule=never"}, kUsage, "never");
  ExpectRefused(belfry, {"up", "--set", "ring_rule"}, kUsage, "ring_rule");
  ExpectRefused(belfry, {"profile", "show", "linux-9"}, kUsage, "linux-9");
  ExpectRefused(belfry, {"profile", "diff", "belfry", "x"}, kUsage, "x");
  ExpectRefused(belfry, {"scenario", "run", "lost-ipi", "--profile", "linux-9"},
                kUsage, "linux-9");
  EXPECT_EQ(belfry.Ask<v1::ClusterStatus>({"status"}, 1).state(), "down");
}

// So it can tell a flag's value from an argument.
TEST(CommandLineTest, TheCompletionKnowsWhichFlagsTakeAValue) {
  const Belfry belfry;
  const std::string script = belfry.Run({"completion", "bash"}).out;
  const std::size_t start = script.find("_belfry_valued=\"");
  ASSERT_NE(start, std::string::npos) << script;
  const std::string line =
      script.substr(start, script.find('\n', start) - start);
  for (const char* flag : {"--from", "--state-dir", "-o", "--count", "--set"}) {
    EXPECT_THAT(line, HasSubstr(flag));
  }
  for (const char* flag : {"--nowait", "--detach", "--help", " -h "}) {
    EXPECT_THAT(line, Not(HasSubstr(flag)));
  }
}

TEST(CommandLineTest, TheServersRefuseBadFlagsWithTwo) {
  const Belfry belfry;
  const std::vector<std::pair<std::string, Arguments>> bad = {
      {"belfry-coordinator", {}},
      {"belfry-coordinator", {"--state-dir", "/no/such/folder"}},
      {"belfry-coordinator",
       {"--state-dir", belfry.state_dir(), "--cpus", "0"}},
      {"belfry-coordinator",
       {"--state-dir", belfry.state_dir(), "--profile", "linux-9"}},
      {"belfry-coordinator",
       {"--state-dir", belfry.state_dir(), "--set", "bell=loud"}},
      {"belfry-coordinator",
       {"--state-dir", belfry.state_dir(), "--queue-capacity", "0"}},
      {"belfry-coordinator",
       {"--state-dir", belfry.state_dir(), "--csd-lock-timeout", "x"}},
      {"belfry-coordinator",
       {"--state-dir", belfry.state_dir(), "--store", "etcd:127.0.0.1:1"}},
      {"belfry-coordinator", {"--store", "127.0.0.1:1"}},
      {"belfry-coordinator",
       {"--store", "etcd:127.0.0.1:1", "--leader-lease", "1500ms"}},
      {"belfry-coordinator", {"--no-such-flag"}},
      {"belfry-node", {}},
      {"belfry-node", {"--coordinator", "127.0.0.1:1", "--cpu", "one"}},
      {"belfry-node", {"--coordinator", "127.0.0.1:1,nowhere"}},
      {"belfry-node", {"--no-such-flag"}},
  };
  for (const auto& [program, arguments] : bad) {
    SCOPED_TRACE(program + " " + ::testing::PrintToString(arguments));
    const Outcome outcome = belfry.StartServer(program, arguments)->Wait();
    EXPECT_EQ(outcome.exit_code, kUsage) << outcome;
    EXPECT_NE(outcome.err, "");
  }
}

TEST(CpuTest, WhatIsNoCpuIsRefused) {
  const Cluster cluster({.cpus = 3});
  const v1::View before = cluster.State().view();
  for (const char* verb : {"offline", "online"}) {
    ExpectRefused(cluster, {"cpu", verb, "9"}, kUsage, "cpu 9");
    // Before anything is done to the others.
    ExpectRefused(cluster, {"cpu", verb, "2,9"}, kUsage, "cpu 9");
    for (const char* list : {"1-", "a", "2-1", "1,,2", "-1", "1-2-3", ""}) {
      ExpectRefused(cluster, {"cpu", verb, list}, kUsage, list);
    }
  }
  const std::vector<std::pair<const char*, int>> bad_on = {{"9", kUsage},
                                                           {"1", kInvalid}};
  for (const auto& [on, exit_code] : bad_on) {
    ExpectRefused(cluster, {"cpu", "offline", "1", "--on", on}, exit_code, on);
    // Also where there is nothing to do.
    ExpectRefused(cluster, {"cpu", "online", "1", "--on", on}, exit_code, on);
  }
  ExpectRefused(cluster, {"cpu", "show", "9"}, kUsage, "9");
  ExpectRefused(cluster, {"cpu", "cycle", "9"}, kUsage, "9");
  ExpectRefused(cluster, {"cpu", "fail", "9", "calls:online"}, kUsage, "9");
  ExpectRefused(cluster, {"canary", "--cpu", "9", "--detach"}, kUsage, "9");
  ExpectRefused(cluster, {"call", "9", "nop"}, kUsage, "9");
  ExpectRefused(cluster, {"call", "1-x", "nop"}, kUsage, "1-x");
  ExpectRefused(cluster, {"call", "1", "nop", "--from", "9"}, kUsage, "9");
  ExpectRefused(cluster, {"kick", "9"}, kUsage, "9");
  ExpectRefused(cluster, {"load", "start", "--on", "9", "--rate", "1"}, kUsage,
                "9");
  ExpectRefused(cluster, {"load", "start", "--submitters", "9", "--rate", "1"},
                kUsage, "9");
  ExpectRefused(cluster, {"load", "start"}, kUsage, "--rate");
  ExpectRefused(cluster, {"stop-machine", "nop", "--on", "9"}, kUsage, "9");
  ExpectRefused(cluster, {"ops", "wait", "4711"}, 69, "4711 was ever started");
  ExpectRefused(cluster, {"ops", "cancel", "4711"}, 69, "4711");
  // The operations that brought CPUs 1 and 2 up.
  ExpectRefused(cluster, {"ops", "cancel", "1"}, 1,
                "operation 1 is done already: cpu/1 onlined");
  ExpectRefused(cluster, {"canary"}, 1, "--monitoring");
  const v1::View after = cluster.State().view();
  EXPECT_EQ(after.number(), before.number());
  EXPECT_EQ(after.online(), before.online());
}

TEST(CpuTest, TheLastOneCannotGo) {
  const Cluster cluster({.cpus = 2});
  cluster.Offline(0);
  ExpectRefused(cluster, {"cpu", "offline", "1"}, kPrecondition, "EBUSY");
  EXPECT_EQ(cluster.State().view().online(), "1");
  EXPECT_EQ(cluster.Cpu(1).state(), v1::CPU_STATE_ONLINE);
  cluster.Online(0);
  // Of a list, what can be done is done.
  const auto list =
      cluster.Ask<v1::OperationList>({"cpu", "offline", "0-1"}, kPrecondition);
  EXPECT_EQ(list.operations_size(), 1);
  EXPECT_EQ(cluster.State().view().online(), "1");
}

TEST(CpuTest, OnlineTwiceIsEinvalUnderLinux30) {
  const Cluster cluster({.cpus = 2, .profile = "linux-3.0"});
  ExpectRefused(cluster, {"cpu", "online", "1"}, kInvalid, "EINVAL");
  cluster.Offline(1);
  ExpectRefused(cluster, {"cpu", "offline", "1"}, kInvalid, "EINVAL");
}

TEST(CpuTest, OnlineTwiceSucceedsUnchangedUnderBelfry) {
  const Cluster cluster({.cpus = 2});
  const v1::View before = cluster.State().view();
  const v1::Operation online = cluster.Change("online", 1);
  EXPECT_TRUE(online.unchanged());
  EXPECT_EQ(cluster.State().view().number(), before.number());
  cluster.Offline(1);
  EXPECT_TRUE(cluster.Change("offline", 1).unchanged());
}

TEST(CallTest, ToAnOfflineCpuIsEnxio) {
  const Cluster cluster({.cpus = 3});
  cluster.Offline(2);
  for (const char* mode : {"--wait", "--nowait"}) {
    const auto report = cluster.Call({"1-2", "nop", mode, "--from", "0"}, 1);
    ASSERT_EQ(report.results_size(), 2);
    EXPECT_EQ(report.results(0).result(), "0");
    EXPECT_EQ(report.results(1).result(), "ENXIO");
    EXPECT_EQ(report.results(1).refused(), 1u);
    EXPECT_EQ(report.results(1).message(), "cpu 2 is not online");
  }
  EXPECT_EQ(cluster.Metrics("cpu/0").Value(
                "belfry_calls_refused_total",
                {{"src_cpu", "0"}, {"cpu", "2"}, {"errno", "ENXIO"}}),
            2);
  cluster.ExpectCleanAudit();
}

TEST(CallTest, AnUnknownFunctionIsEnosys) {
  const Cluster cluster({.cpus = 2});
  const auto report = cluster.Call({"1", "dance", "--from", "0"}, 1);
  ASSERT_EQ(report.results_size(), 1);
  EXPECT_EQ(report.results(0).result(), "ENOSYS");
  ExpectRefused(cluster, {"call", "1", "Dance!", "--from", "0"}, kUnimplemented,
                "Dance!");
  ExpectRefused(cluster, {"call", "0", "dance", "--from", "0"}, kUnimplemented,
                "dance");
  ExpectRefused(cluster, {"stop-machine", "dance"}, 1, "known are nop, echo");
  ExpectRefused(cluster, {"stop-machine", "Dance!"}, 1, "known are nop, echo");
  cluster.ExpectCleanAudit();
}

TEST(CallTest, AFunctionThatRefusesItsPayloadSaysWhatIsRight) {
  const Cluster cluster({.cpus = 2});
  const auto report = cluster.Call({"1", "spin", "--payload", "long"}, 1);
  EXPECT_EQ(report.results(0).result(), "EINVAL");
  EXPECT_THAT(report.results(0).message(), HasSubstr("microseconds"));
  ExpectRefused(cluster, {"stop-machine", "spin", "--payload", "long"}, 1,
                "microseconds");
}

TEST(CallTest, WhoDoesNotAnswerIsNamed) {
  const Cluster cluster({.cpus = 2});
  ASSERT_EQ(kill(cluster.Pid("cpu/1"), SIGSTOP), 0);
  for (const char* mode : {"--wait", "--nowait"}) {
    const auto report = cluster.Call(
        {"1", "nop", mode, "--from", "0", "--timeout", "1s"}, kTimeout);
    ASSERT_EQ(report.results_size(), 1) << mode;
    EXPECT_EQ(report.results(0).cpu(), 1u);
    EXPECT_EQ(report.results(0).unanswered(), 1u);
  }
  ASSERT_EQ(kill(cluster.Pid("cpu/1"), SIGCONT), 0);
  ASSERT_EQ(kill(cluster.Pid("cpu/0"), SIGSTOP), 0);
  ExpectRefused(cluster,
                {"call", "1", "nop", "--from", "0", "--timeout", "500ms"},
                kTimeout, "cpu/0, which was to call 1, did not answer in time");
  kill(cluster.Pid("cpu/0"), SIGCONT);
}

// A caller that got no time on its host is late with its report, and has one.
TEST(CallTest, ACallerThatWasStarvedStillNamesWhoDoesNotAnswer) {
  const Cluster cluster({.cpus = 2});
  ASSERT_EQ(kill(cluster.Pid("cpu/1"), SIGSTOP), 0);
  ASSERT_EQ(kill(cluster.Pid("cpu/0"), SIGSTOP), 0);
  const auto call = cluster.Start(
      {"call", "1", "nop", "--from", "0", "--timeout", "500ms", "-o", "json"});
  absl::SleepFor(absl::Milliseconds(1500));
  ASSERT_EQ(kill(cluster.Pid("cpu/0"), SIGCONT), 0);
  const Outcome outcome = call->Wait();
  kill(cluster.Pid("cpu/1"), SIGCONT);
  EXPECT_EQ(outcome.exit_code, kTimeout) << outcome;
  const auto report = FromJson<v1::CallReport>(outcome);
  ASSERT_EQ(report.results_size(), 1) << outcome;
  EXPECT_EQ(report.results(0).unanswered(), 1u);
}

TEST(CallTest, APayloadOverOneMebibyteIsEinval) {
  const Cluster cluster({.cpus = 2});
  const Outcome outcome =
      cluster.Run({"call", "1", "echo", "--payload-file", "-"},
                  std::string((1 << 20) + 1, 'x'));
  EXPECT_EQ(outcome.exit_code, kInvalid) << outcome;
  ExpectOneLine(outcome, "1 MiB");
  ExpectRefused(cluster, {"call", "1", "echo", "--payload-file", "/no/file"},
                kUsage, "/no/file");
  ExpectRefused(cluster, {"call", "1", "nop", "--count", "1000001"}, kInvalid,
                "1000001");
  cluster.ExpectAllCallsWork();
  EXPECT_EQ(cluster.ExpectCleanAudit().refused(), 0u);
}

TEST(CallTest, AFullQueueRefusesAsynchronousCallsAndKeepsWaitingOnesWaiting) {
  const Cluster cluster({.cpus = 3, .flags = {"--queue-capacity", "16"}});
  cluster.Call(
      {"2", "spin", "--payload", "4000000", "--nowait", "--from", "0"});
  ASSERT_TRUE(WaitFor([&] {
    const auto dump = cluster.Ask<v1::DumpReport>({"dump"});
    return dump.cpus(2).snapshot().has_running();
  }));
  const auto filled =
      cluster.Call({"2", "nop", "--nowait", "--count", "20", "--from", "1"}, 1);
  ASSERT_EQ(filled.results_size(), 1);
  EXPECT_EQ(filled.results(0).queued(), 16u) << filled.DebugString();
  EXPECT_EQ(filled.results(0).refused(), 4u);
  EXPECT_EQ(filled.results(0).result(), "ENOBUFS");
  const auto late = cluster.Call(
      {"2", "nop", "--from", "0", "--timeout", "500ms"}, /*exit_code=*/124);
  EXPECT_EQ(late.results(0).unanswered(), 1u) << late.DebugString();
  // A waiting caller that has the patience gets its turn.
  const auto patient =
      cluster.Call({"2", "nop", "--from", "0", "--timeout", "30s"});
  EXPECT_EQ(patient.results(0).result(), "0");
  EXPECT_EQ(cluster.Metrics("cpu/1").Value(
                "belfry_calls_refused_total",
                {{"src_cpu", "1"}, {"cpu", "2"}, {"errno", "ENOBUFS"}}),
            4);
  const auto audit = cluster.ExpectCleanAudit();
  EXPECT_GE(audit.refused(), 4u);
  EXPECT_EQ(audit.lost(), 0u);
}

// ---- Scenarios.

TEST(ScenarioRefusalTest, TheRunningClusterMustHaveTheProfileThatIsAskedFor) {
  const Cluster cluster({.profile = "linux-3.0", .flags = {"--gates"}});
  for (const Arguments& more : std::vector<Arguments>{
           {"--profile", "belfry"}, {"--set", "ring_rule=always"}}) {
    Arguments arguments = {"scenario", "run", "lost-ipi", "--attach"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ExpectRefused(cluster, arguments, kUsage,
                  "the running cluster has profile linux-3.0");
  }
}

TEST(ScenarioRefusalTest, WithoutItsProgramsNothingIsLeftBehind) {
  const TempDir installation;
  const TempDir temporary;
  const std::string belfry = installation.File("belfry");
  std::filesystem::copy_file(BinaryPath("belfry"), belfry);
  const Outcome outcome =
      Program({belfry, "scenario", "run", "lost-ipi"}, "",
              {"PATH=/nowhere", "TMPDIR=" + temporary.path()})
          .Wait();
  EXPECT_EQ(outcome.exit_code, 1) << outcome;
  ExpectOneLine(outcome, "belfry-coordinator");
  EXPECT_TRUE(std::filesystem::is_empty(temporary.path()));
}

// ---- Servers that must not start.

// A coordinator on its own, with what every test of it says in common.
std::unique_ptr<Program> StartCoordinator(const Belfry& belfry,
                                          const Arguments& more = {}) {
  Arguments arguments = {"--state-dir", belfry.state_dir(), "--address-file",
                         belfry.state_dir() + "/address"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return belfry.StartServer("belfry-coordinator", arguments);
}

bool AwaitReady(const Belfry& belfry) {
  return WaitFor(
      [&] { return std::filesystem::exists(belfry.state_dir() + "/address"); });
}

std::string AddressOf(const Belfry& belfry) {
  const std::string text = ReadFile(belfry.state_dir() + "/address");
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StartsWith(line, "address=")) return std::string(line.substr(8));
  }
  ADD_FAILURE() << text;
  return "";
}

void ExpectDoesNotStart(std::unique_ptr<Program> program,
                        const std::string& about) {
  const Outcome outcome = program->Wait();
  EXPECT_FALSE(outcome.timed_out) << "it started\n" << outcome;
  EXPECT_EQ(outcome.exit_code, 1) << outcome;
  EXPECT_THAT(outcome.err, HasSubstr(about));
}

TEST(ServerTest, ASecondCoordinatorOnOneStateDirectoryIsRefused) {
  const Belfry belfry;
  const auto first = StartCoordinator(belfry);
  ASSERT_TRUE(AwaitReady(belfry)) << first->err();
  ExpectDoesNotStart(StartCoordinator(belfry), belfry.state_dir());
  const auto cluster = belfry.Ask<v1::ClusterStatus>(
      {"status", "--coordinator", AddressOf(belfry)});
  EXPECT_EQ(cluster.cluster().epoch(), 1u);
  first->Signal(SIGTERM);
  EXPECT_EQ(first->Wait().exit_code, 0);
}

TEST(ServerTest, ANodeWithATakenOrImpossibleNumberIsRefused) {
  const Cluster cluster({.cpus = 2});
  const v1::Cluster before = cluster.State();
  const std::string coordinator = cluster.Address("coordinator");
  ExpectDoesNotStart(
      cluster.StartServer("belfry-node",
                          {"--coordinator", coordinator, "--cpu", "1"}),
      "cpu 1 is taken");
  ExpectDoesNotStart(
      cluster.StartServer("belfry-node",
                          {"--coordinator", coordinator, "--cpu", "2"}),
      "out of range");
  ExpectDoesNotStart(
      cluster.StartServer("belfry-node", {"--coordinator", coordinator}),
      "are taken");
  const v1::Cluster after = cluster.State();
  for (int cpu = 0; cpu < 2; ++cpu) {
    EXPECT_EQ(after.cpus(cpu).incarnation(), before.cpus(cpu).incarnation());
    EXPECT_EQ(after.cpus(cpu).state(), v1::CPU_STATE_ONLINE);
  }
  cluster.ExpectAllCallsWork();
}

// A port that somebody listens at.
class TakenPort {
 public:
  TakenPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  }
  ~TakenPort() { close(fd_); }

  const std::string& address() const { return address_; }

 private:
  int fd_;
  std::string address_;
};

TEST(ServerTest, APortInUseIsNamed) {
  const Belfry belfry;
  const TakenPort port;
  ExpectDoesNotStart(StartCoordinator(belfry, {"--listen", port.address()}),
                     port.address());
  ExpectDoesNotStart(
      StartCoordinator(belfry, {"--metrics-listen", port.address()}),
      port.address());
  for (const char* flag : {"--listen", "--metrics-listen"}) {
    ExpectDoesNotStart(
        belfry.StartServer("belfry-node", {"--coordinator", "127.0.0.1:1", flag,
                                           port.address()}),
        port.address());
  }
}

TEST(ServerTest, TwoServersDoNotShareAPort) {
  const Belfry belfry;
  const Belfry other;
  const auto first = StartCoordinator(belfry);
  ASSERT_TRUE(AwaitReady(belfry)) << first->err();
  ExpectDoesNotStart(StartCoordinator(other, {"--listen", AddressOf(belfry)}),
                     AddressOf(belfry));
}

TEST(ServerTest, AUnixSocketIsAnAddressToo) {
  const Belfry belfry;
  const std::string address = "unix:" + belfry.state_dir() + "/socket";
  const auto coordinator =
      StartCoordinator(belfry, {"--listen", address, "--cpus", "2"});
  ASSERT_TRUE(AwaitReady(belfry)) << coordinator->err();
  EXPECT_EQ(AddressOf(belfry), address);
  const std::string node = "unix:" + belfry.state_dir() + "/node";
  const auto cpu0 = belfry.StartServer(
      "belfry-node",
      {"--coordinator", address, "--cpu", "0", "--listen", node + "0"});
  const auto cpu1 = belfry.StartServer(
      "belfry-node",
      {"--coordinator", address, "--cpu", "1", "--listen", node + "1"});
  EXPECT_TRUE(WaitFor([&] {
    return belfry.Run({"cpu", "online", "0-1", "--coordinator", address})
               .exit_code == 0;
  }));
  const auto report = belfry.Ask<v1::CallReport>(
      {"call", "1", "nop", "--from", "0", "--coordinator", address});
  EXPECT_EQ(report.results(0).result(), "0");
}

// ---- Journals that are not ours.

class JournalTest : public testing::Test {
 protected:
  // One that a coordinator of two CPUs has left.
  void SetUp() override {
    const auto coordinator = StartCoordinator(belfry_, {"--cpus", "2"});
    ASSERT_TRUE(AwaitReady(belfry_)) << coordinator->err();
    coordinator->Signal(SIGTERM);
    ASSERT_EQ(coordinator->Wait().exit_code, 0) << coordinator->err();
    std::filesystem::remove(belfry_.state_dir() + "/address");
  }

  std::string path() const { return belfry_.state_dir() + "/journal.sqlite"; }

  void ExpectRefusedAndKept(const Arguments& arguments,
                            const std::string& about) const {
    const std::string before = ReadFile(path());
    ExpectDoesNotStart(StartCoordinator(belfry_, arguments), about);
    EXPECT_TRUE(ReadFile(path()) == before) << "the journal was changed";
  }

  Belfry belfry_;
};

TEST_F(JournalTest, ItsOwnIsTakenUp) {
  const auto coordinator = StartCoordinator(belfry_, {"--cpus", "2"});
  ASSERT_TRUE(AwaitReady(belfry_)) << coordinator->err();
  const auto status = belfry_.Ask<v1::ClusterStatus>(
      {"status", "--coordinator", AddressOf(belfry_)});
  EXPECT_EQ(status.cluster().epoch(), 2u);
}

TEST_F(JournalTest, OneThatIsNoDatabaseIsRefused) {
  WriteFile(path(), "This is not a journal, but somebody's only copy.\n");
  ExpectRefusedAndKept({"--cpus", "2"}, path());
}

TEST_F(JournalTest, ATruncatedOneIsRefused) {
  const std::string whole = ReadFile(path());
  ASSERT_GT(whole.size(), 5000u);
  WriteFile(path(), whole.substr(0, whole.size() - 3000));
  ExpectRefusedAndKept({"--cpus", "2"}, "corrupt");
}

TEST_F(JournalTest, AnEmptyOneIsRefused) {
  WriteFile(path(), "");
  ExpectRefusedAndKept({"--cpus", "2"}, "corrupt (empty)");
}

TEST_F(JournalTest, ADatabaseOfSomebodyElseIsRefused) {
  // A user version of 0, and tables.
  std::string other = ReadFile(path());
  other[63] = 0;
  WriteFile(path(), other);
  ExpectRefusedAndKept({"--cpus", "2"}, "version 0");
}

TEST_F(JournalTest, OneWithDamagedPagesIsRefused) {
  std::string damaged = ReadFile(path());
  for (std::size_t i = 4096; i < damaged.size(); ++i) damaged[i] ^= 0x5a;
  WriteFile(path(), damaged);
  ExpectRefusedAndKept({"--cpus", "2"}, "corrupt");
}

TEST_F(JournalTest, OneOfAnotherVersionIsRefused) {
  // The database header's user version: four bytes from 60, big-endian.
  std::string other = ReadFile(path());
  other[63] = 99;
  WriteFile(path(), other);
  ExpectRefusedAndKept({"--cpus", "2"}, "version 99");
}

TEST_F(JournalTest, OneOfAnotherMachineIsRefused) {
  ExpectRefusedAndKept({"--cpus", "3"}, "another machine");
  ExpectRefusedAndKept({"--cpus", "2", "--profile", "linux-3.0"},
                       "another machine");
  ExpectRefusedAndKept({"--cpus", "2", "--set", "ring_rule=always"},
                       "another machine");
}

// A coordinator that has forgotten its machine does not get it back: its CPUs
// know views that it has yet to make.
TEST(LostJournalTest, NoProcessOfTheMachineIsTakenOver) {
  const Cluster cluster({.cpus = 2});
  const pid_t node = cluster.Pid("cpu/1");
  cluster.Kill("coordinator");
  for (const char* file :
       {"journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"}) {
    std::filesystem::remove(cluster.state_dir() + "/" + file);
  }
  cluster.Run({"up", "--repair", "--timeout", "3s"});
  EXPECT_TRUE(WaitFor([&] { return !IsAlive(node); }));
  EXPECT_THAT(cluster.Run({"logs", "1"}).out,
              testing::HasSubstr("the coordinator's journal only reaches to"));
}

}  // namespace
}  // namespace belfry::e2e
