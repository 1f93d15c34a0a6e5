// Several coordinators on a real etcd of three members: one leads, and whatever
// becomes of it or of etcd, at most one does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/support/cluster.h"
#include "tests/e2e/support/etcd.h"
#include "tests/e2e/support/gates.h"

namespace belfry::e2e {
namespace {

using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

constexpr int kCpus = 4;
constexpr int kCoordinators = 2;
constexpr int kUnavailable = 78;

// One of the programs that say where they serve.
class Server {
 public:
  Server(const Belfry& home, absl::string_view name, Arguments arguments,
         const std::string& file)
      : file_(absl::StrCat(home.state_dir(), "/", file)) {
    std::filesystem::remove(file_);
    arguments.insert(arguments.end(), {"--address-file", file_});
    program_ = home.StartServer(name, arguments);
  }

  std::string Address(absl::string_view which = "address") const {
    EXPECT_TRUE(WaitFor([this] { return std::filesystem::exists(file_); }))
        << program_->err();
    for (const absl::string_view line : absl::StrSplit(ReadFile(file_), '\n')) {
      if (absl::StartsWith(line, absl::StrCat(which, "="))) {
        return std::string(line.substr(which.size() + 1));
      }
    }
    ADD_FAILURE() << ReadFile(file_);
    return "";
  }
  Program& program() const { return *program_; }

 private:
  std::string file_;
  std::unique_ptr<Program> program_;
};

class LeaderTest : public testing::Test {
 protected:
  void SetUp() override {
    BELFRY_NEEDS_ETCD();
    etcd_ = std::make_unique<Etcd>(3);
    // Each waits for the one before it: the first leads.
    for (int i = 0; i < kCoordinators; ++i) {
      coordinators_.push_back(StartCoordinator(i, "127.0.0.1:0"));
      addresses_.push_back(coordinators_[i]->Address());
      if (i > 0) continue;
      ASSERT_TRUE(WaitFor([this] { return Leads(0); }));
    }
    const std::string list = absl::StrJoin(addresses_, ",");
    for (int i = 0; i < kCpus; ++i) {
      nodes_.push_back(std::make_unique<Server>(
          home_, "belfry-node",
          Arguments{"--coordinator", list, "--cpu", absl::StrCat(i)},
          absl::StrCat("cpu", i)));
    }
    cluster_.reset(new Cluster(Cluster::Of(list)));
    ASSERT_TRUE(WaitFor([this] { return IsSettled(0); }))
        << cluster_->State().DebugString();
  }

  void TearDown() override {
    if (!HasFailure()) return;
    for (const auto& c : coordinators_) std::cerr << c->program().err();
    for (const auto& n : nodes_) std::cerr << n->program().err();
  }

  std::unique_ptr<Server> StartCoordinator(int i, const std::string& listen) {
    return std::make_unique<Server>(
        home_, "belfry-coordinator",
        Arguments{"--store", absl::StrCat("etcd:", etcd_->endpoints(), "/test"),
                  "--listen", listen, "--cpus", absl::StrCat(kCpus), "--gates",
                  "--auto-online", "--leader-lease",
                  absl::StrCat(lease_.count(), "s")},
        absl::StrCat("coordinator", i));
  }

  // As whoever looks after the processes does: at the address that it had.
  void StartAgain(int i) {
    coordinators_[i] = StartCoordinator(i, addresses_[i]);
  }

  bool Leads(int i) const {
    const std::string page =
        HttpGet(coordinators_[i]->Address("metrics"), "/metrics");
    return absl::StrContains(page, "\nbelfry_leader 1\n");
  }

  // All CPUs are online or, of the last, offline, and nothing is under way.
  bool IsSettled(int leader) const {
    if (!Leads(leader)) return false;
    const v1::Cluster state = cluster_->State();
    if (state.recovering() || state.has_current()) return false;
    return std::all_of(state.cpus().begin(), state.cpus().end(),
                       [](const v1::CpuInfo& cpu) {
                         return cpu.state() == v1::CPU_STATE_ONLINE ||
                                (cpu.cpu() == kCpus - 1 &&
                                 cpu.state() == v1::CPU_STATE_OFFLINE);
                       });
  }

  void ExpectAllIsWell(int leader) {
    ASSERT_TRUE(WaitFor([&] { return IsSettled(leader); }))
        << cluster_->State().DebugString();
    EXPECT_TRUE(cluster_->AwaitEqualViews());
    cluster_->ExpectAllCallsWork();
    if (cluster_->Cpu(3).online()) cluster_->Offline(3);
    cluster_->Online(3);
    EXPECT_TRUE(cluster_->AwaitEqualViews());
    cluster_->ExpectAllCallsWork();
    EXPECT_EQ(cluster_->ExpectCleanAudit().lost(), 0u);
  }

  // It has ended by itself, with one line that says why.
  void ExpectSteppedDown(int i, const std::string& why) {
    const Outcome outcome = coordinators_[i]->program().Wait();
    EXPECT_EQ(outcome.exit_code, 1) << outcome;
    const std::vector<std::string> lines =
        absl::StrSplit(outcome.err, '\n', absl::SkipEmpty());
    EXPECT_THAT(lines.back(), HasSubstr("error coordinator: "));
    EXPECT_THAT(lines.back(), testing::ContainsRegex(why));
  }

  void Kill(int i) {
    coordinators_[i]->program().Signal(SIGKILL);
    coordinators_[i]->program().Wait();
  }

  std::chrono::seconds lease_{2};
  Belfry home_;
  std::unique_ptr<Etcd> etcd_;
  std::vector<std::unique_ptr<Server>> coordinators_;
  std::vector<std::string> addresses_;
  std::vector<std::unique_ptr<Server>> nodes_;
  std::unique_ptr<Cluster> cluster_;
};

class LeaderDeathTest : public LeaderTest,
                        public testing::WithParamInterface<std::string> {};

TEST_P(LeaderDeathTest, TheStandbyEndsTheOperation) {
  Gates gates(addresses_[0]);
  gates.Hold(GetParam());
  const auto offline =
      cluster_->Start({"cpu", "offline", "3", "--timeout", "40s"});
  gates.Await(GetParam());
  Kill(0);
  // Who waited for it waits on, and hears of its end from the successor.
  const Outcome outcome = offline->Wait();
  EXPECT_FALSE(outcome.timed_out);
  EXPECT_THAT(outcome.exit_code, testing::AnyOf(0, 1)) << outcome;
  EXPECT_THAT(outcome.out + outcome.err, HasSubstr("cpu/3"));
  ExpectAllIsWell(1);
  EXPECT_EQ(cluster_->State().epoch(), 2u);
  EXPECT_EQ(cluster_->Address("coordinator"), addresses_[1]);
}

INSTANTIATE_TEST_SUITE_P(AtGates, LeaderDeathTest,
                         testing::Values("journal:ap", "journal:takedown",
                                         "publish:RUN", "commit",
                                         "journal:dead"),
                         [](const testing::TestParamInfo<std::string>& param) {
                           std::string name = param.param;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });

// Not to itself: a million of those take less than a second.
TEST_F(LeaderTest, CallsGoOnWhileNobodyLeads) {
  const auto caller = home_.Start({"--coordinator", addresses_[0], "call",
                                   "0,2-3", "nop", "--from", "1", "--count",
                                   "1000000", "--timeout", "6s", "-o", "json"});
  const auto completed = [page = cluster_->Cpu(1).metrics_address()] {
    return MetricsPage::Fetch(page).Value("belfry_calls_completed_total");
  };
  ASSERT_TRUE(WaitFor([&] { return completed() > 0; }));
  Kill(0);
  const double at_death = completed();
  EXPECT_TRUE(WaitFor([&] { return completed() > at_death + 200; },
                      std::chrono::milliseconds(lease_) / 2))
      << "within half a lease: nobody leads yet";
  const auto report = FromJson<v1::CallReport>(caller->Wait());
  for (const v1::CallResult& result : report.results()) {
    EXPECT_EQ(result.result(), "ETIMEDOUT") << "they ran until the deadline";
    EXPECT_EQ(result.lost() + result.refused(), 0u) << result.DebugString();
  }
  ExpectAllIsWell(1);
}

// It comes back in the middle of what it was about, and knows of nothing.
TEST_F(LeaderTest, OneThatWasPausedTooLongDoesNothingMore) {
  Gates gates(addresses_[0]);
  gates.Hold("journal:takedown");
  cluster_->Ask<v1::OperationList>({"cpu", "offline", "3", "--detach"});
  gates.Await("journal:takedown");
  coordinators_[0]->program().Signal(SIGSTOP);
  // Its sockets are open, and it says nothing: nodes and commands notice.
  ASSERT_TRUE(WaitFor([&] { return IsSettled(1); }));
  ExpectAllIsWell(1);
  const v1::Cluster before = cluster_->State();
  coordinators_[0]->program().Signal(SIGCONT);
  ExpectSteppedDown(0, "does not lead any more|it does not lead");
  const v1::Cluster after = cluster_->State();
  EXPECT_EQ(after.epoch(), 2u);
  EXPECT_EQ(after.view().number(), before.view().number());
  EXPECT_TRUE(Leads(1));
  // It is started again, and stands by for the next time.
  StartAgain(0);
  Kill(1);
  ExpectAllIsWell(0);
  EXPECT_EQ(cluster_->State().epoch(), 3u);
}

TEST_F(LeaderTest, OneThatIsAskedToEndHandsOverAtOnce) {
  const auto start = Clock::now();
  coordinators_[0]->program().Signal(SIGTERM);
  EXPECT_EQ(coordinators_[0]->program().Wait().exit_code, 0);
  EXPECT_TRUE(WaitFor([&] { return Leads(1); }));
  EXPECT_LT(Clock::now() - start, lease_) << "nobody waits for its lease";
  ExpectAllIsWell(1);
}

TEST_F(LeaderTest, AStandbySaysWhoLeadsAndNothingElse) {
  EXPECT_FALSE(Leads(1));
  const MetricsPage page =
      MetricsPage::Fetch(coordinators_[1]->Address("metrics"));
  EXPECT_EQ(page.Value("belfry_leader"), 0);
  EXPECT_EQ(page.names(),
            (std::set<std::string>{"belfry_build_info", "belfry_leader",
                                   "belfry_listener_starved_total",
                                   "belfry_streams_silent_total"}))
      << "what it says of CPUs would be wrong";
  const auto health = home_.Ask<v1::HealthReport>(
      {"health", "--address", addresses_[1]}, /*exit_code=*/1);
  EXPECT_EQ(health.processes(0).status(), "NOT_SERVING");
  EXPECT_THAT(HttpGet(coordinators_[1]->Address("metrics"), "/api/state"),
              HasSubstr(addresses_[0] + " leads"));
  // Who asks it is led on.
  const auto status =
      home_.Ask<v1::ClusterStatus>({"status", "--coordinator", addresses_[1]});
  EXPECT_EQ(status.coordinator(), addresses_[0]);
  EXPECT_EQ(status.cluster().cpus_size(), kCpus);
}

// A write waits for half of the lease: longer than an election among the
// members.
class LongLeaseTest : public LeaderTest {
 protected:
  LongLeaseTest() { lease_ = std::chrono::seconds(4); }
};

TEST_F(LongLeaseTest, EtcdMayLoseAMinority) {
  for (int member = 0; member < 3; ++member) {
    etcd_->Kill(member);
    cluster_->Offline(3);
    cluster_->Online(3);
    EXPECT_TRUE(Leads(0));
    etcd_->Start(member);
    etcd_->AwaitReady();
  }
  EXPECT_EQ(cluster_->State().epoch(), 1u);
  ExpectAllIsWell(0);
}

TEST_F(LeaderTest, WithoutEtcdNobodyLeadsAndItComesBack) {
  etcd_->Kill(1);
  etcd_->Kill(2);
  const auto start = Clock::now();
  ExpectSteppedDown(0, "does not lead any more|cannot be written or read");
  // Its lease is counted from before the members died. One second for a host
  // that is busy.
  EXPECT_LT(Clock::now() - start, lease_ + std::chrono::seconds(1));
  EXPECT_FALSE(Leads(1));
  const Outcome outcome = cluster_->Run({"status", "--timeout", "1s"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome;
  const Outcome offline =
      cluster_->Run({"cpu", "offline", "3", "--timeout", "1s"});
  EXPECT_EQ(offline.exit_code, kUnavailable) << offline;
  StartAgain(0);
  etcd_->Start(1);
  etcd_->Start(2);
  etcd_->AwaitReady();
  ASSERT_TRUE(WaitFor([&] { return Leads(0) || Leads(1); }));
  ExpectAllIsWell(Leads(0) ? 0 : 1);
}

}  // namespace
}  // namespace belfry::e2e
