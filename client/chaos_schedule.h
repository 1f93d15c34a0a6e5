// What `belfry chaos` does to its cluster, and when: drawn beforehand, so that
// a seed and the options say all of it.
#ifndef BELFRY_CLIENT_CHAOS_SCHEDULE_H_
#define BELFRY_CLIENT_CHAOS_SCHEDULE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace belfry::client {

enum class ChaosKind : std::uint8_t {
  // Of processes.
  kKill,
  kKillCoordinator,
  // In the middle of a stop_machine.
  kKillInStop,
  kPause,
  kPauseCoordinator,
  // Of the network.
  kPartition,
  kOneWay,
  kIsolate,
  kReset,
  kLoss,
  kDelay,
  kDuplicate,
  kReorder,
};
inline constexpr std::array<absl::string_view, 13> kChaosNames = {
    "kill",
    "kill-coordinator",
    "kill-in-stop",
    "pause",
    "pause-coordinator",
    "partition",
    "one-way",
    "isolate",
    "reset",
    "loss",
    "delay",
    "duplicate",
    "reorder",
};
absl::string_view NameOf(ChaosKind kind);
std::optional<ChaosKind> ParseChaosKind(absl::string_view name);
// It needs a network of the run's own.
bool IsOfNetwork(ChaosKind kind);

// A process, by number: a CPU's own; the coordinator has the one behind them.
using ChaosHost = std::uint32_t;

struct ChaosPlan {
  std::uint64_t seed = 1;
  std::uint32_t cpus = 8;
  // Of faults; the rests come on top.
  absl::Duration duration;
  // Between the beginnings of two faults, on average.
  absl::Duration interval;
  // Of faults between two rests: none reaches over a rest.
  absl::Duration episode;
  std::vector<ChaosKind> kinds;
};

struct ChaosFault {
  ChaosKind kind{};
  absl::Duration start;
  // Until it is healed: until a killed process is started again.
  absl::Duration duration;
  // Whom it strikes; of the network: what lies between them and the others.
  // Those of `side` are cut off one way: they are not heard.
  std::vector<ChaosHost> side;
  std::vector<ChaosHost> others;
  // Of the packets.
  std::uint32_t percent = 0;
  // Of a packet that is delayed, or overtaken.
  absl::Duration delay;

  absl::Duration end() const { return start + duration; }
  friend bool operator==(const ChaosFault&, const ChaosFault&) = default;
};

// By their starts. The CPU with the highest number is never killed: so one
// process grows as old as the run, and what it leaks shows.
std::vector<ChaosFault> DrawChaos(const ChaosPlan& plan);

// "cpu/3", "coordinator".
std::string ChaosHostName(ChaosHost host, std::uint32_t cpus);
// "pause cpu/3", "loss of 20 % between cpu/1 and the others".
std::string TextOf(const ChaosFault& fault, std::uint32_t cpus);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_CHAOS_SCHEDULE_H_
