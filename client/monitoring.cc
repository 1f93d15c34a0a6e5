#include "client/monitoring.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/process.h"
#include "rpc/files.h"

namespace belfry::client {
namespace {

// Where the files of deploy/prometheus expect others.
constexpr char kCoordinatorHere[] = "coordinator:9100";
constexpr char kAlertmanagerHere[] = "alertmanager:9093";

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// One that nobody has now. Neither program tells which it found when it is
// asked for any.
std::optional<std::uint16_t> FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool ok =
      ::bind(fd, generic, size) == 0 && ::getsockname(fd, generic, &size) == 0;
  ::close(fd);
  if (!ok) return std::nullopt;
  return ntohs(address.sin_port);
}

absl::StatusOr<std::string> FindService(absl::string_view name) {
  // Debian calls both after Prometheus.
  const bool alertmanager = name == kAlertmanagerName;
  const std::string package =
      alertmanager ? "prometheus-alertmanager" : std::string(name);
  absl::StatusOr<std::string> program = FindProgram(package);
  if (!program.ok() && alertmanager) program = FindProgram(name);
  if (program.ok()) return program;
  return absl::FailedPreconditionError(
      absl::StrCat("--monitoring needs ", std::string(name),
                   ", which is not installed; run: apt-get install ", package));
}

absl::Status WriteConfiguration(const StateDir& dir,
                                const v1::LocalCluster& cluster) {
  std::error_code error;
  std::filesystem::create_directories(dir.monitoring_dir(), error);
  const auto* coordinator = FindProcess(cluster, kCoordinatorName);
  const auto* alertmanager = FindProcess(cluster, kAlertmanagerName);
  for (const EmbeddedFile& file : EmbeddedMonitoring()) {
    const std::string text = absl::StrReplaceAll(
        std::string(file.content),
        {{kCoordinatorHere, coordinator->metrics_address()},
         {kAlertmanagerHere,
          alertmanager != nullptr ? alertmanager->address() : ""}});
    const absl::Status status = rpc::WriteFileAtomically(
        absl::StrCat(dir.monitoring_dir(), "/", std::string(file.name)), text);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::vector<std::string> CommandOf(const std::string& program,
                                   const StateDir& dir, absl::string_view name,
                                   const std::string& address) {
  const std::string folder = dir.monitoring_dir();
  std::vector<std::string> argv = {
      program,
      absl::StrCat("--config.file=", folder, "/", std::string(name), ".yml"),
      absl::StrCat("--web.listen-address=", address)};
  if (name == kPrometheusName) {
    argv.push_back(absl::StrCat("--storage.tsdb.path=", folder, "/tsdb"));
    argv.push_back("--storage.tsdb.retention.time=2d");
  } else {
    argv.push_back(absl::StrCat("--storage.path=", folder, "/alerts"));
    // One alone, that looks for no others.
    argv.push_back("--cluster.listen-address=");
  }
  return argv;
}

}  // namespace

absl::StatusOr<MonitoringService> PrepareMonitoring(
    const StateDir& dir, const v1::LocalCluster& cluster,
    absl::string_view name) {
  const absl::StatusOr<std::string> program = FindService(name);
  if (!program.ok()) return program.status();
  MonitoringService service;
  const auto* before = FindProcess(cluster, name);
  if (before != nullptr && !before->address().empty()) {
    service.address = before->address();
  } else {
    const std::optional<std::uint16_t> port = FreePort();
    if (!port) return absl::UnavailableError("no free port on 127.0.0.1");
    service.address = absl::StrCat("127.0.0.1:", *port);
  }
  const absl::Status written = WriteConfiguration(dir, cluster);
  if (!written.ok()) return written;
  service.argv = CommandOf(*program, dir, name, service.address);
  return service;
}

bool Answers(const std::string& address) {
  std::uint32_t port = 0;
  if (!absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port)) {
    return false;
  }
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const sockaddr_in to = Loopback(static_cast<std::uint16_t>(port));
  const bool connected =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0;
  ::close(fd);
  return connected;
}

}  // namespace belfry::client
