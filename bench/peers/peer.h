// The command line of the peers:
//
//   serve ADDRESS             answers calls; prints where, when it is ready
//   call ADDRESS COUNT WINDOW so many calls, so many of them under way at once
//   sink ADDRESS COUNT        takes a flood; prints where, when it is ready
//   flood ADDRESS COUNT       sends that many messages to a sink
#ifndef BELFRY_BENCH_PEERS_PEER_H_
#define BELFRY_BENCH_PEERS_PEER_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/measure.h"

namespace belfry::bench {

// The size of a call of `nop` in a frame.
inline constexpr std::size_t kMessageBytes = 16;

struct Peer {
  void (*serve)(const std::string& address);
  void (*call)(const std::string& address, Window window);
  void (*sink)(const std::string& address, Flood flood);
  void (*flood)(const std::string& address, std::uint64_t count);
};

inline void Ready(const std::string& address) {
  std::printf("%s\n", address.c_str());
  std::fflush(stdout);
}

inline int Run(const Peer& peer, int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  const std::string address = argc > 2 ? argv[2] : "";
  const auto number = [&](int i) {
    const std::uint64_t n = i < argc ? std::strtoull(argv[i], nullptr, 10) : 0;
    Check(n > 0, "a number above 0");
    return n;
  };
  if (mode == "serve") {
    peer.serve(address);
  } else if (mode == "call") {
    peer.call(address, Window(number(3), number(4)));
  } else if (mode == "sink") {
    peer.sink(address, Flood(number(3)));
  } else if (mode == "flood") {
    peer.flood(address, number(3));
  } else {
    std::fprintf(stderr,
                 "serve ADDRESS | call ADDRESS COUNT WINDOW | sink ADDRESS "
                 "COUNT | flood ADDRESS COUNT\n");
    return 2;
  }
  return 0;
}

}  // namespace belfry::bench

#endif  // BELFRY_BENCH_PEERS_PEER_H_
