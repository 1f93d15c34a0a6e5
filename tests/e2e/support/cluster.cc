#include "tests/e2e/support/cluster.h"

#include <google/protobuf/text_format.h>

#include <filesystem>
#include <iostream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace belfry::e2e {
namespace {

// Marks every process of a test, so that none survives it.
std::string Mark(const std::string& state_dir) {
  return "BELFRY_E2E_STATE=" + state_dir;
}

Arguments Command(const std::string& state_dir, const Arguments& flags,
                  const Arguments& arguments) {
  Arguments argv = {BinaryPath("belfry"), "--state-dir", state_dir};
  argv.insert(argv.end(), flags.begin(), flags.end());
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

std::uint32_t CpuOf(absl::string_view process) {
  std::uint32_t cpu = 0;
  EXPECT_TRUE(absl::SimpleAtoi(absl::StripPrefix(process, "cpu/"), &cpu))
      << process;
  return cpu;
}

}  // namespace

std::string KeptIn(const Outcome& outcome) {
  const std::vector<std::string> words =
      absl::StrSplit(outcome.err, absl::ByAnyChar(" \n"));
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "--state-dir") return words[i + 1];
  }
  ADD_FAILURE() << "where is it kept?\n" << outcome;
  return "";
}

std::string CpuName(std::uint32_t cpu) { return absl::StrCat("cpu/", cpu); }

Belfry::Belfry() : state_dir_(own_.File("state")) {
  std::filesystem::create_directory(state_dir_);
}

Belfry::Belfry(std::string state_dir)
    : state_dir_(std::move(state_dir)), borrowed_(true) {}

Belfry::~Belfry() {
  KillAllWith(Mark(state_dir_));
  std::error_code ignored;
  if (borrowed_) std::filesystem::remove_all(state_dir_, ignored);
}

Outcome Belfry::Run(const Arguments& arguments, absl::string_view input,
                    std::chrono::milliseconds timeout) const {
  return Program(Command(state_dir_, flags_, arguments), input,
                 {Mark(state_dir_)})
      .Wait(timeout);
}

std::unique_ptr<Program> Belfry::Start(const Arguments& arguments) const {
  return std::make_unique<Program>(Command(state_dir_, flags_, arguments), "",
                                   std::vector<std::string>{Mark(state_dir_)});
}

std::unique_ptr<Program> Belfry::StartServer(absl::string_view name,
                                             const Arguments& arguments) const {
  Arguments argv = {BinaryPath(name)};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return std::make_unique<Program>(std::move(argv), "",
                                   std::vector<std::string>{Mark(state_dir_)});
}

Cluster::Cluster(const Machine& machine) {
  Arguments arguments = {"up",        "--detach",
                         "--cpus",    absl::StrCat(machine.cpus),
                         "--profile", machine.profile};
  arguments.insert(arguments.end(), machine.flags.begin(), machine.flags.end());
  const Outcome outcome = Run(arguments);
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
}

Cluster::Cluster(Adopted, const std::string& state_dir) : Belfry(state_dir) {}

Cluster Cluster::Adopt(const std::string& state_dir) {
  return Cluster(Adopted{}, state_dir);
}

Cluster::Cluster(Reached, const std::string& coordinators) {
  flags_ = {"--coordinator", coordinators};
}

Cluster Cluster::Of(const std::string& coordinators) {
  return Cluster(Reached{}, coordinators);
}

// A test that failed shows what the processes said.
Cluster::~Cluster() {
  if (::testing::Test::HasFailure()) {
    std::cerr << Run({"logs"}).out << Run({"dump"}).out;
  }
  Run({"down"});
}

v1::ClusterStatus Cluster::Status() const {
  return FromJson<v1::ClusterStatus>(Run({"status", "-o", "json"}));
}

v1::Cluster Cluster::State() const { return Status().cluster(); }

v1::CpuInfo Cluster::Cpu(std::uint32_t cpu) const {
  const v1::Cluster cluster = State();
  for (const v1::CpuInfo& info : cluster.cpus()) {
    if (info.cpu() == cpu) return info;
  }
  ADD_FAILURE() << "the cluster has no cpu " << cpu;
  return {};
}

pid_t Cluster::Pid(absl::string_view process) const {
  if (process == "prometheus" || process == "alertmanager") {
    v1::LocalCluster cluster;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        ReadFile(state_dir() + "/cluster.textproto"), &cluster));
    for (const v1::LocalCluster::Process& p : cluster.processes()) {
      if (p.name() == process) return static_cast<pid_t>(p.pid());
    }
  }
  const std::int64_t pid = process == "coordinator" ? Status().coordinator_pid()
                                                    : Cpu(CpuOf(process)).pid();
  EXPECT_GT(pid, 0) << process;
  return static_cast<pid_t>(pid);
}

std::string Cluster::Address(absl::string_view process) const {
  return process == "coordinator" ? Status().coordinator()
                                  : Cpu(CpuOf(process)).address();
}

MetricsPage Cluster::Metrics(absl::string_view process) const {
  return MetricsPage::Fetch(process == "coordinator"
                                ? State().metrics_address()
                                : Cpu(CpuOf(process)).metrics_address());
}

void Cluster::Kill(absl::string_view process, int number) const {
  EXPECT_TRUE(SignalAndAwaitDeath(Pid(process), number))
      << process << " does not end by signal " << number;
}

void Cluster::Repair() const {
  const Outcome outcome = Run({"up", "--repair"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
}

v1::Operation Cluster::Change(absl::string_view verb, std::uint32_t cpu,
                              absl::string_view result) const {
  const int exit_code = result == "0" ? 0 : 1;
  const auto list = Ask<v1::OperationList>(
      {"cpu", std::string(verb), absl::StrCat(cpu), "--timeout", "30s"},
      exit_code);
  if (list.operations_size() != 1) {
    ADD_FAILURE() << list.DebugString();
    return {};
  }
  EXPECT_TRUE(list.operations(0).done()) << list.DebugString();
  EXPECT_EQ(list.operations(0).result(), result) << list.DebugString();
  return list.operations(0);
}

void Cluster::Offline(std::uint32_t cpu) const { Change("offline", cpu); }
void Cluster::Online(std::uint32_t cpu) const { Change("online", cpu); }

v1::CallReport Cluster::Call(Arguments arguments, int exit_code) const {
  arguments.insert(arguments.begin(), "call");
  return Ask<v1::CallReport>(std::move(arguments), exit_code);
}

bool Cluster::AwaitState(std::uint32_t cpu, v1::CpuState state) const {
  return WaitFor([&] { return Cpu(cpu).state() == state; });
}

bool Cluster::AwaitEqualViews() const {
  return WaitFor([this] {
    const auto dump = Ask<v1::DumpReport>({"dump"});
    for (const v1::DumpReport::Cpu& cpu : dump.cpus()) {
      if (!cpu.info().online()) continue;
      if (!cpu.has_snapshot()) return false;
      const v1::View& mine = cpu.snapshot().view();
      const v1::View& all = dump.cluster().view();
      if (mine.number() != all.number() || mine.online() != all.online()) {
        return false;
      }
    }
    return true;
  });
}

v1::AuditReport Cluster::ExpectCleanAudit() const {
  // What still runs when we ask is not lost: ask until nothing does.
  v1::AuditReport report;
  EXPECT_TRUE(WaitFor([&] {
    report = FromJson<v1::AuditReport>(Run({"audit", "-o", "json"}));
    return report.clean() && report.pending() == 0;
  })) << report.DebugString();
  EXPECT_EQ(Run({"audit"}).exit_code, 0);
  EXPECT_EQ(report.issued(), report.completed() + report.refused() +
                                 report.lost() + report.pending());
  return report;
}

void Cluster::ExpectAllCallsWork() const {
  const v1::Cluster cluster = State();
  for (const v1::CpuInfo& cpu : cluster.cpus()) {
    if (!cpu.online()) continue;
    const v1::CallReport report = Call(
        {cluster.view().online(), "nop", "--from", absl::StrCat(cpu.cpu())});
    for (const v1::CallResult& result : report.results()) {
      EXPECT_EQ(result.result(), "0") << report.DebugString();
    }
  }
}

}  // namespace belfry::e2e
