#include "client/packet.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>

#include <cstddef>
#include <cstring>

namespace belfry::client {
namespace {

// A packet's bytes lie anywhere.
template <typename Header>
Header ReadHeader(absl::string_view bytes) {
  Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  return header;
}

template <typename Header>
absl::string_view BytesOf(const Header& header) {
  return {reinterpret_cast<const char*>(&header), sizeof(header)};
}

std::optional<iphdr> ReadIp(absl::string_view packet) {
  if (packet.size() < sizeof(iphdr)) return std::nullopt;
  const auto ip = ReadHeader<iphdr>(packet);
  if (ip.version != 4) return std::nullopt;
  return ip;
}

std::uint32_t Sum(absl::string_view bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    sum += i % 2 == 0 ? static_cast<std::uint32_t>(byte) << 8 : byte;
  }
  return sum;
}

}  // namespace

std::uint16_t InternetChecksum(absl::string_view bytes, std::uint32_t sum) {
  sum += Sum(bytes);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::optional<PacketEnds> EndsOf(absl::string_view packet) {
  const std::optional<iphdr> ip = ReadIp(packet);
  if (!ip) return std::nullopt;
  return PacketEnds{ntohl(ip->saddr), ntohl(ip->daddr)};
}

std::optional<std::string> ResetFor(absl::string_view packet) {
  const std::optional<iphdr> ip = ReadIp(packet);
  if (!ip || ip->protocol != IPPROTO_TCP) return std::nullopt;
  const std::size_t header = ip->ihl * 4U;
  if (packet.size() < header + sizeof(tcphdr)) return std::nullopt;
  const auto tcp = ReadHeader<tcphdr>(packet.substr(header));
  if (tcp.rst) return std::nullopt;

  tcphdr reset{};
  reset.source = tcp.dest;
  reset.dest = tcp.source;
  reset.doff = sizeof(reset) / 4;
  reset.rst = 1;
  if (tcp.ack) {
    reset.seq = tcp.ack_seq;
  } else {
    const std::size_t payload = packet.size() - header - tcp.doff * 4U;
    reset.ack = 1;
    reset.ack_seq = htonl(ntohl(tcp.seq) + static_cast<std::uint32_t>(payload) +
                          tcp.syn + tcp.fin);
  }
  // The pseudo header: both addresses, protocol and length.
  const std::uint32_t pseudo = Sum(BytesOf(ip->saddr)) +
                               Sum(BytesOf(ip->daddr)) + IPPROTO_TCP +
                               static_cast<std::uint32_t>(sizeof(reset));
  reset.check = htons(InternetChecksum(BytesOf(reset), pseudo));

  iphdr back{};
  back.version = 4;
  back.ihl = sizeof(back) / 4;
  back.tot_len = htons(sizeof(back) + sizeof(reset));
  back.ttl = IPDEFTTL;
  back.protocol = IPPROTO_TCP;
  back.saddr = ip->daddr;
  back.daddr = ip->saddr;
  back.check = htons(InternetChecksum(BytesOf(back)));
  return std::string(BytesOf(back)) + std::string(BytesOf(reset));
}

}  // namespace belfry::client
