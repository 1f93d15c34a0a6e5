#include "rpc/metrics_server.h"

#include <prometheus/exposer.h>
#include <prometheus/registry.h>

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"

namespace belfry::rpc {

MetricsServer::MetricsServer() = default;
MetricsServer::~MetricsServer() = default;

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& listen, std::shared_ptr<prometheus::Registry> registry) {
  std::unique_ptr<MetricsServer> result(new MetricsServer);
  // The library reports by exceptions; they end here.
  try {
    result->exposer_ = std::make_unique<prometheus::Exposer>(listen, 1);
  } catch (const std::exception& e) {
    return absl::UnavailableError(
        absl::StrCat("cannot serve metrics on ", listen,
                     ": the address is in use, or is not one of this host"));
  }
  result->registry_ = std::move(registry);
  result->exposer_->RegisterCollectable(result->registry_);
  const auto ports = result->exposer_->GetListeningPorts();
  result->address_ = absl::StrCat(listen.substr(0, listen.rfind(':')), ":",
                                  ports.empty() ? 0 : ports.front());
  return result;
}

}  // namespace belfry::rpc
