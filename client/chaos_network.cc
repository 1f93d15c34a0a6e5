#include "client/chaos_network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/packet.h"

namespace belfry::client {
namespace {

// 10.77.0.0/24: nobody else is in these namespaces.
constexpr std::uint32_t kNetwork = 0x0a4d0000;
constexpr std::uint32_t kNetmask = 0xffffff00;
constexpr absl::string_view kWireName = "wire";
// Large, so that there are few packets.
constexpr int kMtu = 16'000;
constexpr std::size_t kPacketBytes = 65'536;
constexpr absl::Duration kIdle = absl::Seconds(1);

std::uint32_t NumberOf(std::size_t host) {
  return kNetwork + static_cast<std::uint32_t>(host) + 1;
}

absl::Status Failed(absl::string_view what) {
  return absl::FailedPreconditionError(
      absl::StrCat(std::string(what), ": ", std::strerror(errno)));
}

ifreq Interface(absl::string_view name) {
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), name.size());
  return request;
}

ifreq WithAddress(std::uint32_t address) {
  ifreq request = Interface(kWireName);
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(address);
  std::memcpy(&request.ifr_addr, &in, sizeof(in));
  return request;
}

bool SetUp(int socket, absl::string_view name) {
  ifreq request = Interface(name);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ioctl(socket, SIOCSIFFLAGS, &request) == 0;
}

// In the namespace of the calling thread.
bool Configure(std::uint32_t address) {
  const FileDescriptor any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq own = WithAddress(address);
  ifreq mask = WithAddress(kNetmask);
  ifreq mtu = Interface(kWireName);
  mtu.ifr_mtu = kMtu;
  return any.ok() && SetUp(any.number(), "lo") &&
         ioctl(any.number(), SIOCSIFADDR, &own) == 0 &&
         ioctl(any.number(), SIOCSIFNETMASK, &mask) == 0 &&
         ioctl(any.number(), SIOCSIFMTU, &mtu) == 0 &&
         SetUp(any.number(), kWireName);
}

}  // namespace

absl::StatusOr<ChaosNetwork::Place> ChaosNetwork::MakePlace(std::size_t host) {
  if (unshare(CLONE_NEWNET) != 0) return Failed("no network namespace");
  Place place;
  place.space =
      FileDescriptor(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  place.wire =
      FileDescriptor(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!place.space.ok() || !place.wire.ok()) return Failed("no TUN device");
  ifreq tun = Interface(kWireName);
  tun.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(place.wire.number(), TUNSETIFF, &tun) != 0 ||
      !Configure(NumberOf(host))) {
    return Failed("cannot make a TUN device");
  }
  return place;
}

absl::StatusOr<std::unique_ptr<ChaosNetwork>> ChaosNetwork::Make(
    std::size_t hosts, std::uint64_t seed) {
  std::unique_ptr<ChaosNetwork> network(new ChaosNetwork(hosts, seed));
  for (std::size_t host = 0; host < hosts; ++host) {
    absl::StatusOr<Place> place;
    // A thread of its own takes its namespace with it.
    std::thread([&] { place = MakePlace(host); }).join();
    if (!place.ok()) return place.status();
    network->places_.push_back(*std::move(place));
  }
  absl::StatusOr<Place> ours = MakePlace(hosts);
  if (!ours.ok()) return ours.status();
  network->places_.push_back(*std::move(ours));
  network->router_ = std::thread([router = network.get()] { router->Route(); });
  return network;
}

ChaosNetwork::ChaosNetwork(std::size_t hosts, std::uint64_t seed)
    : hosts_(hosts),
      stop_(eventfd(0, EFD_CLOEXEC)),
      wires_(hosts),
      random_(seed) {}

ChaosNetwork::~ChaosNetwork() {
  if (!router_.joinable()) return;
  const std::uint64_t one = 1;
  (void)!write(stop_.number(), &one, sizeof(one));
  router_.join();
}

std::string ChaosNetwork::AddressOf(std::size_t host) {
  const in_addr address{htonl(NumberOf(host))};
  std::array<char, INET_ADDRSTRLEN> text{};
  return inet_ntop(AF_INET, &address, text.data(), text.size());
}

std::string ChaosNetwork::NamespaceOf(std::size_t host) const {
  return absl::StrCat("/proc/self/fd/", places_[host].space.number());
}

void ChaosNetwork::Set(Wires wires) {
  const std::lock_guard lock(mutex_);
  wires_ = std::move(wires);
}

v1::ChaosReport::Network ChaosNetwork::Counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

// ---- The router.

void ChaosNetwork::Route() {
  std::vector<pollfd> files;
  for (const Place& place : places_) {
    files.push_back({.fd = place.wire.number(), .events = POLLIN});
  }
  files.push_back({.fd = stop_.number(), .events = POLLIN});
  while (true) {
    const timespec wait = absl::ToTimespec(DeliverDue());
    if (ppoll(files.data(), files.size(), &wait, nullptr) <= 0) continue;
    if (files.back().revents != 0) return;
    for (std::size_t host = 0; host < places_.size(); ++host) {
      if (files[host].revents != 0) Receive(host);
    }
  }
}

void ChaosNetwork::Receive(std::size_t from) {
  // A few of each host, then the others'.
  constexpr int kAtOnce = 32;
  static thread_local std::array<char, kPacketBytes> buffer;
  for (int i = 0; i < kAtOnce; ++i) {
    const ssize_t size =
        read(places_[from].wire.number(), buffer.data(), buffer.size());
    if (size <= 0) return;
    const absl::string_view packet(buffer.data(),
                                   static_cast<std::size_t>(size));
    const std::optional<PacketEnds> ends = EndsOf(packet);
    // The others are the system's own: it looks for neighbours.
    if (!ends || ends->to < NumberOf(0) || ends->to > NumberOf(hosts_))
      continue;
    Judge(from, ends->to - NumberOf(0), packet);
  }
}

void ChaosNetwork::Judge(std::size_t from, std::size_t to,
                         absl::string_view packet) {
  // Nothing is done to what we ask, or are told, ourselves.
  if (from == hosts_ || to == hosts_) return Deliver(to, packet, {});
  const std::lock_guard lock(mutex_);
  const Wire& wire = wires_.Between(from, to);
  counts_.set_packets(counts_.packets() + 1);
  if (wire.cut || Happens(wire.loss)) {
    counts_.set_dropped(counts_.dropped() + 1);
    return;
  }
  if (wire.reset) {
    if (const auto reset = ResetFor(packet)) {
      counts_.set_resets(counts_.resets() + 1);
      return Deliver(from, *reset, {});
    }
  }
  absl::Duration delay = wire.delay;
  if (delay > absl::ZeroDuration()) counts_.set_delayed(counts_.delayed() + 1);
  if (Happens(wire.held_back)) {
    counts_.set_reordered(counts_.reordered() + 1);
    delay += wire.hold;
  }
  if (Happens(wire.duplicate)) {
    counts_.set_duplicated(counts_.duplicated() + 1);
    Deliver(to, packet, delay);
  }
  Deliver(to, packet, delay);
}

void ChaosNetwork::Deliver(std::size_t to, absl::string_view packet,
                           absl::Duration delay) {
  if (delay > absl::ZeroDuration()) {
    delayed_.push({absl::Now() + delay, ++number_, to,
                   std::string(packet.data(), packet.size())});
    return;
  }
  // Where it does not fit, it is lost, as on any wire.
  (void)!write(places_[to].wire.number(), packet.data(), packet.size());
}

// Until the next one is due.
absl::Duration ChaosNetwork::DeliverDue() {
  while (!delayed_.empty()) {
    const Delayed& next = delayed_.top();
    const absl::Duration left = next.when - absl::Now();
    if (left > absl::ZeroDuration()) return std::min(left, kIdle);
    Deliver(next.to, next.packet, {});
    delayed_.pop();
  }
  return kIdle;
}

}  // namespace belfry::client
