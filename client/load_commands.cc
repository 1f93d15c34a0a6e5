// belfry load start, stop, show.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "belfry/v1/node.grpc.pb.h"
#include "belfry/v1/report.pb.h"
#include "client/collect.h"
#include "client/commands.h"
#include "client/coordinator.h"
#include "client/cpu_text.h"
#include "client/exit_code.h"
#include "client/fan_out.h"
#include "client/state_dir.h"

namespace belfry::client {
namespace {

using CpuStub = v1::CpuService::Stub;

// The CPUs of the list that have a process; what has none is an error if it was
// named, and left out if not.
absl::StatusOr<std::vector<v1::CpuInfo>> Select(const v1::Cluster& cluster,
                                                const std::string& list,
                                                bool online_only) {
  auto cpus = SelectCpus(cluster, list);
  if (!cpus.ok()) return cpus.status();
  std::vector<v1::CpuInfo> selected;
  for (v1::CpuInfo& cpu : *cpus) {
    const auto address = AddressOf(cpu);
    const bool wanted =
        address.ok() && (!online_only || cpu.state() == v1::CPU_STATE_ONLINE);
    if (!list.empty() && !address.ok()) {
      return WithRpcExitCode(absl::UnavailableError(
          absl::StrCat(CpuName(cpu.cpu()), ": ", address.status().message())));
    }
    if (wanted || !list.empty()) selected.push_back(std::move(cpu));
  }
  return selected;
}

std::string RateText(const v1::Load& load) {
  return load.rate() > 0 ? absl::StrCat(load.rate(), "/s") : "at once";
}

Table LoadTable(const v1::LoadReport& report) {
  Table table({{"CPU"},
               {"LOAD"},
               {"RATE", Table::Align::kRight},
               {"COMPLETIONS", Table::Align::kRight},
               {"OF", Table::Align::kRight},
               {"SUBMITTERS"},
               {"SEED", Table::Align::kRight}});
  for (const v1::LoadStatus& status : report.loads()) {
    const v1::Load& load = status.load();
    const bool set = load.rate() > 0 || load.count() > 0;
    table.Add({CpuName(status.cpu()),
               Cell(status.running() ? "running" : "stopped",
                    status.running() ? Style::kGood : Style::kDim),
               set ? RateText(load) : "", absl::StrCat(status.completions()),
               set && load.count() > 0 ? absl::StrCat(load.count()) : "",
               load.submitters(), set ? absl::StrCat(load.seed()) : ""});
  }
  return table;
}

// Asks every one of the CPUs, prints what they answer.
template <typename Request, typename Response>
ExitCode AskAll(Context& context, const std::vector<v1::CpuInfo>& cpus,
                StartMethod<CpuStub, Request, Response> start,
                const Request& request) {
  std::vector<std::string> addresses;
  for (const v1::CpuInfo& cpu : cpus) addresses.push_back(cpu.address());
  auto answers = FanOut<v1::CpuService>(addresses, start, request,
                                        context.options.timeout);
  v1::LoadReport report;
  int exit_code = kExitOk;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].ok()) {
      *report.add_loads() = std::move(*answers[i]->mutable_status());
      continue;
    }
    exit_code = ExitCodeOf(answers[i].status());
    context.out.Error(absl::StrCat(CpuName(cpus[i].cpu()), ": ",
                                   answers[i].status().message()));
  }
  switch (context.out.format()) {
    case Format::kJson:
      context.out.Json(report);
      break;
    case Format::kName:
      for (const v1::LoadStatus& status : report.loads()) {
        context.out.Line(CpuName(status.cpu()));
      }
      break;
    case Format::kTable:
      if (!report.loads().empty()) context.out.Print(LoadTable(report));
      break;
  }
  return exit_code;
}

absl::StatusOr<v1::Cluster> AskCluster(const GlobalOptions& options) {
  auto coordinator = Connect(options);
  if (!coordinator.ok()) return coordinator.status();
  return coordinator->GetCluster();
}

}  // namespace

ExitCode Run(Context& context, const LoadStartOptions& options) {
  if (options.rate == 0 && options.count == 0) {
    return UsageError(
        "how much load? give --rate (a second), --count, or both");
  }
  const auto cluster = AskCluster(context.options);
  if (!cluster.ok()) return cluster.status();
  const auto cpus = Select(*cluster, options.on, /*online_only=*/true);
  if (!cpus.ok()) return cpus.status();
  const auto submitters = SelectCpus(*cluster, options.submitters);
  if (!submitters.ok()) return submitters.status();
  v1::SetLoadRequest request;
  v1::Load* load = request.mutable_load();
  load->set_rate(options.rate);
  load->set_count(options.count);
  load->set_submitters(options.submitters.empty() ? OnlineList(*cluster)
                                                  : options.submitters);
  load->set_seed(options.seed);
  return AskAll(context, *cpus, &CpuStub::AsyncSetLoad, request);
}

ExitCode Run(Context& context, const LoadStopOptions& options) {
  const auto cluster = AskCluster(context.options);
  if (!cluster.ok()) return cluster.status();
  const auto cpus = Select(*cluster, options.on, /*online_only=*/false);
  if (!cpus.ok()) return cpus.status();
  return AskAll(context, *cpus, &CpuStub::AsyncSetLoad, v1::SetLoadRequest());
}

ExitCode Run(Context& context, const LoadShowOptions& options) {
  const auto cluster = AskCluster(context.options);
  if (!cluster.ok()) return cluster.status();
  const auto cpus = Select(*cluster, options.on, /*online_only=*/false);
  if (!cpus.ok()) return cpus.status();
  return AskAll(context, *cpus, &CpuStub::AsyncGetLoad, v1::GetLoadRequest());
}

}  // namespace belfry::client
