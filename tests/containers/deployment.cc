#include "tests/containers/deployment.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace belfry::e2e {
namespace {

// Containers are started one after the other, on a host that does other work.
constexpr std::chrono::minutes kComposePatience{3};

std::string Variable(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

std::vector<std::string> Words(const std::string& text) {
  return absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
}

}  // namespace

std::string Docker(Arguments arguments) {
  arguments.insert(arguments.begin(), "docker");
  const Outcome outcome =
      RunProgram(std::move(arguments), "", kComposePatience);
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  return std::string(absl::StripTrailingAsciiWhitespace(outcome.out));
}

Project::Project(Arguments files, Arguments services,
                 std::vector<std::string> variables)
    : variables_(std::move(variables)), files_(std::move(files)) {
  services.insert(services.begin(), {"up", "-d"});
  const Outcome up = Compose(std::move(services));
  EXPECT_EQ(up.exit_code, 0) << up;
}

Project::~Project() {
  if (::testing::Test::HasFailure()) {
    std::cerr << Compose({"ps"}).out
              << Compose({"logs", "--no-color", "--tail", "40"}).out;
  }
  // All at once, and without a farewell. What is left for compose is quick; it
  // still gives up when the engine is busy with a container: again, then.
  Arguments remove = {"docker", "rm", "--force", "--volumes"};
  const std::vector<std::string> all = AllContainers();
  remove.insert(remove.end(), all.begin(), all.end());
  const Outcome removed = RunProgram(remove, "", kComposePatience);
  Outcome down;
  EXPECT_TRUE(WaitFor(
      [&] {
        down = Compose({"down", "--volumes", "--remove-orphans"});
        return down.exit_code == 0;
      },
      kComposePatience))
      << down << "\nbefore that: " << removed;
}

Outcome Project::Compose(Arguments arguments) const {
  Arguments argv = absl::StrSplit(Variable("COMPOSE", "docker-compose"), ' ');
  argv.insert(argv.end(), {"--project-name", kProject});
  for (const std::string& file : files_) {
    argv.insert(argv.end(),
                {"--file", absl::StrCat(BELFRY_SOURCE_DIR, "/", file)});
  }
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return Program(std::move(argv), "", variables_).Wait(kComposePatience);
}

std::vector<std::string> Project::Containers(const std::string& service) const {
  const Outcome outcome = Compose({"ps", "-q", service});
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  return Words(outcome.out);
}

// Those of one-off commands, and those that have ended, as well.
std::vector<std::string> Project::AllContainers() const {
  return Words(
      Docker({"ps", "--all", "--quiet", "--filter",
              absl::StrCat("label=com.docker.compose.project=", kProject)}));
}

Outcome Project::RunInContainer(Arguments arguments) const {
  arguments.insert(arguments.begin(), {"run", "--rm", "-T", "cli"});
  return Compose(std::move(arguments));
}

Deployment::Deployment(std::vector<std::string> variables)
    : Project({"deploy/compose.yaml", "tests/containers/override.yaml"},
              {"coordinator", "node", "prometheus", "alertmanager"},
              std::move(variables)) {}

void Deployment::Scale(int cpus) {
  std::erase_if(variables_,
                [](const std::string& v) { return v.starts_with("CPUS="); });
  variables_.push_back(absl::StrCat("CPUS=", cpus));
  const Outcome up = Compose({"up", "-d", "coordinator", "node"});
  EXPECT_EQ(up.exit_code, 0) << up;
}

Outcome Deployment::Run(Arguments arguments) const {
  arguments.insert(arguments.begin(), {"--coordinator", kCoordinator});
  return host_.Run(arguments);
}

std::unique_ptr<Program> Deployment::Start(Arguments arguments) const {
  arguments.insert(arguments.begin(), {"--coordinator", kCoordinator});
  return host_.Start(arguments);
}

bool Deployment::AwaitCoordinator() const {
  return WaitFor([&] { return Run({"status"}).exit_code == 0; });
}

v1::Cluster Deployment::State() const {
  return FromJson<v1::ClusterStatus>(Run({"status", "-o", "json"})).cluster();
}

bool Deployment::AwaitOnline(const std::string& cpus) const {
  return WaitFor([&] { return State().view().online() == cpus; });
}

v1::AuditReport Deployment::ExpectCleanAudit() const {
  v1::AuditReport report;
  EXPECT_TRUE(WaitFor([&] {
    report = FromJson<v1::AuditReport>(Run({"audit", "-o", "json"}));
    return report.clean() && report.pending() == 0;
  })) << report.DebugString();
  return report;
}

std::string Deployment::ContainerOf(std::uint32_t cpu) const {
  const v1::Cluster cluster = State();
  for (const v1::CpuInfo& info : cluster.cpus()) {
    if (info.cpu() != cpu) continue;
    const std::string host =
        info.address().substr(0, info.address().rfind(':'));
    for (const std::string& container : Containers("node")) {
      const auto addresses = Words(
          Docker({"inspect", "--format",
                  "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}",
                  container}));
      if (std::find(addresses.begin(), addresses.end(), host) !=
          addresses.end()) {
        return container;
      }
    }
  }
  ADD_FAILURE() << "no container is cpu/" << cpu << "\n"
                << cluster.DebugString();
  return "";
}

}  // namespace belfry::e2e
