#include "client/operations.h"

#include <algorithm>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/duration.h"
#include "client/exit_code.h"
#include "client/state_dir.h"
#include "trace/operation_text.h"

namespace belfry::client {
namespace {

// How long one WaitOperation waits: so fast does Ctrl-C take effect.
constexpr absl::Duration kSlice = absl::Milliseconds(250);

// "waits for cpu 1 in step 9 (calls:online)": the coordinator's own words where
// it has some.
std::string WhereText(const v1::Operation& operation) {
  if (!operation.message().empty()) return operation.message();
  if (!operation.step().empty()) {
    return absl::StrCat("waits in step ", operation.step(), " on cpu ",
                        operation.control_cpu());
  }
  return absl::StrCat("in leg ", operation.leg());
}

}  // namespace

std::string NewRequestId() {
  std::random_device device;
  return absl::StrCat(absl::Hex(device(), absl::kZeroPad8),
                      absl::Hex(device(), absl::kZeroPad8));
}

absl::StatusOr<v1::Operation> StartOnline(Coordinator& coordinator,
                                          std::uint32_t cpu,
                                          std::optional<std::uint32_t> on) {
  v1::OnlineCpuRequest request;
  request.set_cpu(cpu);
  if (on.has_value()) request.set_control_cpu(*on);
  request.set_request_id(NewRequestId());
  auto response = coordinator.Ask(&Coordinator::Stub::OnlineCpu, request);
  if (!response.ok()) {
    return Refused(response.status(),
                   absl::StrCat(CpuName(cpu), " not onlined"));
  }
  return response->operation();
}

absl::StatusOr<v1::Operation> StartOffline(Coordinator& coordinator,
                                           std::uint32_t cpu,
                                           std::optional<std::uint32_t> on) {
  v1::OfflineCpuRequest request;
  request.set_cpu(cpu);
  if (on.has_value()) request.set_control_cpu(*on);
  request.set_request_id(NewRequestId());
  auto response = coordinator.Ask(&Coordinator::Stub::OfflineCpu, request);
  if (!response.ok()) {
    return Refused(response.status(),
                   absl::StrCat(CpuName(cpu), " not offlined"));
  }
  return response->operation();
}

absl::StatusOr<v1::Operation> StartHotplug(Coordinator& coordinator,
                                           bool online, std::uint32_t cpu,
                                           std::optional<std::uint32_t> on) {
  return online ? StartOnline(coordinator, cpu, on)
                : StartOffline(coordinator, cpu, on);
}

absl::StatusOr<v1::Operation> WaitOperation(Coordinator& coordinator,
                                            std::uint64_t id,
                                            absl::Duration time) {
  v1::WaitOperationRequest request;
  request.set_id(id);
  *request.mutable_timeout() = ToProto(time);
  auto response = coordinator.Ask(&Coordinator::Stub::WaitOperation, request);
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_operation());
}

absl::StatusOr<v1::Operation> AwaitOperation(Coordinator& coordinator,
                                             const v1::Operation& started,
                                             absl::Time deadline,
                                             const Interrupt& interrupt) {
  v1::Operation operation = started;
  while (!operation.done() && !interrupt.requested()) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) break;
    auto now =
        WaitOperation(coordinator, operation.id(), std::min(left, kSlice));
    if (!now.ok()) return now.status();
    operation = *std::move(now);
  }
  return operation;
}

std::string StillRunsText(const v1::Operation& operation) {
  return absl::StrCat("operation ", operation.id(), " (",
                      trace::WhatText(operation),
                      ") still runs: ", WhereText(operation));
}

absl::Status OutcomeOf(const v1::Operation& operation,
                       const Interrupt& interrupt) {
  if (operation.done() && operation.result() == "0") return absl::OkStatus();
  if (operation.done()) {
    return absl::AbortedError(trace::OutcomeText(operation));
  }
  const std::string text =
      absl::StrCat(StillRunsText(operation), "; run: belfry ops list");
  if (interrupt.requested()) {
    return WithExitCode(absl::CancelledError(text),
                        kExitSignal + interrupt.signal());
  }
  return WithExitCode(absl::DeadlineExceededError(text), kExitTimeout);
}

absl::Status Refused(const absl::Status& status, absl::string_view what) {
  // Else nobody refused anything: what it says stands for itself.
  if (!IsFromServer(status)) return status;
  return WithExitCode(
      absl::Status(status.code(), absl::StrCat(what, ": ", status.message())),
      ExitCodeOf(status));
}

}  // namespace belfry::client
