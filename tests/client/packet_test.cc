#include "client/packet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"

namespace belfry::client {
namespace {

// 10.77.0.1:4660 to 10.77.0.2:80, number 0x01020304, acknowledging 0x0a0b0c0d.
std::string Tcp(const std::string& flags, const std::string& payload = "") {
  const char length = static_cast<char>(40 + payload.size());
  return absl::HexStringToBytes("450000") + std::string(1, length) +
         absl::HexStringToBytes(
             "00004000400600000a4d00010a4d0002"
             "12340050010203040a0b0c0d50") +
         absl::HexStringToBytes(flags) +
         absl::HexStringToBytes("ffff00000000") + payload;
}

std::string PseudoHeaderAnd(const std::string& reset) {
  return reset.substr(12, 8) + absl::HexStringToBytes("00060014") +
         reset.substr(20);
}

TEST(Packet, IsReadByItsEnds) {
  EXPECT_EQ(EndsOf(Tcp("10")), (PacketEnds{0x0a4d0001, 0x0a4d0002}));
  EXPECT_FALSE(EndsOf("short"));
  EXPECT_FALSE(EndsOf(std::string(40, '\x60')));
}

// The numbers that its sender expects: else it would not believe the reset.
TEST(Packet, AResetIsOfTheConnectionsOwnNumbers) {
  const std::string reset = *ResetFor(Tcp("10", "hello"));
  EXPECT_EQ(EndsOf(reset), (PacketEnds{0x0a4d0002, 0x0a4d0001}));
  EXPECT_EQ(absl::BytesToHexString(reset.substr(20, 14)),
            "005012340a0b0c0d000000005004");
  EXPECT_EQ(InternetChecksum(reset.substr(0, 20)), 0);
  EXPECT_EQ(InternetChecksum(PseudoHeaderAnd(reset)), 0);
}

TEST(Packet, AConnectionThatBeginsIsRefused) {
  const std::string reset = *ResetFor(Tcp("02"));
  EXPECT_EQ(absl::BytesToHexString(reset.substr(20, 14)),
            "0050123400000000010203055014");
  EXPECT_EQ(InternetChecksum(PseudoHeaderAnd(reset)), 0);
}

TEST(Packet, NothingAnswersAResetOrWhatIsNoTcp) {
  EXPECT_FALSE(ResetFor(Tcp("04")));
  std::string udp = Tcp("10");
  udp[9] = 17;
  EXPECT_FALSE(ResetFor(udp));
  EXPECT_FALSE(ResetFor(Tcp("10").substr(0, 30)));
}

}  // namespace
}  // namespace belfry::client
