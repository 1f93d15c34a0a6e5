// The inside of Process, for its three parts: the machine and its effects
// (process.cc), what clients see (describe.cc), what clients ask (serve.cc).
#ifndef BELFRY_COORDINATOR_PROCESS_IMPL_H_
#define BELFRY_COORDINATOR_PROCESS_IMPL_H_

#include <prometheus/registry.h>

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "belfry/v1/coordinator.grpc.pb.h"
#include "belfry/v1/report.pb.h"
#include "coordinator/canary.h"
#include "coordinator/election.h"
#include "coordinator/events.h"
#include "coordinator/journal.h"
#include "coordinator/metrics.h"
#include "coordinator/nodes.h"
#include "coordinator/operations.h"
#include "coordinator/process.h"
#include "rpc/clock.h"
#include "rpc/http_server.h"
#include "rpc/kept_address.h"
#include "rpc/server.h"
#include "rpc/trace_ring.h"
#include "rpc/unary.h"

namespace belfry::coordinator {

// Everything on the loop's thread once it runs.
class Process::Impl {
 public:
  explicit Impl(Options options);

  absl::Status Open();
  absl::Status Run();
  void End(absl::Status status);
  rpc::Loop& loop() { return server_->loop(); }

 private:
  using Service = v1::CoordinatorService::AsyncService;

  // Takes the machine over, as the journal has it.
  void Lead(std::unique_ptr<Journal> journal);
  bool leads() const { return machine_ && (!election_ || election_->leads()); }
  // OK where this process leads; else the answer to whatever it is asked.
  grpc::Status CheckLeads() const;
  // Tells the nodes that it is there.
  void Beat();

  // The machine and its effects.
  void Feed(kernel::CoordinatorEvent event);
  void Deliver(kernel::CoordinatorEvent event);
  bool Bury(const kernel::ProcessLost& lost);
  void EndRecovery();
  void CarryOut(kernel::CoordinatorEffect& effect);
  void On(kernel::JournalLeg& e);
  void On(kernel::JournalView& e);
  void On(kernel::TellCpu& e);
  void On(kernel::StartStopTick& e);
  void On(kernel::AdvanceStop& e);
  void On(kernel::AwaitReaders& e);
  void On(kernel::StartHandoff& e);
  void On(kernel::OpEnded& e);
  void On(kernel::CoordinatorTrace& e);
  void OnClaimed(kernel::CpuId cpu, kernel::Incarnation incarnation);
  // For a process that names no number; see Nodes::Callbacks.
  absl::StatusOr<kernel::CpuId> NumberFor(
      kernel::Incarnation incarnation) const;
  // A number for a new operation.
  kernel::OpId DrawOp(const std::string& request_id);
  // Asks for an online operation on behalf of a CPU that has just come.
  void BringOnline(kernel::CpuId cpu);
  v1::Welcome Welcome(kernel::CpuId cpu) const;
  void RefreshMetrics();

  // What clients see: describe.cc.
  v1::LiveState DescribeAll() const;
  v1::Cluster DescribeCluster() const;
  v1::CpuInfo DescribeCpu(kernel::CpuId cpu) const;
  v1::Canary DescribeCanary() const;
  std::string DescribeOp(const kernel::Operation& op) const;

  // What clients ask: serve.cc.
  void Serve();
  void ServeOperations();
  void ServeWait();
  void ServeCanary();
  void ServeDebug();
  // A method that only the coordinator that leads answers.
  template <typename Accept, typename Handler>
  void Serve(Accept accept, Handler handler);
  template <typename Response, typename Reply>
  void StartOp(kernel::Request request, const std::string& request_id,
               Reply reply);
  void SetFail(const v1::SetCpuFailRequest& request,
               std::shared_ptr<rpc::Reply<v1::SetCpuFailResponse>> reply);
  void InjectCanary(
      const v1::InjectCanaryRequest& request,
      std::shared_ptr<rpc::Reply<v1::InjectCanaryResponse>> reply);
  grpc::Status OnCanaryDetected();

  Options options_;
  rpc::Gates gates_;
  rpc::TraceRing trace_;
  rpc::LamportClock clock_;
  std::chrono::system_clock::time_point start_time_ =
      std::chrono::system_clock::now();
  Service service_;
  std::shared_ptr<prometheus::Registry> registry_ =
      std::make_shared<prometheus::Registry>();
  prometheus::Gauge* leader_gauge_;
  std::unique_ptr<rpc::Server> server_;
  // Prometheus asks for it every few seconds.
  std::optional<rpc::KeptAddress> metrics_address_;
  // Before it leads, there is no journal and no machine.
  std::unique_ptr<Election> election_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<kernel::Coordinator> machine_;
  std::unique_ptr<Operations> operations_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<Nodes> nodes_;
  Events events_;
  Canary canary_;

  std::deque<kernel::CoordinatorEvent> mailbox_;
  bool stepping_ = false;
  // The operation whose request is answered now, if it is refused at once.
  std::optional<kernel::Operation> refused_;
  bool ended_ = false;
  absl::Status result_;

  // The last: its threads ask all of the above.
  std::unique_ptr<rpc::HttpServer> http_;
};

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_PROCESS_IMPL_H_
