// The coordinator over HTTP, and processes that come by themselves.
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/e2e/support/cluster.h"

namespace belfry::e2e {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string WebAddress(const Cluster& cluster) {
  return cluster.State().metrics_address();
}

template <typename Message>
Message FetchJson(const std::string& address, const std::string& path) {
  Message message;
  const std::string body = HttpGet(address, path);
  const auto status =
      google::protobuf::util::JsonStringToMessage(body, &message);
  EXPECT_TRUE(status.ok()) << status.ToString() << "\n" << body;
  return message;
}

v1::LiveState FetchState(const std::string& address) {
  return FetchJson<v1::LiveState>(address, "/api/state");
}

// The label `node` of every target that has one.
std::vector<std::string> NodesAmongTargets(const std::string& address) {
  std::vector<std::string> nodes;
  const auto list = FetchJson<google::protobuf::ListValue>(address, "/targets");
  for (const auto& target : list.values()) {
    const auto& labels =
        target.struct_value().fields().at("labels").struct_value().fields();
    if (labels.contains("node")) {
      nodes.push_back(labels.at("node").string_value());
    }
  }
  return nodes;
}

TEST(WebTest, TargetsFollowTheProcesses) {
  const Cluster cluster({.cpus = 3});
  const std::string web = WebAddress(cluster);
  EXPECT_THAT(NodesAmongTargets(web), ElementsAre("cpu/0", "cpu/1", "cpu/2"));
  cluster.Kill("cpu/1");
  EXPECT_TRUE(WaitFor([&] { return NodesAmongTargets(web).size() == 2; }));
  EXPECT_THAT(NodesAmongTargets(web), ElementsAre("cpu/0", "cpu/2"));
}

TEST(WebTest, TheStateIsWhatTheCommandLineSays) {
  const Cluster cluster({.cpus = 3});
  const std::string web = WebAddress(cluster);
  cluster.Call({"1-2", "nop", "--from", "0", "--count", "10"});
  cluster.Offline(2);
  const auto settled = [&] {
    const v1::LiveState state = FetchState(web);
    return state.ledger().completed() == state.ledger().issued() &&
           state.ledger().issued() >= 20;
  };
  EXPECT_TRUE(WaitFor(settled)) << FetchState(web).DebugString();
  const v1::LiveState state = FetchState(web);
  EXPECT_EQ(state.cluster().view().online(), "0-1");
  EXPECT_EQ(state.cluster().cpus(2).state(), v1::CPU_STATE_OFFLINE);
  EXPECT_THAT(state.findings(), IsEmpty());
  EXPECT_THAT(state.events(state.events_size() - 1).text(),
              HasSubstr("cpu/2 offlined"));
}

TEST(WebTest, ACrashIsFoundAndTold) {
  const Cluster cluster({.cpus = 3});
  const std::string web = WebAddress(cluster);
  cluster.Kill("cpu/2");
  ASSERT_TRUE(cluster.AwaitState(2, v1::CPU_STATE_CRASHED));
  const v1::LiveState state = FetchState(web);
  EXPECT_THAT(state.findings(),
              ElementsAre("cpu/2: crashed: its process is gone"));
  EXPECT_THAT(state.events(state.events_size() - 1).text(),
              HasSubstr("is gone"));
}

// What a browser makes of the page, once it has asked for the state.
TEST(WebTest, TheLivePageShowsTheCluster) {
  const Cluster cluster({.cpus = 3});
  const std::string web = WebAddress(cluster);
  cluster.Offline(1);
  cluster.Kill("cpu/2");
  ASSERT_TRUE(cluster.AwaitState(2, v1::CPU_STATE_CRASHED));
  const std::string page = OpenInBrowser(absl::StrCat("http://", web, "/"));
  EXPECT_THAT(page, HasSubstr("data-live=\"true\""));
  for (const char* tile : {"data-cpu=\"0\" data-state=\"online\"",
                           "data-cpu=\"1\" data-state=\"offline\"",
                           "data-cpu=\"2\" data-state=\"crashed\""}) {
    EXPECT_THAT(page, HasSubstr(tile));
  }
  EXPECT_THAT(page, HasSubstr("cpu/2: crashed: its process is gone"));
  EXPECT_THAT(page, HasSubstr("data-balanced=\"true\""));
}

// A coordinator and nodes as a deployment starts them: nobody numbers the CPUs,
// nobody brings them online.
class DeploymentTest : public ::testing::Test {
 protected:
  DeploymentTest() {
    coordinator_ = belfry_.StartServer(
        "belfry-coordinator",
        {"--state-dir", folder_.path(), "--cpus", "8", "--auto-online",
         "--address-file", folder_.File("address")});
    EXPECT_TRUE(WaitFor([&] { return !Address().empty(); }));
  }

  std::string Address() const {
    const std::string text = ReadFile(folder_.File("address"));
    const std::string key = "address=";
    const std::size_t begin = text.find(key);
    if (begin == std::string::npos) return "";
    const std::size_t value = begin + key.size();
    return text.substr(value, text.find('\n', value) - value);
  }
  std::unique_ptr<Program> StartNode() {
    return belfry_.StartServer("belfry-node", {"--coordinator", Address()});
  }
  v1::Cluster State() const {
    return belfry_
        .Ask<v1::ClusterStatus>({"--coordinator", Address(), "status"})
        .cluster();
  }
  bool AwaitOnline(const std::string& cpus) const {
    return WaitFor([&] { return State().view().online() == cpus; });
  }

  TempDir folder_;
  Belfry belfry_;
  std::unique_ptr<Program> coordinator_;
};

TEST_F(DeploymentTest, NodesTakeFreeNumbersAndComeOnline) {
  std::vector<std::unique_ptr<Program>> nodes;
  for (int i = 0; i < 5; ++i) nodes.push_back(StartNode());
  EXPECT_TRUE(AwaitOnline("0-4")) << State().DebugString();
  // One that goes in order leaves its number to the next.
  std::uint32_t left = 8;
  const pid_t pid = nodes[2]->pid();
  const v1::Cluster before = State();
  for (const v1::CpuInfo& cpu : before.cpus()) {
    if (cpu.pid() == pid) left = cpu.cpu();
  }
  nodes[2]->Signal(SIGTERM);
  EXPECT_EQ(nodes[2]->Wait().exit_code, 0);
  EXPECT_EQ(State().view().number(), 6u) << "it went by hotplug";
  nodes[2] = StartNode();
  EXPECT_TRUE(AwaitOnline("0-4")) << State().DebugString();
  EXPECT_EQ(State().cpus(static_cast<int>(left)).pid(), nodes[2]->pid());
}

TEST_F(DeploymentTest, ACpuThatWasTakenOfflineStaysSo) {
  std::vector<std::unique_ptr<Program>> nodes;
  for (int i = 0; i < 3; ++i) nodes.push_back(StartNode());
  ASSERT_TRUE(AwaitOnline("0-2"));
  belfry_.Ask<v1::OperationList>(
      {"--coordinator", Address(), "cpu", "offline", "1"});
  nodes.push_back(StartNode());
  EXPECT_TRUE(AwaitOnline("0,2-3")) << State().DebugString();
}

}  // namespace
}  // namespace belfry::e2e
