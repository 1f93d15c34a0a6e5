// HTTP for what is not gRPC: Prometheus' scrapes, and people's browsers.
#ifndef BELFRY_RPC_HTTP_SERVER_H_
#define BELFRY_RPC_HTTP_SERVER_H_

#include <prometheus/collectable.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "rpc/listener.h"

namespace belfry::rpc {

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

struct HttpRoute {
  // "GET" or "POST".
  std::string method;
  // The whole path: "/metrics".
  std::string path;
  // Gets the request's body. Called on the server's threads, so at the same
  // time as everything else.
  std::function<HttpResponse(const std::string& body)> handle;
};

// What a process shows to Prometheus, from several sources. Thread-safe.
class MetricsPage {
 public:
  void Add(std::shared_ptr<const prometheus::Collectable> source);
  // In Prometheus' text format.
  std::string Text() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const prometheus::Collectable>> sources_;
};

// GET /metrics.
HttpRoute MetricsRoute(std::shared_ptr<const MetricsPage> page);

class HttpServer {
 public:
  // Listens on "host:port" (port 0: any). Unavailable when the address is
  // taken. Bodies over 1 MiB are refused.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      const std::string& listen, std::vector<HttpRoute> routes);

  // Where it listens, with the port that was found.
  const std::string& address() const { return listener_->address(); }

 private:
  explicit HttpServer(std::vector<HttpRoute> routes);

  std::vector<HttpRoute> routes_;
  // The last: its threads use all of the above, until it is gone.
  std::unique_ptr<Listener> listener_;
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_HTTP_SERVER_H_
