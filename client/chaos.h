// `belfry chaos` as it runs: faults from a schedule, each healed, while the
// load and the hotplug cycles go on; and every so often a rest, in which
// nothing is broken any more, everything must come to its end, and all is
// judged.
#ifndef BELFRY_CLIENT_CHAOS_H_
#define BELFRY_CLIENT_CHAOS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "belfry/v1/report.pb.h"
#include "client/chaos_hotplug.h"
#include "client/chaos_load.h"
#include "client/chaos_network.h"
#include "client/chaos_processes.h"
#include "client/chaos_schedule.h"
#include "client/coordinator.h"
#include "client/interrupt.h"
#include "client/options.h"
#include "client/process_usage.h"
#include "client/stepper.h"
#include "client/temporary_cluster.h"
#include "trace/machine_view.h"

namespace belfry::client {

class Chaos {
 public:
  struct Surroundings {
    TemporaryCluster& cluster;
    // Null: the schedule has no faults of the network.
    ChaosNetwork* network;
    const Interrupt& interrupt;
    std::function<void(const v1::ChaosEvent&)> on_event;
    // Some times a second: the report as it stands.
    std::function<void(const v1::ChaosReport&)> on_progress;
    // Of the rest that has failed.
    std::function<void(const v1::TraceReport&)> on_failed_trace;
  };

  Chaos(const ChaosOptions& options, const ChaosPlan& plan,
        const v1::Torture& torture, Surroundings around);

  // Until its time is over, the first failure, or Ctrl-C; never hangs itself.
  absl::StatusOr<v1::ChaosReport> Run();

 private:
  struct Active {
    std::size_t number = 0;
    // What it is for has not come yet.
    bool armed = false;
  };

  // ---- Faults.
  absl::Status Storm(absl::Duration until);
  absl::Status Begin(std::size_t number);
  absl::StatusOr<bool> Strike(const ChaosFault& fault);
  absl::Status StrikeInStop();
  absl::Status EndDue(absl::Duration now);
  absl::Status End(const Active& active);
  absl::Status Tend();
  void SetWires();
  bool AnyArmed() const;

  // ---- Rests.
  absl::Status Rest();
  std::string Unrest();
  std::string UnrestOf(const trace::MachineView& view);
  absl::Status Judge();
  void JudgeAudit();
  void JudgeLost();
  absl::Status JudgeTrace();
  void Sample();

  void Fail(const std::string& why, bool hang);
  void Log(absl::string_view what, std::optional<std::size_t> number,
           const std::string& text);
  void Count(const ChaosFault& fault, bool done);
  void Update();
  void ShowProgress();
  bool IsOver() const;

  const ChaosOptions& options_;
  const ChaosPlan& plan_;
  Surroundings around_;
  const std::vector<ChaosFault> schedule_;
  Coordinator coordinator_;
  ChaosProcesses processes_;
  ChaosHotplug hotplug_;
  ChaosLoad load_;
  UsageHistory usage_;
  v1::ChaosReport report_;
  absl::Time start_;
  // Of the schedule.
  absl::Duration elapsed_;
  std::size_t next_ = 0;
  std::vector<Active> active_;
  absl::Time next_progress_;
  // At the last rest: lost calls by source and target.
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> lost_;
  // They end before what they work on.
  Stepper hotplug_thread_;
  Stepper load_thread_;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_CHAOS_H_
