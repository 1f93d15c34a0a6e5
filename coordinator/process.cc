#include "coordinator/process.h"

#include <prometheus/registry.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "belfry/v1/coordinator.grpc.pb.h"
#include "coordinator/journal.h"
#include "coordinator/metrics.h"
#include "coordinator/nodes.h"
#include "coordinator/operations.h"
#include "kernel/functions.h"
#include "kernel/gate.h"
#include "rpc/clock.h"
#include "rpc/codec.h"
#include "rpc/files.h"
#include "rpc/log.h"
#include "rpc/metrics_server.h"
#include "rpc/server.h"
#include "rpc/trace_ring.h"
#include "rpc/unary.h"
#include "rpc/version.h"

namespace belfry::coordinator {
namespace {

using kernel::CpuId;
using kernel::Errno;
using kernel::OpId;
using Service = v1::CoordinatorService::AsyncService;

constexpr std::size_t kTraceEvents = 16384;
// CORE_SYNC waits 10 s for a CPU's part of the handshake.
constexpr std::chrono::seconds kHandoff{10};
// What a restarted coordinator waits for CPUs that it knew.
constexpr std::chrono::seconds kRecovery{3};
constexpr std::chrono::milliseconds kServerGrace{200};
// Gauges are read every few seconds at most; counters are counted as it
// happens.
constexpr std::chrono::milliseconds kRefreshEvery{100};
// Our answer must reach the client before it gives up.
constexpr std::chrono::milliseconds kMargin{50};

}  // namespace

// Everything on the loop's thread once it runs.
class Process::Impl {
 public:
  explicit Impl(Options options)
      : options_(std::move(options)),
        gates_(options_.gates),
        trace_(std::nullopt, kTraceEvents) {}

  absl::Status Open();
  absl::Status Run();
  void End(absl::Status status);
  rpc::Loop& loop() { return server_->loop(); }

 private:
  // The machine and its effects.
  void Feed(kernel::CoordinatorEvent event);
  void Deliver(kernel::CoordinatorEvent event);
  void CarryOut(kernel::CoordinatorEffect& effect);
  void On(kernel::JournalLeg& e);
  void On(kernel::JournalView& e);
  void On(kernel::TellCpu& e);
  void On(kernel::AdvanceStop& e);
  void On(kernel::StartHandoff& e);
  void On(kernel::OpEnded& e);
  void On(kernel::CoordinatorTrace& e);
  void OnClaimed(CpuId cpu, kernel::Incarnation incarnation);
  v1::Welcome Welcome(CpuId cpu) const;
  void RefreshMetrics();

  // What clients ask.
  void Serve();
  void ServeOperations();
  void ServeWait();
  void ServeDebug();
  template <typename Response, typename Reply>
  void StartOp(kernel::Request request, const std::string& request_id,
               Reply reply);
  void SetFail(const v1::SetCpuFailRequest& request,
               std::shared_ptr<rpc::Reply<v1::SetCpuFailResponse>> reply);
  v1::Cluster DescribeCluster() const;
  v1::CpuInfo DescribeCpu(CpuId cpu) const;
  std::string DescribeOp(const kernel::Operation& op) const;

  Options options_;
  rpc::Gates gates_;
  rpc::TraceRing trace_;
  rpc::LamportClock clock_;
  std::chrono::system_clock::time_point start_time_ =
      std::chrono::system_clock::now();
  Service service_;
  std::shared_ptr<prometheus::Registry> registry_ =
      std::make_shared<prometheus::Registry>();
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<rpc::MetricsServer> metrics_server_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<kernel::Coordinator> machine_;
  std::unique_ptr<Operations> operations_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<Nodes> nodes_;

  std::deque<kernel::CoordinatorEvent> mailbox_;
  bool stepping_ = false;
  // The operation whose request is answered now, if it is refused at once.
  std::optional<kernel::Operation> refused_;
  bool ended_ = false;
  absl::Status result_;
};

absl::Status Process::Impl::Open() {
  auto journal =
      Journal::Open(options_.state_dir, options_.profile, options_.cpus);
  if (!journal.ok()) return journal.status();
  journal_ = *std::move(journal);
  auto metrics = rpc::MetricsServer::Start(options_.metrics_listen, registry_);
  if (!metrics.ok()) return metrics.status();
  metrics_server_ = *std::move(metrics);
  auto server = rpc::Server::Start(options_.listen, {&service_});
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  machine_ = std::make_unique<kernel::Coordinator>(
      options_.profile, options_.cpus, journal_->recovery());
  operations_ = std::make_unique<Operations>(
      journal_->last_op(), machine_.get(),
      [this](const kernel::Operation& op) { return DescribeOp(op); });
  metrics_ =
      std::make_unique<Metrics>(registry_.get(), *machine_, journal_->epoch());
  nodes_ = std::make_unique<Nodes>(
      &loop(), &clock_, options_.cpus,
      Nodes::Callbacks{
          .feed = [this](kernel::CoordinatorEvent e) { Feed(std::move(e)); },
          .welcome = [this](CpuId cpu) { return Welcome(cpu); },
          .on_claimed =
              [this](CpuId cpu, kernel::Incarnation incarnation) {
                OnClaimed(cpu, incarnation);
              }});
  Serve();
  return absl::OkStatus();
}

absl::Status Process::Impl::Run() {
  server_->SetServing(true);
  RefreshMetrics();
  loop().After(kRecovery, [this] { Feed(kernel::RecoveryTimeout{}); });
  rpc::Log(rpc::Level::kInfo, "coordinator",
           absl::StrCat("epoch ", journal_->epoch(), ", ", options_.cpus,
                        " possible CPUs, profile ", options_.profile.name, ", ",
                        server_->address()));
  if (!options_.address_file.empty()) {
    const absl::Status written = rpc::WriteAddressFile(
        options_.address_file, server_->address(), metrics_server_->address());
    if (!written.ok()) End(written);
  }
  loop().Run();
  return result_;
}

void Process::Impl::End(absl::Status status) {
  if (std::exchange(ended_, true)) return;
  result_ = std::move(status);
  server_->SetServing(false);
  nodes_->Stop();
  server_->Shutdown(kServerGrace);
}

// ---- The machine.

void Process::Impl::Feed(kernel::CoordinatorEvent event) {
  if (gates_.enabled()) {
    const std::string gate = kernel::GateOf(event);
    if (!gate.empty()) {
      gates_.Pass(gate, [this, event] { Deliver(event); });
      return;
    }
  }
  Deliver(std::move(event));
}

void Process::Impl::Deliver(kernel::CoordinatorEvent event) {
  mailbox_.push_back(std::move(event));
  if (stepping_) return;
  stepping_ = true;
  while (!mailbox_.empty() && !ended_) {
    kernel::CoordinatorEvent next = std::move(mailbox_.front());
    mailbox_.pop_front();
    kernel::CoordinatorEffects effects;
    machine_->Step(std::move(next), effects);
    for (kernel::CoordinatorEffect& effect : effects) CarryOut(effect);
  }
  stepping_ = false;
}

void Process::Impl::CarryOut(kernel::CoordinatorEffect& effect) {
  std::visit([this](auto& e) { On(e); }, effect);
}

// A leg that cannot be written must not begin: the process ends, and what was
// journaled before is what its successor goes by.
void Process::Impl::On(kernel::JournalLeg& e) {
  absl::Status status = journal_->WriteLeg(e);
  if (status.ok() && e.op.kind != kernel::OpKind::kStop) {
    const auto record = machine_->cpus().find(e.op.cpu);
    if (record != machine_->cpus().end()) {
      status = journal_->WriteCpu(e.op.cpu, record->second);
    }
  }
  if (!status.ok()) return End(status);
  Feed(kernel::Journaled{e.op.id, e.op.leg});
}

void Process::Impl::On(kernel::JournalView& e) {
  const absl::Status status = journal_->WriteView(e.view);
  if (!status.ok()) End(status);
}

void Process::Impl::On(kernel::TellCpu& e) { nodes_->Send(e.cpu, e.message); }

void Process::Impl::On(kernel::AdvanceStop& e) {
  Feed(kernel::PublishState{e.generation, e.state});
}

void Process::Impl::On(kernel::StartHandoff& e) {
  loop().After(kHandoff, [this, op = e.op, leg = e.leg] {
    Feed(kernel::HandoffTimeout{op, leg});
  });
}

void Process::Impl::On(kernel::OpEnded& e) {
  operations_->End(e.op);
  if (const auto op = operations_->Get(e.op.id)) metrics_->OnOpEnded(*op);
  if (e.refused) refused_ = e.op;
  if (e.op.error != Errno::kOk && !e.refused) {
    rpc::Log(rpc::Level::kWarning, "coordinator",
             absl::StrCat("operation ", e.op.id.value, " (",
                          std::string(kernel::OpKindName(e.op.kind)), " cpu ",
                          e.op.cpu.value, ") failed: ",
                          std::string(kernel::ErrnoName(e.op.error)), ": ",
                          e.op.message));
  }
}

void Process::Impl::On(kernel::CoordinatorTrace& e) {
  metrics_->OnTrace(e.event);
  trace_.Add(clock_.Tick(), std::move(e.event));
}

void Process::Impl::OnClaimed(CpuId cpu, kernel::Incarnation incarnation) {
  kernel::CpuRecord record = machine_->cpus().at(cpu);
  record.incarnation = incarnation;
  const absl::Status status = journal_->WriteCpu(cpu, record);
  if (!status.ok()) End(status);
}

v1::Welcome Process::Impl::Welcome(CpuId cpu) const {
  v1::Welcome welcome;
  welcome.set_cpu(cpu.value);
  *welcome.mutable_profile() = rpc::ToProto(options_.profile);
  *welcome.mutable_view() = rpc::ToProto(machine_->view());
  welcome.set_possible_cpus(options_.cpus);
  welcome.set_queue_capacity(options_.queue_capacity);
  *welcome.mutable_csd_lock_timeout() =
      rpc::ToDuration(options_.csd_lock_timeout);
  welcome.set_split_doorbell(options_.split_doorbell);
  return welcome;
}

void Process::Impl::RefreshMetrics() {
  for (const auto& [cpu, record] : machine_->cpus()) {
    metrics_->Refresh(DescribeCpu(cpu));
  }
  if (machine_->current()) {
    const auto op = operations_->Get(machine_->current()->id);
    metrics_->SetInProgress(op ? &*op : nullptr);
  } else {
    metrics_->SetInProgress(nullptr);
  }
  loop().After(kRefreshEvery, [this] { RefreshMetrics(); });
}

// ---- What clients see.

std::string Process::Impl::DescribeOp(const kernel::Operation& op) const {
  if (op.leg == kernel::Leg::kQueued) {
    const auto& holder = machine_->current();
    if (!holder) return "waits for the coordinator's recovery";
    return absl::StrCat("waits for the hotplug lock, held by operation ",
                        holder->id.value, " (",
                        std::string(kernel::OpKindName(holder->kind)), " cpu ",
                        holder->cpu.value, ")");
  }
  if (const auto& stop = machine_->stop()) {
    return absl::StrCat("stop_machine ", stop->generation().value, " in ",
                        std::string(kernel::MultiStopStateName(stop->state())),
                        ", waits for the ack of cpu ",
                        kernel::FormatCpuList(stop->missing()));
  }
  const kernel::CpuMask waiting = machine_->waiting_for();
  if (waiting.empty()) return "";
  std::string text =
      absl::StrCat("waits for cpu ", kernel::FormatCpuList(waiting));
  const NodeInfo* node = nodes_->Find(*waiting.first());
  const bool walks =
      op.leg == kernel::Leg::kPrepare || op.leg == kernel::Leg::kAp;
  const kernel::CpuhpStep* step =
      node != nullptr ? machine_->table().Find(node->report.step()) : nullptr;
  if (walks && step != nullptr) {
    absl::StrAppend(&text, " in step ", step->state, " (",
                    std::string(step->name), ")");
  }
  return text;
}

v1::CpuInfo Process::Impl::DescribeCpu(CpuId cpu) const {
  const kernel::CpuRecord& record = machine_->cpus().at(cpu);
  const auto& op = machine_->current();
  const bool moves = op && op->kind != kernel::OpKind::kStop && op->cpu == cpu;
  v1::CpuInfo info;
  info.set_cpu(cpu.value);
  info.set_online(machine_->view().online.Has(cpu));
  info.set_state(
      record.crashed                  ? v1::CPU_STATE_CRASHED
      : record.incarnation.value == 0 ? v1::CPU_STATE_ABSENT
      : moves ? (op->up ? v1::CPU_STATE_GOING_UP : v1::CPU_STATE_GOING_DOWN)
      : info.online() ? v1::CPU_STATE_ONLINE
                      : v1::CPU_STATE_OFFLINE);
  info.set_incarnation(record.incarnation.value);
  info.set_cpuhp_state(record.state);
  if (const auto* step = machine_->table().Find(record.state)) {
    info.set_cpuhp_name(std::string(step->name));
  }
  info.set_fail(record.fail);
  if (const NodeInfo* node = nodes_->Find(cpu)) {
    info.set_address(node->hello.address());
    info.set_metrics_address(node->hello.metrics_address());
    info.set_pid(node->hello.pid());
    *info.mutable_functions() = node->hello.functions();
    *info.mutable_report() = node->report;
    *info.mutable_report_time() = rpc::ToTimestamp(node->report_time);
    info.set_calls_carried(node->report.calls_carried());
  }
  return info;
}

v1::Cluster Process::Impl::DescribeCluster() const {
  v1::Cluster cluster;
  *cluster.mutable_profile() = rpc::ToProto(options_.profile);
  *cluster.mutable_view() = rpc::ToProto(machine_->view());
  cluster.set_possible(
      kernel::FormatCpuList(kernel::CpuMask::FirstN(options_.cpus)));
  cluster.set_present(kernel::FormatCpuList(machine_->present()));
  for (const auto& [cpu, record] : machine_->cpus()) {
    *cluster.add_cpus() = DescribeCpu(cpu);
  }
  if (machine_->current()) {
    if (auto op = operations_->Get(machine_->current()->id)) {
      *cluster.mutable_current() = *std::move(op);
    }
  }
  cluster.set_queued_operations(
      static_cast<std::uint32_t>(machine_->queued().size()));
  if (const auto& stop = machine_->stop()) {
    v1::StopStatus* status = cluster.mutable_stop();
    status->set_generation(stop->generation().value);
    status->set_state(std::string(kernel::MultiStopStateName(stop->state())));
    status->set_missing(kernel::FormatCpuList(stop->missing()));
    status->set_active(kernel::FormatCpuList(stop->active()));
  }
  cluster.set_recovering(machine_->recovering());
  cluster.set_version(rpc::Version());
  cluster.set_epoch(journal_->epoch());
  *cluster.mutable_start_time() = rpc::ToTimestamp(start_time_);
  cluster.set_gates(options_.gates);
  cluster.set_split_doorbell(options_.split_doorbell);
  cluster.set_metrics_address(metrics_server_->address());
  return cluster;
}

// ---- What clients ask.

void Process::Impl::Serve() {
  nodes_->Serve(&service_, server_->cq());
  rpc::ServeUnary<Service>(&service_, &Service::RequestGetCluster,
                           server_->cq(),
                           [this](const v1::GetClusterRequest&, auto reply) {
                             v1::GetClusterResponse response;
                             *response.mutable_cluster() = DescribeCluster();
                             reply->Finish(response);
                           });
  rpc::ServeUnary<Service>(
      &service_, &Service::RequestSetCpuFail, server_->cq(),
      [this](const v1::SetCpuFailRequest& request, auto reply) {
        SetFail(request, std::move(reply));
      });
  ServeOperations();
  ServeWait();
  ServeDebug();
}

// Starts an operation, or finds the one that the same request has started. One
// that is refused at once is the answer to the request itself.
template <typename Response, typename Reply>
void Process::Impl::StartOp(kernel::Request request,
                            const std::string& request_id, Reply reply) {
  Response response;
  if (const auto known = operations_->FindRequest(request_id)) {
    if (auto op = operations_->Get(*known)) {
      *response.mutable_operation() = *std::move(op);
    }
    return reply->Finish(response);
  }
  request.id = operations_->Begin(request_id);
  const OpId id = request.id;
  const std::string cpu = absl::StrCat(request.cpu.value);
  refused_.reset();
  Feed(std::move(request));
  const auto refused = std::exchange(refused_, std::nullopt);
  if (refused && refused->id == id && refused->error != Errno::kOk) {
    return reply->Fail(
        rpc::ErrorStatus(refused->error, refused->message, {{"cpu", cpu}}));
  }
  if (auto op = operations_->Get(id)) {
    *response.mutable_operation() = *std::move(op);
  }
  reply->Finish(response);
}

void Process::Impl::ServeOperations() {
  rpc::ServeUnary<Service>(
      &service_, &Service::RequestOnlineCpu, server_->cq(),
      [this](const v1::OnlineCpuRequest& r, auto reply) {
        kernel::Request request{.kind = kernel::OpKind::kOnline,
                                .cpu = CpuId{r.cpu()}};
        if (r.has_control_cpu()) request.control = CpuId{r.control_cpu()};
        StartOp<v1::OnlineCpuResponse>(std::move(request), r.request_id(),
                                       std::move(reply));
      });
  rpc::ServeUnary<Service>(
      &service_, &Service::RequestOfflineCpu, server_->cq(),
      [this](const v1::OfflineCpuRequest& r, auto reply) {
        kernel::Request request{.kind = kernel::OpKind::kOffline,
                                .cpu = CpuId{r.cpu()}};
        if (r.has_control_cpu()) request.control = CpuId{r.control_cpu()};
        StartOp<v1::OfflineCpuResponse>(std::move(request), r.request_id(),
                                        std::move(reply));
      });
  rpc::ServeUnary<Service>(
      &service_, &Service::RequestStopMachine, server_->cq(),
      [this](const v1::StopMachineRequest& r, auto reply) {
        auto active = kernel::ParseCpuList(r.cpus());
        if (!active.ok()) {
          return reply->Fail(rpc::ErrorStatus(
              Errno::kEinval, std::string(active.status().message())));
        }
        StartOp<v1::StopMachineResponse>({.kind = kernel::OpKind::kStop,
                                          .active = *std::move(active),
                                          .func = r.function(),
                                          .payload = r.payload()},
                                         r.request_id(), std::move(reply));
      });
}

void Process::Impl::ServeWait() {
  const auto unknown = [](std::uint32_t id) {
    return rpc::ErrorStatus(
        Errno::kEnoent,
        absl::StrCat("no operation ", id,
                     "; it is older than the last 100, or the coordinator was "
                     "restarted"));
  };
  rpc::ServeUnary<Service>(
      &service_, &Service::RequestListOperations, server_->cq(),
      [this](const v1::ListOperationsRequest& request, auto reply) {
        v1::ListOperationsResponse response;
        for (v1::Operation& op : operations_->List(request.include_done())) {
          *response.add_operations() = std::move(op);
        }
        reply->Finish(response);
      });
  rpc::ServeUnary<Service>(
      &service_, &Service::RequestWaitOperation, server_->cq(),
      [this, unknown](const v1::WaitOperationRequest& request, auto reply) {
        const OpId id{request.id()};
        auto op = operations_->Get(id);
        if (!op) return reply->Fail(unknown(request.id()));
        if (op->done()) {
          v1::WaitOperationResponse response;
          *response.mutable_operation() = *std::move(op);
          return reply->Finish(response);
        }
        std::chrono::nanoseconds wait = reply->time_left() - kMargin;
        if (request.has_timeout()) {
          wait = std::min(wait, rpc::FromDuration(request.timeout()));
        }
        operations_->AddWaiter(id, reply);
        loop().After(
            std::max(wait, std::chrono::nanoseconds(0)),
            [this, id, reply] { operations_->RemoveWaiter(id, reply); });
      });
  rpc::ServeUnary<Service>(
      &service_, &Service::RequestCancelOperation, server_->cq(),
      [this, unknown](const v1::CancelOperationRequest& request, auto reply) {
        const OpId id{request.id()};
        if (!operations_->Get(id)) return reply->Fail(unknown(request.id()));
        Feed(kernel::CancelOp{id});
        v1::CancelOperationResponse response;
        if (auto op = operations_->Get(id)) {
          *response.mutable_operation() = *std::move(op);
        }
        reply->Finish(response);
      });
}

void Process::Impl::ServeDebug() {
  server_->ServeDebug({.gates = &gates_,
                       .parse_gate =
                           [](const std::string& name) {
                             return kernel::ParseCoordinatorGate(name);
                           },
                       .read_trace =
                           [this](std::uint64_t after) {
                             return trace_.Read(
                                 after, [](kernel::FuncId) { return ""; });
                           }});
}

void Process::Impl::SetFail(
    const v1::SetCpuFailRequest& request,
    std::shared_ptr<rpc::Reply<v1::SetCpuFailResponse>> reply) {
  const kernel::CpuhpTable& table = machine_->table();
  kernel::CpuhpState state = request.step();
  if (!request.step_name().empty()) {
    const kernel::CpuhpStep* named = table.FindByName(request.step_name());
    if (named == nullptr) {
      return reply->Fail(rpc::ErrorStatus(
          Errno::kEinval,
          absl::StrCat("no hotplug step is named '", request.step_name(),
                       "'; run: belfry cpu show ", request.cpu())));
    }
    state = named->state;
  }
  const Errno error = machine_->SetFail(CpuId{request.cpu()}, state);
  if (error != Errno::kOk) {
    const std::string what =
        request.cpu() >= options_.cpus
            ? absl::StrCat("cpu ", request.cpu(), " is not possible")
            : absl::StrCat("step ", state,
                           " cannot be made to fail now: it does not exist, "
                           "has no callback, or must not fail");
    return reply->Fail(rpc::ErrorStatus(
        error, what,
        {{"cpu", absl::StrCat(request.cpu())}, {"step", absl::StrCat(state)}}));
  }
  v1::SetCpuFailResponse response;
  response.set_cpu(request.cpu());
  response.set_step(state);
  if (const auto* step = table.Find(state)) {
    response.set_step_name(std::string(step->name));
  }
  reply->Finish(response);
}

// ---- The public face.

Process::Process(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Process::~Process() = default;

absl::StatusOr<std::unique_ptr<Process>> Process::Start(Options options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  const absl::Status status = impl->Open();
  if (!status.ok()) return status;
  return std::unique_ptr<Process>(new Process(std::move(impl)));
}

absl::Status Process::Run() { return impl_->Run(); }

void Process::Stop() {
  impl_->loop().Post([impl = impl_.get()] { impl->End(absl::OkStatus()); });
}

}  // namespace belfry::coordinator
