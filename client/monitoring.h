// Prometheus and Alertmanager for a cluster on this host: `belfry up
// --monitoring`. With the rules and the configuration that deployments use,
// held inside the program.
#ifndef BELFRY_CLIENT_MONITORING_H_
#define BELFRY_CLIENT_MONITORING_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "belfry/v1/report.pb.h"
#include "client/state_dir.h"

namespace belfry::client {

struct EmbeddedFile {
  std::string_view name;
  std::string_view content;
};

// The files of deploy/prometheus. Live as long as the program.
std::span<const EmbeddedFile> EmbeddedMonitoring();

// How one of the two is run, and where it will listen.
struct MonitoringService {
  std::vector<std::string> argv;
  std::string address;
};

// Writes its configuration below the state directory. The coordinator must have
// an address, and Alertmanager before Prometheus. FAILED_PRECONDITION names the
// package when the program is not installed.
absl::StatusOr<MonitoringService> PrepareMonitoring(
    const StateDir& dir, const v1::LocalCluster& cluster,
    absl::string_view name);

// Somebody listens on "127.0.0.1:PORT".
bool Answers(const std::string& address);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_MONITORING_H_
