#include "tests/e2e/support/etcd.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace belfry::e2e {
namespace {

// Ports that were free a moment ago, all different: etcd cannot be told to take
// any, for its members must know each other's.
std::vector<std::string> FreeAddresses(int count) {
  std::vector<int> sockets;
  std::vector<std::string> addresses;
  for (int i = 0; i < count; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    sockets.push_back(fd);
    addresses.push_back(absl::StrCat("127.0.0.1:", ntohs(address.sin_port)));
  }
  for (const int fd : sockets) close(fd);
  return addresses;
}

}  // namespace

bool Etcd::IsInstalled() { return access("/usr/bin/etcd", X_OK) == 0; }

Etcd::Etcd(int members) {
  const std::vector<std::string> addresses = FreeAddresses(2 * members);
  for (int i = 0; i < members; ++i) {
    members_.push_back({.name = absl::StrCat("m", i),
                        .client = addresses[2 * i],
                        .peer = addresses[2 * i + 1]});
  }
  for (int i = 0; i < members; ++i) Start(i);
  AwaitReady();
}

std::vector<std::string> Etcd::endpoint_list() const {
  std::vector<std::string> list;
  for (const Member& member : members_) list.push_back(member.client);
  return list;
}

std::string Etcd::endpoints() const {
  return absl::StrJoin(endpoint_list(), ",");
}

void Etcd::Kill(int member) {
  members_[member].program->Signal(SIGKILL);
  members_[member].program->Wait();
}

void Etcd::Start(int member) {
  const std::string cluster =
      absl::StrJoin(members_, ",", [](std::string* out, const Member& m) {
        absl::StrAppend(out, m.name, "=http://", m.peer);
      });
  Member& me = members_[member];
  const std::string client = "http://" + me.client;
  const std::string peer = "http://" + me.peer;
  me.program = std::make_unique<Program>(std::vector<std::string>{
      "etcd", "--name", me.name, "--data-dir", dir_.File(me.name),
      "--listen-client-urls", client, "--advertise-client-urls", client,
      "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
      "--initial-cluster", cluster, "--heartbeat-interval", "50",
      "--election-timeout", "500"});
}

void Etcd::AwaitReady() const {
  EXPECT_TRUE(WaitFor([this] {
    const Outcome health =
        Program({"etcdctl", "--endpoints", endpoints(), "endpoint", "health"},
                "", {"ETCDCTL_API=3"})
            .Wait();
    return health.exit_code == 0;
  })) << members_.front().program->err();
}

}  // namespace belfry::e2e
