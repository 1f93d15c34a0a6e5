// `belfry torture` as it runs: threads on every node, CPUs that come and go,
// processes that are killed, and an eye on all of it.
#ifndef BELFRY_CLIENT_TORTURE_H_
#define BELFRY_CLIENT_TORTURE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "belfry/v1/report.pb.h"
#include "client/coordinator.h"
#include "client/interrupt.h"
#include "client/options.h"
#include "client/temporary_cluster.h"
#include "client/torture_threads.h"
#include "trace/machine_view.h"

namespace belfry::client {

class Torture {
 public:
  struct Surroundings {
    Coordinator& coordinator;
    // Null for a cluster that is not ours: then no process is killed.
    TemporaryCluster* cluster;
    const Interrupt& interrupt;
    // The report as it stands, each stat_interval.
    std::function<void(const v1::TortureReport&)> on_statistics;
    // Some times a second: the report as it stands, and what is going on.
    std::function<void(const v1::TortureReport&, const std::string&)>
        on_progress;
  };

  Torture(const TortureOptions& options, Surroundings around);

  // Until its time is over, the first failure, or Ctrl-C; never hangs itself.
  absl::StatusOr<v1::TortureReport> Run();

 private:
  // A queue that looked stuck, and whether it does so for long enough.
  struct Suspect {
    absl::Time first;
    std::uint32_t src_cpu = 0;
    std::uint64_t seq = 0;
    bool reported = false;
  };
  struct Transition {
    v1::Operation operation;
    std::uint32_t cpu = 0;
    bool online = false;
    absl::Time start;
  };

  absl::Status Start();
  absl::Status Tick();
  absl::Status Look();
  void LookAtQueues(const trace::MachineView& view);
  void AddStuck(const trace::MachineView& view, const trace::CpuView& cpu,
                absl::Time first);
  void CountQueued(const trace::MachineView& view);
  void LookAtWaits();
  absl::Status MoveCpus();
  absl::Status AwaitTransition();
  absl::Status CheckDeparture(std::uint32_t cpu);
  absl::Status KillOne();
  absl::Status Settle();
  absl::Status Conclude();
  void CountLate();
  void Note(const v1::AuditReport::Finding& finding);
  void JudgeAudit();
  void Judge();
  void Fail(const std::string& why, bool hang);
  void Statistics();
  std::string Doing() const;
  bool IsOver() const;

  const TortureOptions& options_;
  Surroundings around_;
  std::optional<TortureThreads> threads_;
  v1::TortureReport report_;
  v1::Cluster cluster_;
  absl::Time start_;
  absl::Time next_move_;
  absl::Time next_kill_;
  absl::Time next_look_;
  absl::Time next_statistics_;
  std::optional<Transition> transition_;
  bool settling_ = false;
  std::map<std::uint32_t, Suspect> suspects_;
  std::mt19937_64 random_;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_TORTURE_H_
