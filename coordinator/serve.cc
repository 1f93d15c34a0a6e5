// What clients ask of the coordinator.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/process_impl.h"
#include "kernel/functions.h"
#include "kernel/gate.h"
#include "rpc/codec.h"
#include "rpc/status.h"

namespace belfry::coordinator {
namespace {

using kernel::CpuId;
using kernel::Errno;
using kernel::OpId;

// Our answer must reach the client before it gives up.
constexpr std::chrono::milliseconds kMargin{50};

// Of a request's name: the last hundred are kept.
constexpr std::size_t kRequestIdMax = 256;

// "0 offline, 1 calls:prepare, ..."
std::string StepNames(const kernel::CpuhpTable& table) {
  return absl::StrJoin(
      table.steps(), ", ", [](std::string* out, const kernel::CpuhpStep& step) {
        absl::StrAppend(out, step.state, " ", std::string(step.name));
      });
}

std::string WhyNotSetToFail(const kernel::Coordinator& machine, CpuId cpu,
                            kernel::CpuhpState state) {
  const auto record = machine.cpus().find(cpu);
  if (record == machine.cpus().end()) {
    return absl::StrCat("cpu ", cpu.value, " is not possible");
  }
  const kernel::CpuhpTable& table = machine.table();
  const kernel::CpuhpStep* step = table.Find(state);
  return absl::StrCat(
      "step ", state,
      step == nullptr ? "" : absl::StrCat(" (", std::string(step->name), ")"),
      " cannot be made to fail: ",
      std::string(table.WhyCannotFail(state, record->second.state)),
      step == nullptr ? absl::StrCat("; there are ", StepNames(table)) : "");
}

}  // namespace

template <typename Accept, typename Handler>
void Process::Impl::Serve(Accept accept, Handler handler) {
  rpc::ServeUnary<Service>(
      &service_, accept, server_->cq(),
      [this, handler = std::move(handler)](const auto& request, auto reply) {
        const grpc::Status leads = CheckLeads();
        if (!leads.ok()) return reply->Fail(leads);
        handler(request, std::move(reply));
      });
}

void Process::Impl::Serve() {
  nodes_->Serve(&service_, server_->cq());
  Serve(&Service::RequestGetCluster,
        [this](const v1::GetClusterRequest&, auto reply) {
          v1::GetClusterResponse response;
          *response.mutable_cluster() = DescribeCluster();
          reply->Finish(response);
        });
  Serve(&Service::RequestGetLiveState,
        [this](const v1::GetLiveStateRequest&, auto reply) {
          v1::GetLiveStateResponse response;
          *response.mutable_state() = DescribeAll();
          reply->Finish(response);
        });
  Serve(&Service::RequestSetCpuFail,
        [this](const v1::SetCpuFailRequest& request, auto reply) {
          SetFail(request, std::move(reply));
        });
  ServeOperations();
  ServeWait();
  ServeCanary();
  ServeDebug();
}

// Starts an operation, or finds the one that the same request has started. One
// that is refused at once is the answer to the request itself.
template <typename Response, typename Reply>
void Process::Impl::StartOp(kernel::Request request,
                            const std::string& request_id, Reply reply) {
  if (request_id.size() > kRequestIdMax) {
    return reply->Fail(rpc::ErrorStatus(
        Errno::kEinval,
        absl::StrCat("a request_id has at most ", kRequestIdMax, " bytes")));
  }
  Response response;
  if (const auto known = operations_->FindRequest(request_id)) {
    if (auto op = operations_->Get(*known)) {
      *response.mutable_operation() = *std::move(op);
    }
    return reply->Finish(response);
  }
  request.id = DrawOp(request_id);
  if (ended_) {
    return reply->Fail(rpc::ErrorStatus(grpc::StatusCode::UNAVAILABLE,
                                        "JOURNAL",
                                        std::string(result_.message())));
  }
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
  Serve(&Service::RequestOnlineCpu,
        [this](const v1::OnlineCpuRequest& r, auto reply) {
          kernel::Request request{.kind = kernel::OpKind::kOnline,
                                  .cpu = CpuId{r.cpu()}};
          if (r.has_control_cpu()) request.control = CpuId{r.control_cpu()};
          StartOp<v1::OnlineCpuResponse>(std::move(request), r.request_id(),
                                         std::move(reply));
        });
  Serve(&Service::RequestOfflineCpu,
        [this](const v1::OfflineCpuRequest& r, auto reply) {
          kernel::Request request{.kind = kernel::OpKind::kOffline,
                                  .cpu = CpuId{r.cpu()}};
          if (r.has_control_cpu()) request.control = CpuId{r.control_cpu()};
          StartOp<v1::OfflineCpuResponse>(std::move(request), r.request_id(),
                                          std::move(reply));
        });
  Serve(&Service::RequestStopMachine,
        [this](const v1::StopMachineRequest& r, auto reply) {
          auto active = kernel::ParseCpuList(r.cpus());
          if (!active.ok()) {
            return reply->Fail(rpc::ErrorStatus(
                Errno::kEinval, std::string(active.status().message())));
          }
          if (r.payload().size() > kernel::kPayloadMax) {
            return reply->Fail(rpc::ErrorStatus(
                Errno::kEinval,
                absl::StrCat("the payload is over the ", kernel::kPayloadMax,
                             " bytes (1 MiB) that are allowed")));
          }
          StartOp<v1::StopMachineResponse>({.kind = kernel::OpKind::kStop,
                                            .active = *std::move(active),
                                            .func = r.function(),
                                            .payload = r.payload()},
                                           r.request_id(), std::move(reply));
        });
}

void Process::Impl::ServeWait() {
  const auto unknown = [this](std::uint32_t id) {
    const std::uint32_t last = operations_->last().value;
    return rpc::ErrorStatus(
        Errno::kEnoent,
        id == 0 || id > last
            ? absl::StrCat("no operation ", id, " was ever started; the last ",
                           "one is ", last)
            : absl::StrCat("operation ", id,
                           " is forgotten: it is older than the last 100, or "
                           "than this run of the coordinator"));
  };
  Serve(&Service::RequestListOperations,
        [this](const v1::ListOperationsRequest& request, auto reply) {
          v1::ListOperationsResponse response;
          for (v1::Operation& op : operations_->List(request.include_done())) {
            *response.add_operations() = std::move(op);
          }
          reply->Finish(response);
        });
  Serve(&Service::RequestWaitOperation,
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
  Serve(&Service::RequestCancelOperation,
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
                       .clock = &clock_,
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
                       "'; there are ", StepNames(table))));
    }
    state = named->state;
  }
  const Errno error = machine_->SetFail(CpuId{request.cpu()}, state);
  if (error != Errno::kOk) {
    return reply->Fail(rpc::ErrorStatus(
        error, WhyNotSetToFail(*machine_, CpuId{request.cpu()}, state),
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

// ---- The canary.

void Process::Impl::ServeCanary() {
  Serve(&Service::RequestInjectCanary,
        [this](const v1::InjectCanaryRequest& request, auto reply) {
          InjectCanary(request, std::move(reply));
        });
  Serve(&Service::RequestGetCanary,
        [this](const v1::GetCanaryRequest&, auto reply) {
          v1::GetCanaryResponse response;
          *response.mutable_canary() = DescribeCanary();
          reply->Finish(response);
        });
}

void Process::Impl::InjectCanary(
    const v1::InjectCanaryRequest& request,
    std::shared_ptr<rpc::Reply<v1::InjectCanaryResponse>> reply) {
  const auto lifetime = request.has_lifetime()
                            ? rpc::FromDuration(request.lifetime())
                            : Canary::kLifetimeDefault;
  if (lifetime < Canary::kLifetimeMin || lifetime > Canary::kLifetimeMax) {
    return reply->Fail(
        rpc::ErrorStatus(Errno::kEinval, "a canary lives from 1 s to 3600 s"));
  }
  std::optional<CpuId> cpu = machine_->view().online.first();
  if (request.has_cpu()) cpu = CpuId{request.cpu()};
  if (cpu && cpu->value >= machine_->possible()) {
    return reply->Fail(rpc::ErrorStatus(
        Errno::kEinval, absl::StrCat("cpu ", cpu->value, " is not possible")));
  }
  if (!cpu || !nodes_->attached(*cpu)) {
    return reply->Fail(rpc::ErrorStatus(
        Errno::kEnxio,
        cpu ? absl::StrCat("cpu ", cpu->value, " has no process to report it")
            : "no CPU is online that could report it"));
  }
  nodes_->SetCanary(*cpu, lifetime);
  canary_.Injected(*cpu);
  metrics_->SetCanary(canary_);
  events_.Add(rpc::Level::kInfo,
              absl::StrCat("canary injected on cpu/", cpu->value));
  v1::InjectCanaryResponse response;
  *response.mutable_canary() = DescribeCanary();
  response.mutable_canary()->set_cpu(cpu->value);
  reply->Finish(response);
}

grpc::Status Process::Impl::OnCanaryDetected() {
  grpc::Status leads = CheckLeads();
  if (!leads.ok()) return leads;
  const std::optional<CpuId> cpu = canary_.Detected();
  if (!cpu) return grpc::Status::OK;
  nodes_->SetCanary(*cpu, std::chrono::seconds(0));
  metrics_->SetCanary(canary_);
  events_.Add(rpc::Level::kInfo,
              absl::StrCat("canary on cpu/", cpu->value,
                           " detected: its alert has come back"));
  return grpc::Status::OK;
}

}  // namespace belfry::coordinator
