// A machine of real processes, started and driven by the command line.
#ifndef BELFRY_TESTS_E2E_SUPPORT_CLUSTER_H_
#define BELFRY_TESTS_E2E_SUPPORT_CLUSTER_H_

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "belfry/v1/report.pb.h"
#include "tests/e2e/support/metrics_page.h"
#include "tests/e2e/support/program.h"

namespace belfry::e2e {

using Arguments = std::vector<std::string>;

// Reads what a verb prints with `-o json`; a failure of the test when it is not
// that message.
template <typename Message>
Message FromJson(const Outcome& outcome) {
  Message message;
  const auto status =
      google::protobuf::util::JsonStringToMessage(outcome.out, &message);
  EXPECT_TRUE(status.ok()) << status.ToString() << "\n" << outcome;
  return message;
}

// The program `belfry` on one state directory. All that it starts and leaves
// behind ends with this object.
class Belfry {
 public:
  // On a folder of its own.
  Belfry();
  // On one that is there, and that goes with this object.
  explicit Belfry(std::string state_dir);
  virtual ~Belfry();
  Belfry(const Belfry&) = delete;
  Belfry& operator=(const Belfry&) = delete;

  const std::string& state_dir() const { return state_dir_; }

  Outcome Run(const Arguments& arguments, absl::string_view input = "",
              std::chrono::milliseconds timeout = kPatience) const;
  std::unique_ptr<Program> Start(const Arguments& arguments) const;
  // One of the other programs, with the arguments as they are.
  std::unique_ptr<Program> StartServer(absl::string_view name,
                                       const Arguments& arguments) const;

  // The answer as a message. The exit code must be the one expected.
  template <typename Message>
  Message Ask(Arguments arguments, int exit_code = 0) const {
    arguments.insert(arguments.end(), {"-o", "json"});
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.exit_code, exit_code)
        << ::testing::PrintToString(arguments) << "\n"
        << outcome;
    return FromJson<Message>(outcome);
  }

 protected:
  // Of every command.
  Arguments flags_;

 private:
  TempDir own_;
  std::string state_dir_;
  bool borrowed_ = false;
};

struct Machine {
  int cpus = 4;
  std::string profile = "belfry";
  // More flags of `up`.
  Arguments flags = {};
};

// Up as long as the object lives; the test fails when it does not come up.
class Cluster : public Belfry {
 public:
  explicit Cluster(const Machine& machine = {});
  // One that is up already, on a folder that goes with the object.
  static Cluster Adopt(const std::string& state_dir);
  // One that others have started and end, reached at its coordinators.
  static Cluster Of(const std::string& coordinators);
  ~Cluster() override;

  // ---- What it is.
  v1::ClusterStatus Status() const;
  v1::Cluster State() const;
  v1::CpuInfo Cpu(std::uint32_t cpu) const;
  // Of "coordinator", "cpu/3", "prometheus".
  pid_t Pid(absl::string_view process) const;
  std::string Address(absl::string_view process) const;
  MetricsPage Metrics(absl::string_view process) const;

  // ---- What is done to it.
  void Kill(absl::string_view process, int number = 9) const;
  // A coordinator or CPU processes that died are started again.
  void Repair() const;
  void Offline(std::uint32_t cpu) const;
  void Online(std::uint32_t cpu) const;
  // Operations that succeed, or end with this errno.
  v1::Operation Change(absl::string_view verb, std::uint32_t cpu,
                       absl::string_view result = "0") const;
  v1::CallReport Call(Arguments arguments, int exit_code = 0) const;

  // ---- What must be so.
  bool AwaitState(std::uint32_t cpu, v1::CpuState state) const;
  // All that are online hold the same view, and it is the coordinator's.
  bool AwaitEqualViews() const;
  // Nothing is lost, stranded, run twice or under way.
  v1::AuditReport ExpectCleanAudit() const;
  // Each CPU that is online calls each other.
  void ExpectAllCallsWork() const;

 private:
  struct Adopted {};
  Cluster(Adopted, const std::string& state_dir);
  struct Reached {};
  Cluster(Reached, const std::string& coordinators);
};

// The folder of the cluster that a run with --keep says that it kept.
std::string KeptIn(const Outcome& outcome);

// "cpu/3".
std::string CpuName(std::uint32_t cpu);

}  // namespace belfry::e2e

#endif  // BELFRY_TESTS_E2E_SUPPORT_CLUSTER_H_
