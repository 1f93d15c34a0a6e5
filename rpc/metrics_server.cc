#include "rpc/metrics_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <prometheus/exposer.h>
#include <prometheus/registry.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace belfry::rpc {
namespace {

constexpr std::chrono::milliseconds kKnockEvery{10};

// Connects to a port of this host, and goes.
void Knock(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  (void)::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  ::close(fd);
}

}  // namespace

MetricsServer::MetricsServer() = default;
// The library's thread looks at whether it is to end once in two seconds, or
// when somebody connects.
MetricsServer::~MetricsServer() {
  const std::jthread waker([this](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any ended;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      Knock(port_);
      ended.wait_for(lock, stop, kKnockEvery, [] { return false; });
    }
  });
  exposer_.reset();
}

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
  result->port_ = ports.empty() ? 0 : ports.front();
  result->address_ =
      absl::StrCat(listen.substr(0, listen.rfind(':')), ":", result->port_);
  return result;
}

}  // namespace belfry::rpc
