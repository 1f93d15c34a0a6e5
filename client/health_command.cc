// belfry health: grpc.health.v1, asked of every process.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "belfry/v1/report.pb.h"
#include "client/collect.h"
#include "client/commands.h"
#include "client/coordinator.h"
#include "client/exit_code.h"
#include "client/state_dir.h"
#include "client/stub.h"

namespace belfry::client {
namespace {

constexpr char kMethod[] = "/grpc.health.v1.Health/Check";
// HealthCheckResponse{status: SERVING}: field 1, a varint, 1. No package of
// ours brings grpc.health.v1, and this is all of it that is needed.
constexpr absl::string_view kServing("\x08\x01", 2);

// One process that is asked. The empty HealthCheckRequest is about the server
// as a whole.
struct Probe {
  Probe(const std::string& address, absl::Duration timeout,
        grpc::CompletionQueue* queue)
      : stub(OpenChannel(address)) {
    SetDeadline(&context, timeout);
    grpc::Slice nothing;
    call = stub.PrepareUnaryCall(&context, kMethod,
                                 grpc::ByteBuffer(&nothing, 1), queue);
    call->StartCall();
    call->Finish(&response, &status, this);
  }

  bool IsServing() const {
    std::vector<grpc::Slice> slices;
    std::string bytes;
    if (!response.Dump(&slices).ok()) return false;
    for (const grpc::Slice& slice : slices) {
      bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
    return bytes == kServing;
  }

  grpc::GenericStub stub;
  grpc::ClientContext context;
  grpc::ByteBuffer response;
  grpc::Status status;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> call;
};

// Asks all that have an address at once, and fills in what they say.
void AskAll(absl::Duration timeout, v1::HealthReport* report) {
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<Probe>> probes;
  for (const v1::HealthReport::Process& process : report->processes()) {
    probes.push_back(
        process.address().empty()
            ? nullptr
            : std::make_unique<Probe>(process.address(), timeout, &queue));
  }
  void* tag = nullptr;
  bool ok = false;
  for (const auto& probe : probes) {
    if (probe != nullptr) queue.Next(&tag, &ok);
  }
  for (std::size_t i = 0; i < probes.size(); ++i) {
    if (probes[i] == nullptr) continue;
    v1::HealthReport::Process* process =
        report->mutable_processes(static_cast<int>(i));
    if (!probes[i]->status.ok()) {
      process->set_status("UNREACHABLE");
      process->set_message(probes[i]->status.error_message());
    } else {
      process->set_status(probes[i]->IsServing() ? "SERVING" : "NOT_SERVING");
    }
  }
}

v1::HealthReport::Process* AddProcess(
    const std::string& name, const absl::StatusOr<std::string>& address,
    v1::HealthReport* report) {
  v1::HealthReport::Process* process = report->add_processes();
  process->set_name(name);
  if (address.ok()) {
    process->set_address(*address);
  } else {
    process->set_status("UNREACHABLE");
    process->set_message(std::string(address.status().message()));
  }
  return process;
}

// Where the processes of the cluster are, as far as the coordinator tells.
void AddCluster(const GlobalOptions& options, v1::HealthReport* report) {
  const std::string name(kCoordinatorName);
  auto coordinator = Connect(options);
  if (!coordinator.ok()) {
    AddProcess(name, coordinator.status(), report);
    return;
  }
  const auto cluster = coordinator->GetCluster();
  if (!cluster.ok()) {
    AddProcess(name, cluster.status(), report)
        ->set_address(coordinator->address());
    return;
  }
  AddProcess(name, coordinator->address(), report);
  for (const v1::CpuInfo& cpu : cluster->cpus()) {
    AddProcess(CpuName(cpu.cpu()), AddressOf(cpu), report);
  }
}

}  // namespace

ExitCode Run(Context& context, const HealthOptions& options) {
  v1::HealthReport report;
  if (options.address.empty()) {
    AddCluster(context.options, &report);
  } else {
    AddProcess(options.address, options.address, &report);
  }
  AskAll(context.options.timeout, &report);
  report.set_healthy(true);
  Table table({{"PROCESS"}, {"ADDRESS"}, {"STATUS"}, {"MESSAGE"}});
  for (const v1::HealthReport::Process& process : report.processes()) {
    const bool serving = process.status() == "SERVING";
    if (!serving) report.set_healthy(false);
    table.Add({process.name(), process.address(),
               Cell(absl::StrCat(serving ? "" : "! ", process.status()),
                    serving ? Style::kGood : Style::kBad),
               process.message()});
  }
  if (context.out.json()) {
    context.out.Json(report);
  } else {
    context.out.Print(table);
  }
  return report.healthy() ? kExitOk : kExitFailed;
}

}  // namespace belfry::client
