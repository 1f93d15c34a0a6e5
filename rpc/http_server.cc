#include "rpc/http_server.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <netinet/in.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "rpc/address.h"

namespace belfry::rpc {
namespace {

constexpr std::size_t kBodyMax = 1 << 20;
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

// Nothing when it is longer than we take.
std::optional<std::string> ReadBody(mg_connection* connection) {
  std::string body;
  std::array<char, 4096> part;
  int n = 0;
  while ((n = mg_read(connection, part.data(), part.size())) > 0) {
    body.append(part.data(), static_cast<std::size_t>(n));
    if (body.size() > kBodyMax) return std::nullopt;
  }
  return body;
}

HttpResponse Answer(const std::vector<HttpRoute>& routes,
                    mg_connection* connection) {
  const mg_request_info* request = mg_get_request_info(connection);
  const std::string path = request->local_uri;
  const std::string method = request->request_method;
  const bool known =
      std::any_of(routes.begin(), routes.end(),
                  [&](const HttpRoute& r) { return r.path == path; });
  const auto route = std::find_if(
      routes.begin(), routes.end(),
      [&](const HttpRoute& r) { return r.path == path && r.method == method; });
  if (route == routes.end()) {
    return known ? HttpResponse{.status = 405,
                                .body = absl::StrCat(method, " is not for ",
                                                     path, "\n")}
                 : HttpResponse{.status = 404,
                                .body = absl::StrCat("no page ", path, "\n")};
  }
  const std::optional<std::string> body = ReadBody(connection);
  if (!body) return {.status = 413, .body = "the body is over 1 MiB\n"};
  return route->handle(*body);
}

int OnRequest(mg_connection* connection, void* routes) {
  const HttpResponse response =
      Answer(*static_cast<const std::vector<HttpRoute>*>(routes), connection);
  mg_printf(connection,
            "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
            "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
            "Connection: close\r\n\r\n",
            response.status,
            mg_get_response_code_text(connection, response.status),
            response.content_type.c_str(), response.body.size());
  mg_write(connection, response.body.data(), response.body.size());
  return response.status;
}

}  // namespace

void MetricsPage::Add(std::shared_ptr<const prometheus::Collectable> source) {
  const std::lock_guard lock(mutex_);
  sources_.push_back(std::move(source));
}

std::string MetricsPage::Text() const {
  std::vector<prometheus::MetricFamily> families;
  const std::lock_guard lock(mutex_);
  for (const auto& source : sources_) {
    std::vector<prometheus::MetricFamily> more = source->Collect();
    std::move(more.begin(), more.end(), std::back_inserter(families));
  }
  return prometheus::TextSerializer().Serialize(families);
}

HttpRoute MetricsRoute(std::shared_ptr<const MetricsPage> page) {
  return {.method = "GET",
          .path = "/metrics",
          .handle = [page = std::move(page)](const std::string&) {
            return HttpResponse{
                .content_type = "text/plain; version=0.0.4; charset=utf-8",
                .body = page->Text()};
          }};
}

HttpServer::HttpServer(std::vector<HttpRoute> routes)
    : routes_(std::move(routes)) {}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    const std::string& listen, std::vector<HttpRoute> routes) {
  const absl::Status valid = CheckListenAddress(listen);
  if (!valid.ok()) return valid;
  std::unique_ptr<HttpServer> server(new HttpServer(std::move(routes)));
  // A browser and a scraper at a time; a slow one holds a thread for so long.
  const std::array<const char*, 7> options = {
      "listening_ports",    listen.c_str(), "num_threads", "2",
      "request_timeout_ms", "5000",         nullptr};
  const mg_callbacks callbacks{};
  server->context_ =
      mg_start(&callbacks, nullptr, const_cast<const char**>(options.data()));
  if (server->context_ == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("cannot serve HTTP on ", listen,
                     ": the address is in use, or is not one of this host"));
  }
  mg_set_request_handler(server->context_, "**", OnRequest, &server->routes_);
  mg_server_port port{};
  if (mg_get_server_ports(server->context_, 1, &port) == 1) {
    server->port_ = port.port;
  }
  server->address_ =
      absl::StrCat(listen.substr(0, listen.rfind(':')), ":", server->port_);
  return server;
}

// The library's thread looks at whether it is to end once in two seconds, or
// when somebody connects.
HttpServer::~HttpServer() {
  if (context_ == nullptr) return;
  const std::jthread waker([this](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any ended;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      Knock(port_);
      ended.wait_for(lock, stop, kKnockEvery, [] { return false; });
    }
  });
  mg_stop(context_);
}

}  // namespace belfry::rpc
