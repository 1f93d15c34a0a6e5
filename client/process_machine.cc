#include "client/process_machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/collect.h"
#include "client/operations.h"
#include "client/state_dir.h"
#include "client/stub.h"
#include "kernel/cpumask.h"
#include "kernel/event_text.h"

namespace belfry::client {
namespace {

// The wait between two looks doubles from the first to the last of these.
constexpr absl::Duration kFirstWait = absl::Milliseconds(1);
constexpr absl::Duration kLastWait = absl::Milliseconds(20);
constexpr int kDoublings = 5;
// Local processes that live answer in much less.
constexpr absl::Duration kIssueTimeout = absl::Seconds(5);
// A snapshot must list every call that a scenario queues.
constexpr std::uint32_t kMaxEntries = 10000;

std::string ProcessName(std::optional<std::uint32_t> cpu) {
  return cpu ? CpuName(*cpu) : std::string(kCoordinatorName);
}

absl::Status NotOurs() {
  return absl::FailedPreconditionError("the processes are not of this run");
}

}  // namespace

template <typename Response>
struct ProcessMachine::Started {
  grpc::ClientContext context;
  Response response;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> reader;
};

ProcessMachine::ProcessMachine(Coordinator& coordinator,
                               const Patience& patience,
                               TemporaryCluster* cluster)
    : coordinator_(coordinator), cluster_(cluster), patience_(patience) {
  coordinator_process_.debug =
      v1::DebugService::NewStub(OpenChannel(coordinator.address()));
}

ProcessMachine::~ProcessMachine() {
  for (const auto& call : calls_) call->context.TryCancel();
  for (const auto& stop : stop_twos_) stop->context.TryCancel();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

absl::StatusOr<ProcessMachine::Process*> ProcessMachine::FindCpu(
    std::uint32_t cpu) {
  const auto known = processes_.find(cpu);
  if (known != processes_.end()) return &known->second;
  const absl::StatusOr<v1::Cluster> cluster = GetCluster();
  if (!cluster.ok()) return cluster.status();
  const absl::StatusOr<v1::CpuInfo> info = FindCpuInfo(*cluster, cpu);
  if (!info.ok()) return info.status();
  const absl::StatusOr<std::string> address = AddressOf(*info);
  if (!address.ok()) {
    return absl::UnavailableError(
        absl::StrCat(CpuName(cpu), ": ", address.status().message()));
  }
  return Connect(cpu, *address);
}

ProcessMachine::Process* ProcessMachine::Connect(std::uint32_t cpu,
                                                 const std::string& address) {
  const auto channel = OpenChannel(address);
  Process& process = processes_[cpu];
  process.debug = v1::DebugService::NewStub(channel);
  process.cpu = v1::CpuService::NewStub(channel);
  return &process;
}

absl::StatusOr<v1::DebugService::Stub*> ProcessMachine::FindDebug(
    const v1::GateAt& at) {
  if (!at.has_cpu()) return coordinator_process_.debug.get();
  const absl::StatusOr<Process*> process = FindCpu(at.cpu());
  if (!process.ok()) return process.status();
  return (*process)->debug.get();
}

absl::Status ProcessMachine::Hold(const v1::GateAt& at) {
  const auto debug = FindDebug(at);
  if (!debug.ok()) return debug.status();
  v1::HoldGateRequest request;
  request.set_name(at.gate());
  return Invoke(**debug, &v1::DebugService::Stub::HoldGate, request,
                coordinator_.timeout())
      .status();
}

absl::Status ProcessMachine::Release(const v1::GateAt& at) {
  const auto debug = FindDebug(at);
  if (!debug.ok()) return debug.status();
  v1::ReleaseGateRequest request;
  request.set_name(at.gate());
  return Invoke(**debug, &v1::DebugService::Stub::ReleaseGate, request,
                coordinator_.timeout())
      .status();
}

absl::Status ProcessMachine::Pass(const v1::GateAt& at,
                                  const std::string& event,
                                  v1::PassGateRequest::How how) {
  const auto debug = FindDebug(at);
  if (!debug.ok()) return debug.status();
  v1::PassGateRequest request;
  request.set_name(at.gate());
  request.set_event(event);
  request.set_lamport(lamport_);
  request.set_how(how);
  const auto response = Invoke(**debug, &v1::DebugService::Stub::PassGate,
                               request, coordinator_.timeout());
  if (!response.ok()) return response.status();
  lamport_ = response->lamport();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Gate>> ProcessMachine::Gates(
    const v1::GateAt& at) {
  const auto debug = FindDebug(at);
  if (!debug.ok()) return debug.status();
  const auto response = Invoke(**debug, &v1::DebugService::Stub::ListGates,
                               v1::ListGatesRequest(), coordinator_.timeout());
  if (!response.ok()) return response.status();
  return std::vector<v1::Gate>(response->gates().begin(),
                               response->gates().end());
}

absl::StatusOr<std::uint32_t> ProcessMachine::Offline(
    const v1::Hotplug& hotplug) {
  const auto on = hotplug.has_on() ? std::optional(hotplug.on()) : std::nullopt;
  const auto operation = StartOffline(coordinator_, hotplug.cpu(), on);
  if (!operation.ok()) return operation.status();
  return operation->id();
}

absl::StatusOr<std::uint32_t> ProcessMachine::Online(
    const v1::Hotplug& hotplug) {
  const auto on = hotplug.has_on() ? std::optional(hotplug.on()) : std::nullopt;
  const auto operation = StartOnline(coordinator_, hotplug.cpu(), on);
  if (!operation.ok()) return operation.status();
  return operation->id();
}

absl::StatusOr<std::uint32_t> ProcessMachine::StopMachine(
    const std::string& cpus) {
  v1::StopMachineRequest request;
  request.set_function("nop");
  request.set_cpus(cpus);
  request.set_request_id(NewRequestId());
  const auto response =
      coordinator_.Ask(&Coordinator::Stub::StopMachine, request);
  if (!response.ok()) return response.status();
  return response->operation().id();
}

absl::StatusOr<v1::Operation> ProcessMachine::GetOperation(std::uint32_t id) {
  v1::WaitOperationRequest request;
  request.set_id(id);
  request.mutable_timeout();
  const auto response =
      coordinator_.Ask(&Coordinator::Stub::WaitOperation, request);
  if (!response.ok()) return response.status();
  return response->operation();
}

absl::Status ProcessMachine::StartBlockIo(const v1::BlockIo& io) {
  const absl::StatusOr<Process*> process = FindCpu(io.on());
  if (!process.ok()) return process.status();
  v1::SetLoadRequest request;
  request.mutable_load()->set_count(io.count());
  request.mutable_load()->set_submitters(absl::StrCat(io.submitter()));
  return Invoke(*(*process)->cpu, &v1::CpuService::Stub::SetLoad, request,
                coordinator_.timeout())
      .status();
}

absl::Status ProcessMachine::StartIrqCallMany(const v1::IrqCallMany& irq) {
  const absl::StatusOr<Process*> process = FindCpu(irq.on());
  if (!process.ok()) return process.status();
  v1::SetLoadRequest request;
  request.mutable_load()->set_count(1);
  request.mutable_load()->set_submitters(irq.cpus());
  request.mutable_load()->set_calls_many(true);
  return Invoke(*(*process)->cpu, &v1::CpuService::Stub::SetLoad, request,
                coordinator_.timeout())
      .status();
}

absl::StatusOr<v1::LoadStatus> ProcessMachine::BlockIoStatus(
    std::uint32_t cpu) {
  const absl::StatusOr<Process*> process = FindCpu(cpu);
  if (!process.ok()) return process.status();
  auto response = Invoke(*(*process)->cpu, &v1::CpuService::Stub::GetLoad,
                         v1::GetLoadRequest(), coordinator_.timeout());
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_status());
}

absl::StatusOr<std::uint64_t> ProcessMachine::Issued(std::uint32_t from,
                                                     std::uint32_t cpu) {
  const absl::StatusOr<v1::CpuSnapshot> snapshot = Snapshot(from);
  if (!snapshot.ok()) return snapshot.status();
  for (const v1::LedgerRow& row : snapshot->ledger()) {
    if (row.cpu() == cpu) return row.issued();
  }
  return 0;
}

// Whether such a call waits at the gate of its task.
absl::StatusOr<bool> ProcessMachine::StandsAtGate(
    std::uint32_t from, const kernel::CpuEvent& call) {
  v1::GateAt at;
  at.set_cpu(from);
  const auto gates = Gates(at);
  if (!gates.ok()) return gates.status();
  const std::string name = kernel::EventText(call, {from});
  return std::any_of(gates->begin(), gates->end(), [&](const v1::Gate& gate) {
    return std::find(gate.events().begin(), gate.events().end(), name) !=
           gate.events().end();
  });
}

// The answer comes when it comes; but once the step is over, the call must be
// on its way, or at its gate, or the machine would seem to be at rest.
absl::Status ProcessMachine::AwaitIssued(std::uint32_t from, std::uint32_t cpu,
                                         const kernel::CpuEvent& call,
                                         std::uint64_t count) {
  const absl::Time deadline = absl::Now() + kIssueTimeout;
  while (absl::Now() < deadline) {
    const absl::StatusOr<std::uint64_t> issued = Issued(from, cpu);
    if (!issued.ok()) return issued.status();
    if (*issued >= count) return absl::OkStatus();
    const absl::StatusOr<bool> stands = StandsAtGate(from, call);
    if (!stands.ok()) return stands.status();
    if (*stands) return absl::OkStatus();
    if (!patience_.interrupt->Sleep(kFirstWait)) break;
  }
  return absl::DeadlineExceededError(absl::StrCat(
      CpuName(from), " has not issued its calls to ", CpuName(cpu)));
}

absl::Status ProcessMachine::StartCall(const v1::ScenarioCall& call) {
  const std::uint32_t count = std::max<std::uint32_t>(call.count(), 1);
  v1::CallRequest request;
  request.set_cpus(absl::StrCat(call.cpu()));
  request.set_function(call.function());
  request.set_wait(call.wait());
  request.set_count(count);
  // A waiting call is issued when the one before it has returned.
  return Start(call.from(), call.cpu(), kernel::Call{.dst = {call.cpu()}},
               request, call.wait() ? 1 : count);
}

absl::Status ProcessMachine::StartCallMany(const v1::ScenarioCallMany& call) {
  const auto cpus = kernel::ParseCpuList(call.cpus());
  if (!cpus.ok()) return cpus.status();
  v1::CallRequest request;
  request.set_cpus(call.cpus());
  request.set_function(call.function());
  request.set_wait(call.wait());
  request.set_many(true);
  // All are issued at once.
  return Start(call.from(), cpus->first()->value,
               kernel::CallMany{.cpus = *cpus}, request, 1);
}

absl::Status ProcessMachine::Start(std::uint32_t from, std::uint32_t cpu,
                                   const kernel::CpuEvent& call,
                                   const v1::CallRequest& request,
                                   std::uint64_t count) {
  const absl::StatusOr<Process*> process = FindCpu(from);
  if (!process.ok()) return process.status();
  const absl::StatusOr<std::uint64_t> before = Issued(from, cpu);
  if (!before.ok()) return before.status();
  auto started = std::make_unique<Started<v1::CallResponse>>();
  SetDeadline(&started->context, patience_.deadline - absl::Now());
  started->reader =
      (*process)->cpu->AsyncCall(&started->context, request, &queue_);
  started->reader->Finish(&started->response, &started->status, started.get());
  calls_.push_back(std::move(started));
  return AwaitIssued(from, cpu, call, *before + count);
}

// As a call's: once the step is over the task is there.
absl::Status ProcessMachine::StartStopTwo(const v1::ScenarioStopTwo& stop) {
  const absl::StatusOr<Process*> process = FindCpu(stop.on());
  if (!process.ok()) return process.status();
  const auto asked = [&]() -> absl::StatusOr<std::uint64_t> {
    const absl::StatusOr<v1::CpuSnapshot> snapshot = Snapshot(stop.on());
    if (!snapshot.ok()) return snapshot.status();
    return snapshot->stop_twos() + snapshot->stop_two_tasks();
  };
  const absl::StatusOr<std::uint64_t> before = asked();
  if (!before.ok()) return before.status();
  v1::StopTwoRequest request;
  request.set_a(stop.a());
  request.set_b(stop.b());
  request.set_function("nop");
  auto started = std::make_unique<Started<v1::StopTwoResponse>>();
  SetDeadline(&started->context, patience_.deadline - absl::Now());
  started->reader =
      (*process)->cpu->AsyncStopTwo(&started->context, request, &queue_);
  started->reader->Finish(&started->response, &started->status, started.get());
  stop_twos_.push_back(std::move(started));
  const absl::Time deadline = absl::Now() + kIssueTimeout;
  while (absl::Now() < deadline) {
    const absl::StatusOr<std::uint64_t> now = asked();
    if (!now.ok()) return now.status();
    if (*now > *before) return absl::OkStatus();
    if (!patience_.interrupt->Sleep(kFirstWait)) break;
  }
  return absl::DeadlineExceededError(
      absl::StrCat(CpuName(stop.on()), " has not begun to stop two CPUs"));
}

absl::Status ProcessMachine::Act(const v1::CpuAct& act) {
  const absl::StatusOr<Process*> process = FindCpu(act.cpu());
  if (!process.ok()) return process.status();
  v1::ActRequest request;
  *request.mutable_act() = act;
  return Invoke(*(*process)->cpu, &v1::CpuService::Stub::Act, request,
                coordinator_.timeout())
      .status();
}

absl::Status ProcessMachine::KillProcess(std::optional<std::uint32_t> cpu) {
  if (cluster_ == nullptr) return NotOurs();
  if (cpu) processes_.erase(*cpu);
  return cluster_->Kill(ProcessName(cpu));
}

absl::Status ProcessMachine::StartProcess(std::optional<std::uint32_t> cpu) {
  if (cluster_ == nullptr) return NotOurs();
  const absl::StatusOr<std::string> address =
      cluster_->Restart(ProcessName(cpu), patience_);
  if (!address.ok()) return address.status();
  // The coordinator may not have been told of it.
  if (cpu) Connect(*cpu, *address);
  return absl::OkStatus();
}

absl::Status ProcessMachine::BreakLink(std::uint32_t cpu,
                                       std::optional<std::uint32_t> to) {
  const absl::StatusOr<Process*> process = FindCpu(cpu);
  if (!process.ok()) return process.status();
  v1::BreakLinkRequest request;
  if (to) request.set_cpu(*to);
  return Invoke(*(*process)->cpu, &v1::CpuService::Stub::BreakLink, request,
                coordinator_.timeout())
      .status();
}

absl::StatusOr<v1::CpuSnapshot> ProcessMachine::Snapshot(std::uint32_t cpu) {
  const absl::StatusOr<Process*> process = FindCpu(cpu);
  if (!process.ok()) return process.status();
  v1::InspectRequest request;
  request.set_max_entries(kMaxEntries);
  auto response = Invoke(*(*process)->cpu, &v1::CpuService::Stub::Inspect,
                         request, coordinator_.timeout());
  if (!response.ok()) {
    // Its process may come back elsewhere.
    processes_.erase(cpu);
    return response.status();
  }
  return std::move(*response->mutable_snapshot());
}

absl::StatusOr<v1::Cluster> ProcessMachine::GetCluster() {
  return coordinator_.GetCluster();
}

absl::StatusOr<trace::MachineView> ProcessMachine::View() {
  return CollectView(coordinator_, {.max_entries = kMaxEntries});
}

bool ProcessMachine::WaitForChange(int attempt) {
  const absl::Duration wait =
      std::min(kFirstWait * (1 << std::min(attempt, kDoublings)), kLastWait);
  return patience_.interrupt->Sleep(wait) && absl::Now() < patience_.deadline;
}

}  // namespace belfry::client
