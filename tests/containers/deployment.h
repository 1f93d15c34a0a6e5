// What is in deploy/ for docker-compose, up on a real engine.
#ifndef BELFRY_TESTS_CONTAINERS_DEPLOYMENT_H_
#define BELFRY_TESTS_CONTAINERS_DEPLOYMENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/support/cluster.h"

namespace belfry::e2e {

// Where compose.yaml publishes them.
inline constexpr char kCoordinator[] = "127.0.0.1:7000";
inline constexpr char kWeb[] = "127.0.0.1:9100";
inline constexpr char kPrometheus[] = "127.0.0.1:9090";
inline constexpr char kAlertmanager[] = "127.0.0.1:9093";

// Names the containers, networks ("belfry-test_calls") and volumes.
inline constexpr char kProject[] = "belfry-test";

// A project of docker-compose, up as long as the object lives. The test fails
// when it does not come up, and then shows what the containers said.
class Project {
 public:
  // Of files in this source tree; "NAME=value" for each of their variables that
  // is not to have its default.
  Project(Arguments files, Arguments services,
          std::vector<std::string> variables = {});
  ~Project();
  Project(const Project&) = delete;
  Project& operator=(const Project&) = delete;

  // docker-compose, on this project.
  Outcome Compose(Arguments arguments) const;
  // The containers of a service.
  std::vector<std::string> Containers(const std::string& service) const;

  // The command line in a container of its own.
  Outcome RunInContainer(Arguments arguments) const;
  template <typename Message>
  Message AskInContainer(Arguments arguments) const {
    arguments.insert(arguments.end(), {"-o", "json"});
    const Outcome outcome = RunInContainer(std::move(arguments));
    EXPECT_EQ(outcome.exit_code, 0) << outcome;
    return FromJson<Message>(outcome);
  }

 protected:
  std::vector<std::string> variables_;

 private:
  std::vector<std::string> AllContainers() const;

  Arguments files_;
};

// deploy/compose.yaml, watched by Prometheus.
class Deployment : public Project {
 public:
  explicit Deployment(std::vector<std::string> variables = {});

  // The same machine with another number of nodes.
  void Scale(int cpus);

  // The command line on the host.
  Outcome Run(Arguments arguments) const;
  std::unique_ptr<Program> Start(Arguments arguments) const;
  template <typename Message>
  Message Ask(Arguments arguments, int exit_code = 0) const {
    arguments.insert(arguments.end(), {"-o", "json"});
    const Outcome outcome = Run(std::move(arguments));
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome;
    return FromJson<Message>(outcome);
  }

  // Where it was just started.
  bool AwaitCoordinator() const;
  v1::Cluster State() const;
  bool AwaitOnline(const std::string& cpus) const;
  // Nothing is lost, stranded, run twice or under way.
  v1::AuditReport ExpectCleanAudit() const;

  // The container that is this CPU.
  std::string ContainerOf(std::uint32_t cpu) const;

 private:
  Belfry host_;
};

// docker; fails the test when it does not succeed.
std::string Docker(Arguments arguments);

}  // namespace belfry::e2e

#endif  // BELFRY_TESTS_CONTAINERS_DEPLOYMENT_H_
