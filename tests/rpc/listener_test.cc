#include "rpc/listener.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>
#include <string>
#include <vector>

namespace belfry::rpc {
namespace {

using testing::HasSubstr;

int Connect(const std::string& address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<std::uint16_t>(
      std::stoi(address.substr(address.rfind(':') + 1))));
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  return fd;
}

// Says one letter, and goes.
std::unique_ptr<Listener> Greeter() {
  auto listener = Listener::Open("127.0.0.1:0");
  EXPECT_TRUE(listener.ok()) << listener.status();
  (*listener)->Serve(1, [](int fd) {
    EXPECT_EQ(::send(fd, "x", 1, MSG_NOSIGNAL), 1);
    ::close(fd);
  });
  return *std::move(listener);
}

bool IsGreeted(int fd, int timeout_ms) {
  pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
  char letter = 0;
  return ::poll(&wait, 1, timeout_ms) == 1 && ::recv(fd, &letter, 1, 0) == 1;
}

double CpuSeconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) * 1e-9;
}

TEST(ListenerTest, WithoutDescriptorsItWaitsAndThenGoesOn) {
  const auto listener = Greeter();
  std::vector<int> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(Connect(listener->address()));
  for (const int fd : clients) EXPECT_TRUE(IsGreeted(fd, 10'000));
  clients.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(
      listener->address().substr(listener->address().rfind(':') + 1))));
  const int late = clients.back();
  ASSERT_EQ(::connect(late, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  const double start = CpuSeconds();
  EXPECT_FALSE(IsGreeted(late, 600));
  EXPECT_LT(CpuSeconds() - start, 0.3) << "it spins";
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(IsGreeted(late, 10'000)) << "it waited at the door";
  for (const int fd : clients) ::close(fd);
}

TEST(ListenerTest, ATakenAddressIsNamedAndAnEndIsQuick) {
  auto listener = Greeter();
  const auto second = Listener::Open(listener->address());
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(listener->address()));
  const std::string address = listener->address();
  listener.reset();
  EXPECT_TRUE(Listener::Open(address).ok());
}

TEST(ListenerTest, AUnixSocketThatWasLeftBehindIsInNobodysWay) {
  const std::string path =
      testing::TempDir() + "/listener." + std::to_string(::getpid());
  auto first = Listener::Open("unix:" + path);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ((*first)->address(), "unix:" + path);
  EXPECT_TRUE(Listener::Open("unix:" + path).ok());
}

}  // namespace
}  // namespace belfry::rpc
