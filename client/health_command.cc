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

// The empty HealthCheckRequest: the server as a whole.
std::string CheckHealth(const std::string& address, absl::Duration timeout,
                        std::string* message) {
  grpc::GenericStub stub(OpenChannel(address));
  grpc::ClientContext context;
  SetDeadline(&context, timeout);
  grpc::Slice nothing;
  grpc::ByteBuffer request(&nothing, 1), response;
  grpc::Status status;
  grpc::CompletionQueue queue;
  auto call = stub.PrepareUnaryCall(&context, kMethod, request, &queue);
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  if (!status.ok()) {
    *message = status.error_message();
    return "UNREACHABLE";
  }
  std::vector<grpc::Slice> slices;
  std::string bytes;
  (void)response.Dump(&slices);
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes == kServing ? "SERVING" : "NOT_SERVING";
}

void Check(const std::string& name, const std::string& address,
           absl::Duration timeout, v1::HealthReport* report) {
  v1::HealthReport::Process* process = report->add_processes();
  process->set_name(name);
  process->set_address(address);
  std::string message;
  process->set_status(CheckHealth(address, timeout, &message));
  process->set_message(message);
}

void CheckCluster(const GlobalOptions& options, v1::HealthReport* report) {
  auto coordinator = Connect(options);
  if (!coordinator.ok()) {
    v1::HealthReport::Process* process = report->add_processes();
    process->set_name(std::string(kCoordinatorName));
    process->set_status("UNREACHABLE");
    process->set_message(std::string(coordinator.status().message()));
    return;
  }
  Check(std::string(kCoordinatorName), coordinator->address(), options.timeout,
        report);
  const auto cluster = coordinator->GetCluster();
  if (!cluster.ok()) return;
  for (const v1::CpuInfo& cpu : cluster->cpus()) {
    const absl::StatusOr<std::string> address = AddressOf(cpu);
    if (address.ok()) {
      Check(CpuName(cpu.cpu()), *address, options.timeout, report);
      continue;
    }
    v1::HealthReport::Process* process = report->add_processes();
    process->set_name(CpuName(cpu.cpu()));
    process->set_status("UNREACHABLE");
    process->set_message(std::string(address.status().message()));
  }
}

}  // namespace

ExitCode Run(Context& context, const HealthOptions& options) {
  v1::HealthReport report;
  if (options.address.empty()) {
    CheckCluster(context.options, &report);
  } else {
    Check(options.address, options.address, context.options.timeout, &report);
  }
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
