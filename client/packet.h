// As much of IPv4 and TCP as breaking a connection takes.
#ifndef BELFRY_CLIENT_PACKET_H_
#define BELFRY_CLIENT_PACKET_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace belfry::client {

// In the host's byte order.
struct PacketEnds {
  std::uint32_t from = 0;
  std::uint32_t to = 0;

  friend bool operator==(const PacketEnds&, const PacketEnds&) = default;
};
// Nothing when it is no IPv4 packet.
std::optional<PacketEnds> EndsOf(absl::string_view packet);

// What the packet's receiver would answer if it knew nothing of its
// connection (RFC 9293, 3.10.7.1). Nothing to what is no TCP, or a reset
// itself.
std::optional<std::string> ResetFor(absl::string_view packet);

// The Internet's checksum (RFC 1071) of bytes that include it is 0.
std::uint16_t InternetChecksum(absl::string_view bytes, std::uint32_t sum = 0);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_PACKET_H_
