#include "rpc/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

namespace belfry::rpc {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// The whole answer to what is sent, with its head.
std::string Exchange(const std::string& address, const std::string& text) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<std::uint16_t>(
      std::stoi(address.substr(address.rfind(':') + 1))));
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  EXPECT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
  std::string answer;
  std::array<char, 4096> part;
  ssize_t n = 0;
  while ((n = ::recv(fd, part.data(), part.size(), 0)) > 0) {
    answer.append(part.data(), static_cast<std::size_t>(n));
  }
  ::close(fd);
  return answer;
}

std::unique_ptr<HttpServer> StartServer() {
  auto server = HttpServer::Start(
      "127.0.0.1:0",
      {{"GET", "/",
        [](const std::string&) { return HttpResponse{.body = "root"}; }},
       {"POST", "/echo", [](const std::string& body) {
          return HttpResponse{.body = "<" + body + ">"};
        }}});
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

TEST(HttpServerTest, RoutesByMethodAndWholePath) {
  const auto server = StartServer();
  const auto get = [&](const std::string& path) {
    return Exchange(server->address(),
                    "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
  };
  EXPECT_THAT(get("/"), HasSubstr("\r\n\r\nroot"));
  EXPECT_THAT(get("/?a=b"), HasSubstr("\r\n\r\nroot"));
  EXPECT_THAT(get("/other"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(get("/echo"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(get("/../etc/passwd"), testing::Not(HasSubstr("200 OK")));
}

TEST(HttpServerTest, HandsOverTheBody) {
  const auto server = StartServer();
  EXPECT_THAT(Exchange(server->address(),
                       "POST /echo HTTP/1.1\r\nHost: x\r\n"
                       "Content-Length: 5\r\n\r\nhello"),
              HasSubstr("\r\n\r\n<hello>"));
}

TEST(HttpServerTest, ABodyHasABound) {
  const auto server = StartServer();
  const std::string body((1 << 20) + 4097, 'x');
  EXPECT_THAT(Exchange(server->address(),
                       "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " +
                           std::to_string(body.size()) + "\r\n\r\n" + body),
              HasSubstr("413"));
}

TEST(HttpServerTest, AnAddressThatIsTakenIsNamed) {
  const auto server = StartServer();
  const auto second = HttpServer::Start(server->address(), {});
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(server->address()));
}

}  // namespace
}  // namespace belfry::rpc
