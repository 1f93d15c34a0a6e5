// The hotplug cycles of a chaos run: one operation after the other, whatever
// becomes of them.
#ifndef BELFRY_CLIENT_CHAOS_HOTPLUG_H_
#define BELFRY_CLIENT_CHAOS_HOTPLUG_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "belfry/v1/report.pb.h"
#include "client/coordinator.h"
#include "lab/random.h"

namespace belfry::client {

class ChaosHotplug {
 public:
  // `interval` lies between the end of an operation and the next.
  ChaosHotplug(Coordinator coordinator, std::uint64_t seed,
               absl::Duration interval);

  // A CPU at random goes if it is online, and comes if it is not; never the
  // last one. Or waits for the operation under way, not for long.
  void Step();

  // The rest, while nobody steps. Waits a little for the operation under way.
  void Await();
  void BringOnline(std::uint32_t cpu) { Start(cpu, /*online=*/true); }
  // In words; empty: there is none.
  std::string UnderWay() const;

  // At any time.
  v1::ChaosReport::Hotplug Counts() const;

 private:
  void Begin();
  void Start(std::uint32_t cpu, bool online);
  void CountFailure(const std::string& why);

  Coordinator coordinator_;
  lab::Random random_;
  absl::Duration interval_;
  std::optional<v1::Operation> operation_;

  mutable std::mutex mutex_;
  v1::ChaosReport::Hotplug counts_;
  std::map<std::string, std::uint64_t> failed_;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_CHAOS_HOTPLUG_H_
