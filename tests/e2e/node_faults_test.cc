// What a host does to its processes: each fault ends in a defined state, with a
// line that says what happened, and a metric.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/e2e/support/cluster.h"

namespace belfry::e2e {
namespace {

using ::testing::HasSubstr;

std::string LogOf(const Cluster& cluster, const std::string& process) {
  return ReadFile(absl::StrCat(cluster.state_dir(), "/logs/", process, ".log"));
}

bool AwaitLog(const Cluster& cluster, const std::string& process,
              const std::string& text) {
  return WaitFor(
      [&] { return absl::StrContains(LogOf(cluster, process), text); });
}

void Limit(pid_t pid, __rlimit_resource resource, rlim_t value) {
  rlimit before{};
  ASSERT_EQ(prlimit(pid, resource, nullptr, &before), 0);
  const rlimit set{.rlim_cur = value, .rlim_max = before.rlim_max};
  ASSERT_EQ(prlimit(pid, resource, &set, nullptr), 0);
}

double Rejected(const Cluster& cluster, const std::string& reason) {
  return cluster.Metrics("coordinator")
      .Value("belfry_processes_rejected_total", {{"reason", reason}});
}

// ---- Identities.

TEST(IdentityTest, ASecondProcessIsRefusedWhileTheFirstLives) {
  const Cluster cluster({.cpus = 2});
  const std::uint64_t first = cluster.Cpu(1).incarnation();
  const Outcome second =
      cluster
          .StartServer(
              "belfry-node",
              {"--coordinator", cluster.Address("coordinator"), "--cpu", "1"})
          ->Wait();
  EXPECT_EQ(second.exit_code, 1) << second;
  EXPECT_THAT(second.err,
              HasSubstr(absl::StrCat("EBUSY: cpu 1 is taken by process ",
                                     cluster.Pid("cpu/1"))));
  EXPECT_EQ(Rejected(cluster, "taken"), 1);
  EXPECT_EQ(cluster.Cpu(1).incarnation(), first);
  cluster.ExpectAllCallsWork();
}

// It stood for so long that it was declared dead; neither that coordinator nor
// its successor lets it be a CPU again.
TEST(IdentityTest, AProcessThatWasDeclaredDeadDoesNotComeBack) {
  const Cluster cluster({.cpus = 3});
  const std::uint64_t incarnation = cluster.Cpu(2).incarnation();
  const pid_t pid = cluster.Pid("cpu/2");
  ASSERT_EQ(kill(pid, SIGSTOP), 0);
  ASSERT_TRUE(cluster.AwaitState(2, v1::CPU_STATE_CRASHED));
  cluster.Kill("coordinator");
  // Comes back, and waits in vain for the one that stands still.
  EXPECT_EQ(cluster.Run({"up", "--repair", "--timeout", "8s"}).exit_code, 124);
  ASSERT_EQ(kill(pid, SIGCONT), 0);
  ASSERT_TRUE(WaitFor([&] { return !IsAlive(pid); })) << "it lives on";
  EXPECT_THAT(LogOf(cluster, "cpu2"), HasSubstr("was declared dead"));
  EXPECT_GE(Rejected(cluster, "dead"), 1);
  const auto refused = cluster.Call({"2", "nop", "--from", "0"}, 1);
  EXPECT_EQ(refused.results(0).result(), "ENXIO");
  cluster.Repair();
  ASSERT_TRUE(cluster.AwaitState(2, v1::CPU_STATE_OFFLINE));
  EXPECT_GT(cluster.Cpu(2).incarnation(), incarnation);
  cluster.Online(2);
  cluster.ExpectAllCallsWork();
}

// A pause that ends before anybody misses it.
TEST(IdentityTest, AShortPauseIsOnlySlow) {
  const Cluster cluster({.cpus = 3});
  ASSERT_EQ(kill(cluster.Pid("cpu/2"), SIGSTOP), 0);
  const auto call = cluster.Start({"call", "2", "nop", "--from", "0"});
  absl::SleepFor(absl::Seconds(2));
  ASSERT_EQ(kill(cluster.Pid("cpu/2"), SIGCONT), 0);
  EXPECT_EQ(call->Wait().exit_code, 0) << call->err();
  EXPECT_EQ(cluster.ExpectCleanAudit().lost(), 0u);
}

// ---- Clocks.

// Processes whose clock the test sets.
class ClockTest : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer wants to be the first library";
#endif
    Set(0);
  }

  std::string clock() const { return dir_.File("clock"); }
  void Set(std::int64_t seconds) const {
    const int fd = open(clock().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ASSERT_EQ(pwrite(fd, &seconds, sizeof(seconds), 0),
              static_cast<ssize_t>(sizeof(seconds)));
    close(fd);
  }
  std::unique_ptr<Program> StartNode(const std::string& coordinator,
                                     int cpu) const {
    return std::make_unique<Program>(
        std::vector<std::string>{BinaryPath("belfry-node"), "--coordinator",
                                 coordinator, "--cpu", absl::StrCat(cpu)},
        "",
        std::vector<std::string>{absl::StrCat("LD_PRELOAD=", BELFRY_SET_CLOCK),
                                 "BELFRY_TEST_CLOCK=" + clock()});
  }

  TempDir dir_;
};

TEST_F(ClockTest, AProcessIsYoungerThanItsPredecessorWhateverTheClockSays) {
  const Cluster cluster({.cpus = 2});
  const std::uint64_t before = cluster.Cpu(1).incarnation();
  cluster.Kill("cpu/1");
  ASSERT_TRUE(cluster.AwaitState(1, v1::CPU_STATE_CRASHED));
  Set(-3600);
  const auto node = StartNode(cluster.Address("coordinator"), 1);
  ASSERT_TRUE(cluster.AwaitState(1, v1::CPU_STATE_OFFLINE)) << node->err();
  EXPECT_GT(cluster.Cpu(1).incarnation(), before);
  cluster.Online(1);
  cluster.ExpectAllCallsWork();
}

// All that a node waits for it waits for by the monotonic clock.
TEST_F(ClockTest, OneThatIsSetMakesNoCallOlder) {
  const Cluster cluster({.cpus = 2});
  cluster.Kill("cpu/1");
  ASSERT_TRUE(cluster.AwaitState(1, v1::CPU_STATE_CRASHED));
  const auto node = StartNode(cluster.Address("coordinator"), 1);
  ASSERT_TRUE(cluster.AwaitState(1, v1::CPU_STATE_OFFLINE)) << node->err();
  cluster.Online(1);
  for (const std::int64_t seconds : {3600, -3600}) {
    SCOPED_TRACE(seconds);
    const auto call =
        cluster.Start({"call", "0", "spin", "--payload", "2000000", "--from",
                       "1", "--timeout", "30s"});
    const auto outstanding = [&] {
      return cluster.Metrics("cpu/1").Value("belfry_calls_outstanding",
                                            {{"src_cpu", "1"}, {"cpu", "0"}});
    };
    ASSERT_TRUE(WaitFor([&] { return outstanding() == 1; }));
    Set(seconds);
    EXPECT_EQ(call->Wait().exit_code, 0) << call->err();
    EXPECT_THAT(node->err(), testing::Not(HasSubstr("non-responsive")));
  }
  EXPECT_THAT(node->err(), HasSubstr("the host's clock was set 3600 s on"));
  EXPECT_THAT(node->err(), HasSubstr("the host's clock was set -7200 s on"));
  EXPECT_EQ(cluster.Metrics("cpu/1").Value("belfry_clock_set_total"), 2);
  cluster.ExpectCleanAudit();
}

// ---- Disks that are full. A file that may not grow stands for one.

// The shell's limit, in blocks of 512 bytes, and then the program.
Outcome RunWithFileLimit(const Cluster& cluster, int blocks,
                         const Arguments& arguments) {
  std::vector<std::string> argv = {
      "/bin/sh",
      "-c",
      absl::StrCat("ulimit -f ", blocks, "; exec \"$@\""),
      "sh",
      BinaryPath("belfry"),
      "--state-dir",
      cluster.state_dir()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return RunProgram(std::move(argv));
}

TEST(FullDiskTest, OfATraceNothingIsLeftHalf) {
  const Cluster cluster({.cpus = 2});
  cluster.Call({"0-1", "nop", "--count", "200"});
  const TempDir dir;
  const std::string file = dir.File("run.trace");
  for (const Arguments& arguments : std::vector<Arguments>{
           {"trace", "record", "-o", file, "--duration", "100ms"},
           {"report", "-o", file}}) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    const Outcome outcome = RunWithFileLimit(cluster, 4, arguments);
    EXPECT_NE(outcome.exit_code, 0) << outcome;
    EXPECT_LT(outcome.exit_code, 128) << outcome;
    EXPECT_THAT(outcome.err, HasSubstr("cannot write " + file));
    EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
  }
}

TEST(FullDiskTest, ACoordinatorThatCannotJournalEndsAndItsSuccessorGoesOn) {
  const Cluster cluster({.cpus = 3});
  const pid_t pid = cluster.Pid("coordinator");
  Limit(
      pid, RLIMIT_FSIZE,
      std::filesystem::file_size(cluster.state_dir() + "/journal.sqlite-wal"));
  const Outcome refused = cluster.Run({"cpu", "offline", "2"});
  EXPECT_NE(refused.exit_code, 0) << refused;
  ASSERT_TRUE(WaitFor([&] { return !IsAlive(pid); }));
  EXPECT_TRUE(AwaitLog(cluster, "coordinator", "cannot be written"))
      << LogOf(cluster, "coordinator");
  cluster.Repair();
  ASSERT_TRUE(WaitFor([&] { return !cluster.State().recovering(); }));
  EXPECT_EQ(cluster.State().view().online(), "0-2");
  cluster.Offline(2);
  cluster.Online(2);
  cluster.ExpectAllCallsWork();
}

// ---- No file descriptors.

std::vector<int> Dial(const std::string& address, int count) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::uint32_t port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  std::vector<int> connections;
  for (int i = 0; i < count; ++i) {
    connections.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(connect(connections.back(), reinterpret_cast<sockaddr*>(&to),
                      sizeof(to)),
              0);
  }
  return connections;
}

// Seconds of a processor that a process has used.
double CpuSeconds(pid_t pid) {
  const std::vector<std::string> fields =
      absl::StrSplit(ReadFile(absl::StrCat("/proc/", pid, "/stat")), ' ');
  double user = 0;
  double system = 0;
  EXPECT_TRUE(absl::SimpleAtod(fields.at(13), &user) &&
              absl::SimpleAtod(fields.at(14), &system));
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

TEST(DescriptorTest, ANodeWithoutAnySaysSoRestsAndRecovers) {
  const Cluster cluster({.cpus = 2});
  cluster.ExpectAllCallsWork();
  const pid_t pid = cluster.Pid("cpu/1");
  Limit(pid, RLIMIT_NOFILE, 32);
  std::vector<int> connections = Dial(cluster.Cpu(1).address(), 50);
  for (const int fd : Dial(cluster.Cpu(1).metrics_address(), 20)) {
    connections.push_back(fd);
  }
  EXPECT_TRUE(AwaitLog(cluster, "cpu1", "no file descriptors are left"));
  // What is open goes on.
  const auto call = cluster.Call({"1", "nop", "--from", "0"});
  EXPECT_EQ(call.results(0).result(), "0");
  const double before = CpuSeconds(pid);
  absl::SleepFor(absl::Seconds(2));
  EXPECT_LT(CpuSeconds(pid) - before, 1.0) << "it spins";
  for (const int fd : connections) close(fd);
  cluster.ExpectAllCallsWork();
  EXPECT_TRUE(AwaitLog(cluster, "cpu1", "are accepted again"));
  EXPECT_GE(cluster.Metrics("cpu/1").Value("belfry_listener_starved_total"), 1);
}

// ---- No memory.

std::uint64_t WritableBytes(pid_t pid) {
  for (const absl::string_view line :
       absl::StrSplit(ReadFile(absl::StrCat("/proc/", pid, "/status")), '\n')) {
    if (!absl::StartsWith(line, "VmData:")) continue;
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    std::uint64_t kilobytes = 0;
    EXPECT_TRUE(absl::SimpleAtoi(words.at(1), &kilobytes));
    return kilobytes * 1024;
  }
  ADD_FAILURE() << "process " << pid << " tells no VmData";
  return 0;
}

// Whether C++ or gRPC's C asked for it.
TEST(MemoryTest, AProcessThatGetsNoneEnds) {
  const Cluster cluster({.cpus = 2});
  const pid_t pid = cluster.Pid("cpu/1");
  // Of writable memory: an arena of malloc's has reserved its addresses long
  // before it asks for the pages, so that a limit on addresses leaves room for
  // all these calls now and then.
  Limit(pid, RLIMIT_DATA, WritableBytes(pid) + (1 << 20));
  const std::string file = cluster.state_dir() + "/payload";
  WriteFile(file, std::string(1 << 20, 'x'));
  const auto call = cluster.Start({"call", "1", "echo", "--payload-file", file,
                                   "--count", "500", "--window", "64", "--from",
                                   "0", "--timeout", "30s", "-o", "json"});
  ASSERT_TRUE(cluster.AwaitState(1, v1::CPU_STATE_CRASHED));
  const auto report = FromJson<v1::CallReport>(call->Wait());
  EXPECT_EQ(report.results(0).result(), "EOWNERDEAD") << report.DebugString();
  EXPECT_FALSE(IsAlive(pid));
  EXPECT_TRUE(AwaitLog(cluster, "cpu1", "out of memory"));
  cluster.Repair();
  ASSERT_TRUE(cluster.AwaitState(1, v1::CPU_STATE_OFFLINE));
  cluster.Online(1);
  cluster.ExpectAllCallsWork();
}

TEST(MemoryTest, APayloadWithoutAnEndIsRefusedBeforeItIsRead) {
  const Cluster cluster({.cpus = 2});
  const Outcome outcome =
      cluster.Run({"call", "1", "echo", "--payload-file", "/dev/zero"});
  EXPECT_EQ(outcome.exit_code, 67) << outcome;
  EXPECT_THAT(outcome.err, HasSubstr("1 MiB"));
}

}  // namespace
}  // namespace belfry::e2e
