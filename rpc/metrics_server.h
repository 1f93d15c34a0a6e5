// The /metrics page of a process.
#ifndef BELFRY_RPC_METRICS_SERVER_H_
#define BELFRY_RPC_METRICS_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace prometheus {
class Exposer;
class Registry;
}  // namespace prometheus

namespace belfry::rpc {

class MetricsServer {
 public:
  // Listens on "host:port" (port 0: any). Unavailable when the address is
  // taken.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const std::string& listen,
      std::shared_ptr<prometheus::Registry> registry);
  ~MetricsServer();

  const std::string& address() const { return address_; }

 private:
  MetricsServer();

  std::shared_ptr<prometheus::Registry> registry_;
  std::unique_ptr<prometheus::Exposer> exposer_;
  int port_ = 0;
  std::string address_;
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_METRICS_SERVER_H_
