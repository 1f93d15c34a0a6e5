// A network of a run's own: each process of its cluster in a network namespace
// with one wire, and at the other end of all wires we stand and decide about
// each packet. Namespaces and wires have no names: whatever ends us, nothing is
// left of them.
#ifndef BELFRY_CLIENT_CHAOS_NETWORK_H_
#define BELFRY_CLIENT_CHAOS_NETWORK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "belfry/v1/report.pb.h"
#include "client/chaos_wires.h"
#include "client/file_descriptor.h"
#include "lab/random.h"

namespace belfry::client {

class ChaosNetwork {
 public:
  // Takes this thread, and those that it starts from now on, into a namespace
  // that has a wire as well, on which nothing is ever done to a packet: call it
  // before gRPC has a thread. Fails where the user may not, or the system has
  // no TUN devices.
  static absl::StatusOr<std::unique_ptr<ChaosNetwork>> Make(std::size_t hosts,
                                                            std::uint64_t seed);
  ~ChaosNetwork();
  ChaosNetwork(const ChaosNetwork&) = delete;
  ChaosNetwork& operator=(const ChaosNetwork&) = delete;

  // Where the host is reached, and the file of its namespace.
  static std::string AddressOf(std::size_t host);
  std::string NamespaceOf(std::size_t host) const;

  // From now on, for packets yet to come.
  void Set(Wires wires);
  v1::ChaosReport::Network Counts() const;

 private:
  // Of one namespace: its file, and our end of its wire.
  struct Place {
    FileDescriptor space;
    FileDescriptor wire;
  };
  struct Delayed {
    absl::Time when;
    // Of two at the same time the first goes first.
    std::uint64_t number = 0;
    std::size_t to = 0;
    std::string packet;

    bool operator>(const Delayed& other) const {
      return std::tie(when, number) > std::tie(other.when, other.number);
    }
  };

  ChaosNetwork(std::size_t hosts, std::uint64_t seed);

  // In a new namespace, which becomes this thread's.
  static absl::StatusOr<Place> MakePlace(std::size_t host);

  // The router's thread.
  void Route();
  void Receive(std::size_t from);
  void Judge(std::size_t from, std::size_t to, absl::string_view packet);
  void Deliver(std::size_t to, absl::string_view packet, absl::Duration delay);
  absl::Duration DeliverDue();
  bool Happens(std::uint32_t percent) { return random_.Chance(percent, 100); }

  const std::size_t hosts_;
  // By host; the last is our own.
  std::vector<Place> places_;
  FileDescriptor stop_;

  mutable std::mutex mutex_;
  Wires wires_;
  v1::ChaosReport::Network counts_;

  // The router's own.
  lab::Random random_;
  std::uint64_t number_ = 0;
  std::priority_queue<Delayed, std::vector<Delayed>, std::greater<>> delayed_;
  std::thread router_;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_CHAOS_NETWORK_H_
