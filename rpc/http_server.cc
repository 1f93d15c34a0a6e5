#include "rpc/http_server.h"

#include <prometheus/text_serializer.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace belfry::rpc {
namespace {

constexpr std::size_t kHeadMax = 16 << 10;
constexpr std::size_t kBodyMax = 1 << 20;
// A browser and a scraper at a time; a slow one holds a thread for so long.
constexpr int kThreads = 2;
constexpr std::chrono::seconds kPatience{5};
constexpr char kEndOfHead[] = "\r\n\r\n";

struct HttpRequest {
  std::string method;
  // Without what follows a '?'.
  std::string path;
  std::size_t length = 0;
  bool expects_continue = false;
};

absl::string_view Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Bad Request";
  }
}

// One request and its answer. Both ends of a connection have the same patience,
// and together no more.
class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Nothing when there is none, or what there is makes no sense.
  std::optional<HttpRequest> ReadHead() {
    std::size_t end = 0;
    while ((end = data_.find(kEndOfHead)) == std::string::npos) {
      if (data_.size() > kHeadMax || !ReadMore()) return std::nullopt;
    }
    const std::vector<std::string> lines =
        absl::StrSplit(data_.substr(0, end), "\r\n");
    data_.erase(0, end + sizeof(kEndOfHead) - 1);
    const std::vector<std::string> words = absl::StrSplit(lines[0], ' ');
    if (words.size() != 3 || !absl::StartsWith(words[2], "HTTP/1.")) {
      return std::nullopt;
    }
    HttpRequest request{.method = words[0],
                        .path = words[1].substr(0, words[1].find('?'))};
    for (std::size_t i = 1; i < lines.size(); ++i) {
      const std::pair<absl::string_view, absl::string_view> field =
          absl::StrSplit(lines[i], absl::MaxSplits(':', 1));
      const absl::string_view value = absl::StripAsciiWhitespace(field.second);
      if (absl::EqualsIgnoreCase(field.first, "Content-Length") &&
          !absl::SimpleAtoi(value, &request.length)) {
        return std::nullopt;
      }
      request.expects_continue =
          request.expects_continue ||
          (absl::EqualsIgnoreCase(field.first, "Expect") &&
           absl::EqualsIgnoreCase(value, "100-continue"));
    }
    return request;
  }

  // Nothing when it is longer than we take. It is read all the same, as far as
  // patience goes: who still writes does not see an answer.
  std::optional<std::string> ReadBody(const HttpRequest& request) {
    if (request.expects_continue) Write("HTTP/1.1 100 Continue\r\n\r\n");
    std::size_t read = data_.size();
    while (read < request.length) {
      const std::size_t before = data_.size();
      if (!ReadMore()) return std::nullopt;
      read += data_.size() - before;
      if (read > kBodyMax) data_.clear();
    }
    if (request.length > kBodyMax) return std::nullopt;
    return data_.substr(0, request.length);
  }

  void Answer(const HttpResponse& response) {
    if (Write(absl::StrCat("HTTP/1.1 ", response.status, " ",
                           Reason(response.status),
                           "\r\nContent-Type: ", response.content_type,
                           "\r\nContent-Length: ", response.body.size(),
                           "\r\nCache-Control: no-store"
                           "\r\nX-Content-Type-Options: nosniff"
                           "\r\nConnection: close\r\n\r\n"))) {
      Write(response.body);
    }
    ::shutdown(fd_, SHUT_WR);
  }

 private:
  // What a read or a write may still wait; false: nothing.
  bool SetTimeout(int option) const {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(
        end_ - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    const timeval time{.tv_sec = left.count() / 1'000'000,
                       .tv_usec = left.count() % 1'000'000};
    return ::setsockopt(fd_, SOL_SOCKET, option, &time, sizeof(time)) == 0;
  }

  bool ReadMore() {
    std::array<char, 16384> part;
    if (!SetTimeout(SO_RCVTIMEO)) return false;
    const ssize_t n = ::recv(fd_, part.data(), part.size(), 0);
    if (n <= 0) return false;
    data_.append(part.data(), static_cast<std::size_t>(n));
    return true;
  }

  bool Write(absl::string_view text) const {
    while (!text.empty()) {
      if (!SetTimeout(SO_SNDTIMEO)) return false;
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  int fd_;
  std::chrono::steady_clock::time_point end_ =
      std::chrono::steady_clock::now() + kPatience;
  // Read, and not yet used.
  std::string data_;
};

HttpResponse Respond(const std::vector<HttpRoute>& routes,
                     Connection& connection, const HttpRequest& request) {
  const bool known =
      std::any_of(routes.begin(), routes.end(),
                  [&](const HttpRoute& r) { return r.path == request.path; });
  const auto route =
      std::find_if(routes.begin(), routes.end(), [&](const HttpRoute& r) {
        return r.path == request.path && r.method == request.method;
      });
  if (route == routes.end()) {
    return known ? HttpResponse{.status = 405,
                                .body =
                                    absl::StrCat(request.method, " is not for ",
                                                 request.path, "\n")}
                 : HttpResponse{
                       .status = 404,
                       .body = absl::StrCat("no page ", request.path, "\n")};
  }
  const std::optional<std::string> body = connection.ReadBody(request);
  if (!body) return {.status = 413, .body = "the body is over 1 MiB\n"};
  return route->handle(*body);
}

void Answer(const std::vector<HttpRoute>& routes, int fd) {
  Connection connection(fd);
  const std::optional<HttpRequest> request = connection.ReadHead();
  connection.Answer(request
                        ? Respond(routes, connection, *request)
                        : HttpResponse{.status = 400, .body = "no request\n"});
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
  auto listener = Listener::Open(listen);
  if (!listener.ok()) return listener.status();
  std::unique_ptr<HttpServer> server(new HttpServer(std::move(routes)));
  server->listener_ = *std::move(listener);
  server->listener_->Serve(
      kThreads, [s = server.get()](int fd) { Answer(s->routes_, fd); });
  return server;
}

}  // namespace belfry::rpc
