// belfry cpu online, offline, cycle.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "belfry/v1/report.pb.h"
#include "client/commands.h"
#include "client/coordinator.h"
#include "client/cpu_text.h"
#include "client/exit_code.h"
#include "client/interrupt.h"
#include "client/operations.h"
#include "client/state_dir.h"
#include "client/stub.h"
#include "trace/operation_text.h"
#include "trace/report_text.h"

namespace belfry::client {
namespace {

// What was done so far, as the format wants it.
class Progress {
 public:
  explicit Progress(Output& out) : out_(out) {}

  void Done(const v1::Operation& operation, const std::string& text) {
    *list_.add_operations() = operation;
    if (out_.table()) out_.Line(text);
    if (out_.format() == Format::kName) {
      out_.Line(absl::StrCat("cpu/", operation.cpus()));
    }
  }
  void Failed(const v1::Operation& operation) {
    *list_.add_operations() = operation;
  }
  void End() {
    if (out_.json()) out_.Json(list_);
  }

 private:
  Output& out_;
  v1::OperationList list_;
};

absl::Status ChangeOne(Context& context, Coordinator& coordinator,
                       const CpuChangeOptions& options, std::uint32_t cpu,
                       const Interrupt& interrupt, Progress* progress) {
  const auto started =
      StartHotplug(coordinator, options.online, cpu, options.on);
  if (!started.ok()) return started.status();
  if (options.detach) {
    progress->Done(*started, absl::StrCat("operation ", started->id(), ": ",
                                          trace::WhatText(*started)));
    return absl::OkStatus();
  }
  const auto ended = AwaitOperation(
      coordinator, *started, absl::Now() + context.options.timeout, interrupt);
  if (!ended.ok()) return ended.status();
  const absl::Status outcome = OutcomeOf(*ended, interrupt);
  if (outcome.ok()) {
    progress->Done(*ended, trace::OutcomeText(*ended));
  } else {
    progress->Failed(*ended);
  }
  return outcome;
}

// Those to be changed and the one that asks: before anything is done to any.
absl::Status CheckAll(Coordinator& coordinator, std::vector<std::uint32_t> cpus,
                      std::optional<std::uint32_t> on) {
  if (on.has_value()) cpus.push_back(*on);
  return CheckPossible(coordinator, cpus);
}

// Takes one CPU down and up; adds the two operations to the list.
absl::Status CycleOne(Context& context, Coordinator& coordinator,
                      const CpuCycleOptions& options, std::uint32_t cpu,
                      const Interrupt& interrupt, v1::OperationList* list) {
  for (const bool online : {false, true}) {
    const auto started = StartHotplug(coordinator, online, cpu, options.on);
    if (!started.ok()) return started.status();
    const auto ended =
        AwaitOperation(coordinator, *started,
                       absl::Now() + context.options.timeout, interrupt);
    if (!ended.ok()) return ended.status();
    *list->add_operations() = *ended;
    const absl::Status outcome = OutcomeOf(*ended, interrupt);
    if (!outcome.ok()) return outcome;
  }
  return absl::OkStatus();
}

void PrintCycles(Context& context, const std::vector<std::uint32_t>& cpus,
                 const CpuCycleOptions& options,
                 const v1::OperationList& list) {
  std::uint64_t flushed = 0;
  for (const v1::Operation& operation : list.operations()) {
    flushed += operation.calls_flushed();
  }
  for (const std::uint32_t cpu : cpus) {
    context.out.Line(
        context.out.format() == Format::kName
            ? CpuName(cpu)
            : absl::StrCat(CpuName(cpu), " cycled ",
                           trace::CountText(options.count, "time")));
  }
  if (context.out.table()) {
    context.out.Line(absl::StrCat(trace::CountText(flushed, "call"),
                                  " flushed on the way down"));
  }
}

// Others would only queue behind it, or nobody is there to ask.
bool IsHopeless(const absl::Status& status) {
  return ExitCodeOf(status) >= kExitTimeout || NobodyAnswers(status);
}

}  // namespace

ExitCode Run(Context& context, const CpuChangeOptions& options) {
  const auto cpus = ParseCpus(options.cpus);
  if (!cpus.ok()) return cpus.status();
  auto coordinator = Connect(context.options);
  if (!coordinator.ok()) return coordinator.status();
  const absl::Status possible = CheckAll(*coordinator, *cpus, options.on);
  if (!possible.ok()) return possible;
  const Interrupt interrupt;
  Progress progress(context.out);
  int exit_code = kExitOk;
  for (const std::uint32_t cpu : *cpus) {
    const absl::Status status =
        ChangeOne(context, *coordinator, options, cpu, interrupt, &progress);
    if (status.ok()) continue;
    // The first that went wrong decides; the rest of the list is tried.
    if (exit_code == kExitOk) exit_code = ExitCodeOf(status);
    context.out.Error(status.message());
    if (IsHopeless(status)) break;
  }
  progress.End();
  return exit_code;
}

ExitCode Run(Context& context, const CpuCycleOptions& options) {
  const auto cpus = ParseCpus(options.cpus);
  if (!cpus.ok()) return cpus.status();
  auto coordinator = Connect(context.options);
  if (!coordinator.ok()) return coordinator.status();
  const absl::Status possible = CheckAll(*coordinator, *cpus, options.on);
  if (!possible.ok()) return possible;
  const Interrupt interrupt;
  v1::OperationList list;
  absl::Status status;
  for (std::uint32_t round = 1; round <= options.count && status.ok();
       ++round) {
    for (const std::uint32_t cpu : *cpus) {
      const std::string where =
          absl::StrCat("cycle ", round, " of ", options.count);
      context.out.Progress(absl::StrCat(where, ": ", CpuName(cpu)));
      status = CycleOne(context, *coordinator, options, cpu, interrupt, &list);
      if (status.ok()) continue;
      // Names the CPU itself.
      context.out.Error(absl::StrCat(where, ": ", status.message()));
      break;
    }
  }
  if (context.out.json()) {
    context.out.Json(list);
  } else if (status.ok()) {
    PrintCycles(context, *cpus, options, list);
  }
  return ExitCodeOf(status);
}

}  // namespace belfry::client
