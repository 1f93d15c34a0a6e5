// The coordinator's process: the machine of kernel/coordinator.h, its journal,
// the nodes' control links, and what clients ask. With etcd it stands by until
// it is elected (election.h); all that it answers until then is who leads.
#ifndef BELFRY_COORDINATOR_PROCESS_H_
#define BELFRY_COORDINATOR_PROCESS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/etcd_place.h"
#include "kernel/profile.h"

namespace belfry::coordinator {

struct Options {
  // "host:port" (port 0: any) or "unix:PATH".
  std::string listen = "127.0.0.1:0";
  // Where others are told that it serves; empty: listen. See rpc/address.h.
  std::string advertise;
  // HTTP: /metrics, the live page, Prometheus' list of targets.
  std::string metrics_listen = "127.0.0.1:0";
  // Where Prometheus is told to scrape it; empty: metrics_listen. See
  // rpc/address.h.
  std::string advertise_metrics;
  // Holds the journal and its lock; unless that is on etcd.
  std::string state_dir;
  std::optional<EtcdPlace> etcd;
  // Until another leads when the one that leads is gone, and somewhat more.
  std::chrono::seconds leader_lease{2};
  // Written, whole, when it serves: address=, metrics=, pid= lines.
  std::string address_file;
  // Possible CPUs: 1 .. kernel::kMaxCpus.
  std::uint32_t cpus = 4;
  kernel::Profile profile;
  bool split_doorbell = false;
  std::chrono::nanoseconds csd_lock_timeout = std::chrono::seconds(5);
  std::chrono::nanoseconds stop_lease = std::chrono::milliseconds(300);
  // Calls that a CPU's queue holds.
  std::uint64_t queue_capacity = 65536;
  bool gates = false;
  // Bring every new process's CPU online as soon as it comes.
  bool auto_online = false;
};

class Process {
 public:
  // Listens, and opens the journal, or else begins to stand by.
  static absl::StatusOr<std::unique_ptr<Process>> Start(Options options);
  ~Process();

  // Serves until Stop(), or until the journal cannot be written or another
  // coordinator may lead; returns why then.
  absl::Status Run();
  // From any thread.
  void Stop();

 private:
  class Impl;
  explicit Process(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_PROCESS_H_
