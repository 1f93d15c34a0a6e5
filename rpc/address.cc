#include "rpc/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace belfry::rpc {
namespace {

std::string Join(const std::string& host, const std::string& port) {
  return absl::StrContains(host, ':') ? absl::StrCat("[", host, "]:", port)
                                      : absl::StrCat(host, ":", port);
}

// "10.1.2.3"; empty for what is no IP address.
std::string IpText(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* ip = nullptr;
  if (address != nullptr && address->sa_family == AF_INET) {
    ip = &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
  } else if (address != nullptr && address->sa_family == AF_INET6) {
    ip = &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  }
  if (ip == nullptr) return "";
  return ::inet_ntop(address->sa_family, ip, text.data(), text.size());
}

std::set<std::string> OwnIps() {
  std::set<std::string> ips;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return ips;
  for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
    ips.insert(IpText(i->ifa_addr));
  }
  ::freeifaddrs(list);
  ips.erase("");
  return ips;
}

// The own address among those of the name; the name where there is none.
std::string OwnIpOf(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0) return name;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list,
                                                             ::freeaddrinfo);
  const std::set<std::string> own = OwnIps();
  for (const addrinfo* i = list; i != nullptr; i = i->ai_next) {
    const std::string ip = IpText(i->ai_addr);
    if (own.contains(ip)) return ip;
  }
  return name;
}

std::string HostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data()
                                                          : "localhost";
}

bool IsWildcard(const std::string& host) {
  return host == "0.0.0.0" || host == "::";
}

bool IsIp(const std::string& host) {
  in6_addr ip{};
  return ::inet_pton(AF_INET, host.c_str(), &ip) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &ip) == 1;
}

bool IsAddress(const std::string& text, std::uint32_t first_port) {
  if (absl::StartsWith(text, "unix:")) return text.size() > 5;
  const auto [host, port] = SplitAddress(text);
  std::uint32_t number = 0;
  return !host.empty() && !absl::StrContains(host, '/') &&
         absl::SimpleAtoi(port, &number) && number >= first_port &&
         number <= 65535;
}

}  // namespace

std::pair<std::string, std::string> SplitAddress(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const std::size_t bracket = address.rfind(']');
  const bool has_port = colon != std::string::npos &&
                        (bracket == std::string::npos || bracket < colon);
  absl::string_view host =
      has_port ? absl::string_view(address).substr(0, colon) : address;
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  return {std::string(host), has_port ? address.substr(colon + 1) : ""};
}

absl::Status CheckListenAddress(const std::string& listen) {
  if (IsAddress(listen, /*first_port=*/0)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("cannot listen on '", listen,
                   "': host:port with a port of 0 (any) to 65535, or "
                   "unix:PATH, is right"));
}

absl::StatusOr<std::vector<std::string>> ParseAddresses(
    const std::string& what, const std::string& list) {
  std::vector<std::string> addresses = absl::StrSplit(list, ',');
  for (const std::string& address : addresses) {
    if (IsAddress(address, /*first_port=*/1)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(what, " ", list, ": '", address,
                     "' is no address; host:port, with a port of 1 to 65535, "
                     "or unix:PATH is right, and several with commas between"));
  }
  return addresses;
}

std::string ReachableAddress(const std::string& advertise,
                             const std::string& listening) {
  for (const std::string& address : {advertise, listening}) {
    if (absl::StartsWith(address, "unix:")) return address;
    if (!address.empty()) break;
  }
  const auto [listen_host, listen_port] = SplitAddress(listening);
  if (advertise.empty()) {
    return IsWildcard(listen_host) ? Join(OwnIpOf(HostName()), listen_port)
                                   : listening;
  }
  const auto [host, port] = SplitAddress(advertise);
  return Join(OwnIpOf(host), port.empty() || port == "0" ? listen_port : port);
}

bool LooksUpAName(const std::string& advertise, const std::string& listening) {
  if (absl::StartsWith(advertise, "unix:")) return false;
  return advertise.empty() ? IsWildcard(SplitAddress(listening).first)
                           : !IsIp(SplitAddress(advertise).first);
}

}  // namespace belfry::rpc
