// belfry stop-machine, and ops list, wait, cancel.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "belfry/v1/report.pb.h"
#include "client/commands.h"
#include "client/coordinator.h"
#include "client/cpu_text.h"
#include "client/duration.h"
#include "client/exit_code.h"
#include "client/interrupt.h"
#include "client/operations.h"
#include "google/protobuf/util/time_util.h"
#include "kernel/errno.h"
#include "trace/latency.h"
#include "trace/operation_text.h"

namespace belfry::client {
namespace {

using google::protobuf::util::TimeUtil;

std::string AgeText(const v1::Operation& operation) {
  if (operation.done()) return DurationText(FromProto(operation.duration()));
  if (!operation.has_create_time()) return "";
  return DurationText(absl::Now() -
                      absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(
                          operation.create_time())));
}

Cell ResultCell(const v1::Operation& operation) {
  if (!operation.done()) return {"runs", Style::kWarn};
  if (operation.result() == "0") return {"0", Style::kGood};
  return {absl::StrCat("! ", operation.result()), Style::kBad};
}

Table OperationTable(const v1::OperationList& list) {
  Table table({{"ID", Table::Align::kRight},
               {"OPERATION"},
               {"ON"},
               {"LEG"},
               {"STEP"},
               {"RESULT"},
               {"TIME", Table::Align::kRight},
               {"MESSAGE"}});
  for (const v1::Operation& operation : list.operations()) {
    table.Add({absl::StrCat(operation.id()), trace::WhatText(operation),
               absl::StrCat("cpu/", operation.control_cpu()), operation.leg(),
               operation.step(), ResultCell(operation), AgeText(operation),
               operation.message()});
  }
  return table;
}

void PrintOperation(Output& out, const v1::Operation& operation,
                    const std::string& text) {
  if (out.json()) {
    v1::OperationList list;
    *list.add_operations() = operation;
    out.Json(list);
  } else {
    out.Line(text);
  }
}

bool IsCancelled(const v1::Operation& operation) {
  return operation.result() == kernel::ErrnoName(kernel::Errno::kEcanceled);
}

ExitCode Await(Context& context, Coordinator& coordinator,
               const v1::Operation& started) {
  const Interrupt interrupt;
  const auto ended = AwaitOperation(
      coordinator, started, absl::Now() + context.options.timeout, interrupt);
  if (!ended.ok()) return ended.status();
  const absl::Status outcome = OutcomeOf(*ended, interrupt);
  if (outcome.ok() || context.out.json()) {
    PrintOperation(context.out, *ended,
                   outcome.ok() ? trace::OutcomeText(*ended) : "");
  }
  if (!outcome.ok()) return outcome;
  return kExitOk;
}

absl::StatusOr<v1::Operation> StartStop(Coordinator& coordinator,
                                        v1::StopMachineRequest request) {
  request.set_request_id(NewRequestId());
  const auto response =
      coordinator.Ask(&Coordinator::Stub::StopMachine, request);
  if (!response.ok()) return Refused(response.status(), "machine not stopped");
  return response->operation();
}

// Adds what became of it to the list.
absl::Status StopOnce(Context& context, Coordinator& coordinator,
                      const v1::StopMachineRequest& request,
                      const Interrupt& interrupt, v1::OperationList* list) {
  const auto started = StartStop(coordinator, request);
  if (!started.ok()) return started.status();
  const auto ended = AwaitOperation(
      coordinator, *started, absl::Now() + context.options.timeout, interrupt);
  if (!ended.ok()) return ended.status();
  *list->add_operations() = *ended;
  return OutcomeOf(*ended, interrupt);
}

std::string RoundsText(const v1::OperationList& list) {
  if (list.operations_size() == 1) {
    return trace::OutcomeText(list.operations(0));
  }
  std::vector<std::int64_t> micros;
  for (const v1::Operation& operation : list.operations()) {
    micros.push_back(TimeUtil::DurationToMicroseconds(operation.duration()));
  }
  const auto latency = trace::MakeLatency(std::move(micros));
  return absl::StrFormat(
      "machine stopped %d times: p50 %.2f ms, p99 %.2f ms, max %.2f ms",
      list.operations_size(), latency.p50_s() * 1e3, latency.p99_s() * 1e3,
      latency.max_s() * 1e3);
}

ExitCode StopRounds(Context& context, Coordinator& coordinator,
                    const v1::StopMachineRequest& request,
                    std::uint32_t count) {
  const Interrupt interrupt;
  v1::OperationList list;
  absl::Status status;
  for (std::uint32_t round = 1; round <= count && status.ok(); ++round) {
    if (count > 1) {
      context.out.Progress(absl::StrCat("round ", round, " of ", count));
    }
    status = StopOnce(context, coordinator, request, interrupt, &list);
  }
  if (context.out.json() && !list.operations().empty()) {
    context.out.Json(list);
  } else if (status.ok()) {
    context.out.Line(RoundsText(list));
  }
  if (!status.ok()) return status;
  return kExitOk;
}

}  // namespace

ExitCode Run(Context& context, const StopMachineOptions& options) {
  std::vector<std::uint32_t> active;
  if (!options.on.empty()) {
    auto cpus = ParseCpus(options.on);
    if (!cpus.ok()) return cpus.status();
    active = *std::move(cpus);
  }
  auto coordinator = Connect(context.options);
  if (!coordinator.ok()) return coordinator.status();
  const absl::Status possible = CheckPossible(*coordinator, active);
  if (!possible.ok()) return possible;
  v1::StopMachineRequest request;
  request.set_function(options.function);
  request.set_payload(options.payload);
  request.set_cpus(options.on);
  if (!options.detach) {
    return StopRounds(context, *coordinator, request, options.count);
  }
  const auto started = StartStop(*coordinator, request);
  if (!started.ok()) return started.status();
  PrintOperation(context.out, *started,
                 absl::StrCat("operation ", started->id(), ": ",
                              trace::WhatText(*started)));
  return kExitOk;
}

ExitCode Run(Context& context, const OpsListOptions& options) {
  auto coordinator = Connect(context.options);
  if (!coordinator.ok()) return coordinator.status();
  v1::ListOperationsRequest request;
  request.set_include_done(options.all);
  auto response = coordinator->Ask(&Coordinator::Stub::ListOperations, request);
  if (!response.ok()) return response.status();
  v1::OperationList list;
  list.mutable_operations()->Swap(response->mutable_operations());
  if (context.out.json()) {
    context.out.Json(list);
  } else if (context.out.format() == Format::kName) {
    for (const v1::Operation& operation : list.operations()) {
      context.out.Line(absl::StrCat(operation.id()));
    }
  } else if (list.operations().empty()) {
    context.out.Note("no operation runs");
  } else {
    context.out.Print(OperationTable(list));
  }
  return kExitOk;
}

ExitCode Run(Context& context, const OpsWaitOptions& options) {
  auto coordinator = Connect(context.options);
  if (!coordinator.ok()) return coordinator.status();
  v1::Operation operation;
  operation.set_id(options.id);
  return Await(context, *coordinator, operation);
}

ExitCode Run(Context& context, const OpsCancelOptions& options) {
  auto coordinator = Connect(context.options);
  if (!coordinator.ok()) return coordinator.status();
  v1::CancelOperationRequest request;
  request.set_id(options.id);
  const auto response =
      coordinator->Ask(&Coordinator::Stub::CancelOperation, request);
  if (!response.ok()) {
    return Refused(response.status(),
                   absl::StrCat("operation ", options.id, " not cancelled"));
  }
  const v1::Operation& operation = response->operation();
  if (operation.done() && !IsCancelled(operation)) {
    if (context.out.json()) PrintOperation(context.out, operation, "");
    return absl::AbortedError(
        absl::StrCat("operation ", options.id,
                     " is done already: ", trace::OutcomeText(operation)));
  }
  PrintOperation(
      context.out, operation,
      operation.done()
          ? absl::StrCat("operation ", options.id, " cancelled (",
                         trace::WhatText(operation), ")")
          : absl::StrCat(StillRunsText(operation),
                         "; it is given up as soon as that has ended"));
  return kExitOk;
}

}  // namespace belfry::client
