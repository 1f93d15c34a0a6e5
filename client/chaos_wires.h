// What the network of a chaos run does to a packet, for each pair of hosts.
#ifndef BELFRY_CLIENT_CHAOS_WIRES_H_
#define BELFRY_CLIENT_CHAOS_WIRES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "client/chaos_schedule.h"

namespace belfry::client {

// One way.
struct Wire {
  bool cut = false;
  // Connections are reset.
  bool reset = false;
  // Of the packets, so many in a hundred.
  std::uint32_t loss = 0;
  std::uint32_t duplicate = 0;
  std::uint32_t held_back = 0;
  // Of all packets, and of those that are held back.
  absl::Duration delay;
  absl::Duration hold;

  friend bool operator==(const Wire&, const Wire&) = default;
};

class Wires {
 public:
  explicit Wires(std::size_t hosts) : hosts_(hosts), wires_(hosts * hosts) {}
  // Under all these faults at once: of each kind the worst counts.
  Wires(std::size_t hosts, const std::vector<ChaosFault>& faults);

  std::size_t hosts() const { return hosts_; }
  const Wire& Between(std::size_t from, std::size_t to) const {
    return wires_[from * hosts_ + to];
  }

 private:
  std::size_t hosts_;
  std::vector<Wire> wires_;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_CHAOS_WIRES_H_
