// belfry cpu list, show, fail.
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/collect.h"
#include "client/commands.h"
#include "client/coordinator.h"
#include "client/cpu_text.h"
#include "client/dump_text.h"
#include "client/exit_code.h"
#include "client/operations.h"
#include "client/state_dir.h"
#include "kernel/cpuhp.h"
#include "rpc/codec.h"
#include "trace/dump.h"

namespace belfry::client {
namespace {

std::string FailText(const v1::CpuInfo& cpu) {
  return cpu.fail() < 0 ? "" : absl::StrCat("step ", cpu.fail());
}

Table CpuTable(const v1::CpuList& list) {
  using Align = Table::Align;
  Table table({{"CPU", Align::kLeft},
               {"STATE"},
               {"QUEUE", Align::kRight},
               {"LATCHED"},
               {"STUCK", Align::kRight},
               {"CARRIED", Align::kRight},
               {"STEP"},
               {"FAIL"},
               {"PID", Align::kRight},
               {"ADDRESS"}});
  for (const v1::CpuInfo& cpu : list.cpus()) {
    const v1::NodeReport& report = cpu.report();
    const bool here = cpu.state() != v1::CPU_STATE_ABSENT;
    table.Add({CpuName(cpu.cpu()), StateCell(cpu.state()),
               Cell(absl::StrCat(report.depth()),
                    report.depth() > 0 ? Style::kWarn : Style::kPlain),
               report.latched() ? "yes" : "no",
               Cell(absl::StrCat(report.waiters_stuck()),
                    report.waiters_stuck() > 0 ? Style::kBad : Style::kPlain),
               absl::StrCat(cpu.calls_carried()), cpu.cpuhp_name(),
               FailText(cpu), here ? absl::StrCat(cpu.pid()) : "",
               cpu.address()});
  }
  return table;
}

// By the rules of the kernel itself, for the state that the CPU is in.
void AddSteps(const v1::Cluster& cluster, v1::DumpReport::Cpu* cpu) {
  const auto profile = rpc::FromProto(cluster.profile());
  // Of a coordinator with a newer profile.
  if (!profile.ok()) return;
  const kernel::CpuhpTable table(profile->steps);
  for (const kernel::CpuhpStep& step : table.steps()) {
    v1::DumpReport::CpuhpStep* out = cpu->add_steps();
    out->set_state(step.state);
    out->set_name(std::string(step.name));
    out->set_cannot_fail(std::string(
        table.WhyCannotFail(step.state, cpu->info().cpuhp_state())));
  }
}

std::string StepsText(const v1::DumpReport::Cpu& cpu) {
  std::string text;
  for (const v1::DumpReport::CpuhpStep& step : cpu.steps()) {
    absl::StrAppend(
        &text, text.empty() ? "  steps      " : "             ", step.state(),
        " ", step.name(), ": ",
        step.cannot_fail().empty()
            ? "can be made to fail"
            : absl::StrCat("cannot be made to fail: ", step.cannot_fail()),
        "\n");
  }
  return text;
}

void PrintNames(Output& out, const v1::CpuList& list) {
  for (const v1::CpuInfo& cpu : list.cpus()) out.Line(CpuName(cpu.cpu()));
}

}  // namespace

ExitCode Run(Context& context, const CpuListOptions&) {
  auto coordinator = Connect(context.options);
  if (!coordinator.ok()) return coordinator.status();
  auto cluster = coordinator->GetCluster();
  if (!cluster.ok()) return cluster.status();
  v1::CpuList list;
  list.mutable_cpus()->Swap(cluster->mutable_cpus());
  switch (context.out.format()) {
    case Format::kJson:
      context.out.Json(list);
      break;
    case Format::kName:
      PrintNames(context.out, list);
      break;
    case Format::kTable:
      context.out.Print(CpuTable(list));
      break;
  }
  return kExitOk;
}

ExitCode Run(Context& context, const CpuShowOptions& options) {
  auto coordinator = Connect(context.options);
  if (!coordinator.ok()) return coordinator.status();
  const auto view = CollectView(*coordinator, {.trace = false});
  if (!view.ok()) return view.status();
  const auto info = FindCpuInfo(view->cluster, options.cpu);
  if (!info.ok()) return info.status();
  v1::DumpReport report = trace::MakeDumpReport(*view);
  for (v1::DumpReport::Cpu& cpu : *report.mutable_cpus()) {
    if (cpu.info().cpu() != options.cpu) continue;
    AddSteps(view->cluster, &cpu);
    if (context.out.json()) {
      context.out.Json(cpu);
    } else {
      context.out.Data(CpuDumpText(cpu, context.out));
      context.out.Line(absl::StrCat(
          "  functions  ", absl::StrJoin(cpu.info().functions(), ", ")));
      context.out.Data(StepsText(cpu));
    }
  }
  return kExitOk;
}

ExitCode Run(Context& context, const CpuFailOptions& options) {
  if (options.step.empty() && !options.clear) {
    return UsageError("which step is to fail? name it, or give --clear");
  }
  auto coordinator = Connect(context.options);
  if (!coordinator.ok()) return coordinator.status();
  const absl::Status possible = CheckPossible(*coordinator, {options.cpu});
  if (!possible.ok()) return possible;
  v1::SetCpuFailRequest request;
  request.set_cpu(options.cpu);
  int step = -1;
  if (!options.clear && !absl::SimpleAtoi(options.step, &step)) {
    request.set_step_name(options.step);
  }
  request.set_step(step);
  const auto response =
      coordinator->Ask(&Coordinator::Stub::SetCpuFail, request);
  if (!response.ok()) {
    return Refused(response.status(),
                   absl::StrCat(CpuName(options.cpu), " not set to fail"));
  }
  if (context.out.json()) {
    context.out.Json(*response);
  } else if (response->step() < 0) {
    context.out.Line(absl::StrCat(CpuName(options.cpu), " will fail nowhere"));
  } else {
    context.out.Line(absl::StrCat(
        CpuName(options.cpu), " will fail once with EAGAIN in step ",
        response->step(), " (", response->step_name(), ")"));
  }
  return kExitOk;
}

}  // namespace belfry::client
