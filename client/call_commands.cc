// belfry call, stop-two, kick.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "belfry/v1/node.grpc.pb.h"
#include "belfry/v1/report.pb.h"
#include "client/collect.h"
#include "client/commands.h"
#include "client/coordinator.h"
#include "client/cpu_text.h"
#include "client/duration.h"
#include "client/exit_code.h"
#include "client/files.h"
#include "client/state_dir.h"
#include "client/stub.h"
#include "kernel/csd.h"

namespace belfry::client {
namespace {

// The node says when the time is over, and who has not answered; the RPC waits
// longer than a busy host delays that.
constexpr absl::Duration kAnswerMargin = absl::Seconds(5);
constexpr std::size_t kShownBytes = 60;
// All that are online: on_each_cpu().
constexpr absl::string_view kAllCpus = "all";

absl::StatusOr<std::string> PayloadOf(const CallOptions& options) {
  if (options.payload_file.empty()) return options.payload;
  // One byte too many is enough to be refused, of a file without an end as
  // well.
  absl::StatusOr<std::string> payload =
      ReadFile(options.payload_file, kernel::kPayloadMax + 1);
  if (!payload.ok()) return UsageError(payload.status().message());
  return payload;
}

// The CPU that calls: its row in the cluster.
absl::StatusOr<v1::CpuInfo> CallerOf(const v1::Cluster& cluster,
                                     std::optional<std::uint32_t> from) {
  if (from.has_value()) return FindCpuInfo(cluster, *from);
  const std::optional<std::uint32_t> lowest = LowestOnline(cluster);
  if (!lowest.has_value()) {
    return absl::FailedPreconditionError(
        "no CPU is online that could call; run: belfry cpu list");
  }
  return FindCpuInfo(cluster, *lowest);
}

// The caller's own process has not answered: of its targets it would have told.
absl::Status NoAnswer(const absl::Status& status, const v1::CpuInfo& caller,
                      const CallOptions& options) {
  const std::string what =
      absl::StrCat(CpuName(caller.cpu()), ", which was to call ", options.cpus,
                   ", did not answer");
  return WithExitCode(
      absl::Status(status.code(),
                   absl::IsDeadlineExceeded(status)
                       ? absl::StrCat(what, " in time")
                       : absl::StrCat(what, ": ", status.message())),
      ExitCodeOf(status));
}

absl::StatusOr<v1::CallResponse> MakeCall(Context& context,
                                          const CallOptions& options) {
  v1::CallRequest request;
  request.set_function(options.function);
  request.set_wait(!options.nowait);
  request.set_count(options.count);
  request.set_window(options.window);
  *request.mutable_timeout() = ToProto(context.options.timeout);
  const absl::StatusOr<std::string> payload = PayloadOf(options);
  if (!payload.ok()) return payload.status();
  request.set_payload(*payload);
  auto coordinator = Connect(context.options);
  if (!coordinator.ok()) return coordinator.status();
  const auto cluster = coordinator->GetCluster();
  if (!cluster.ok()) return cluster.status();
  request.set_cpus(options.cpus == kAllCpus ? OnlineList(*cluster)
                                            : options.cpus);
  const auto targets = SelectCpus(*cluster, request.cpus());
  if (!targets.ok()) return targets.status();
  // Several CPUs, once: that is one call of many. More of them are a load.
  request.set_many(targets->size() > 1 && options.count == 1);
  const auto caller = CallerOf(*cluster, options.from);
  if (!caller.ok()) return caller.status();
  const auto address = AddressOf(*caller);
  if (!address.ok()) {
    return WithRpcExitCode(absl::UnavailableError(absl::StrCat(
        CpuName(caller->cpu()), " cannot call: ", address.status().message())));
  }
  const auto stub = v1::CpuService::NewStub(OpenChannel(*address));
  auto response = Invoke(*stub, &v1::CpuService::Stub::Call, request,
                         context.options.timeout + kAnswerMargin);
  if (!response.ok() && !IsFromServer(response.status())) {
    return NoAnswer(response.status(), *caller, options);
  }
  return response;
}

std::string CountsText(const v1::CallResult& result) {
  std::string text;
  const auto add = [&text](std::uint64_t count, absl::string_view what) {
    if (count == 0) return;
    absl::StrAppend(&text, text.empty() ? "" : ", ", count, " ", what);
  };
  add(result.completed(), "completed");
  add(result.queued(), "queued");
  add(result.refused(), "refused");
  add(result.lost(), "lost");
  add(result.unanswered(), "unanswered");
  return text;
}

// Enough of an answer to see what it is.
std::string AnswerText(const std::string& payload) {
  const std::string shown = absl::CHexEscape(payload.substr(0, kShownBytes));
  if (payload.size() <= kShownBytes) return shown;
  return absl::StrCat(shown, "... (", payload.size(), " bytes)");
}

Table CallTable(const v1::CallReport& report) {
  std::vector<Table::Column> columns = {
      {"CPU"}, {"RESULT"}, {"TIME", Table::Align::kRight}};
  // Of each of many calls.
  const bool times = std::any_of(
      report.results().begin(), report.results().end(),
      [](const v1::CallResult& result) { return result.has_max(); });
  for (const char* header : {"P50", "P99", "MAX"}) {
    if (times) columns.push_back({header, Table::Align::kRight});
  }
  columns.insert(columns.end(), {{"CALLS"}, {"ANSWER"}});
  Table table(std::move(columns));
  for (const v1::CallResult& result : report.results()) {
    const bool good = result.result() == "0";
    std::vector<Cell> row = {
        CpuName(result.cpu()),
        Cell(absl::StrCat(good ? "" : "! ", result.result()),
             good ? Style::kGood : Style::kBad),
        DurationText(FromProto(result.duration()))};
    for (const auto* time : {&result.p50(), &result.p99(), &result.max()}) {
      if (!times) break;
      row.push_back(result.has_max() ? DurationText(FromProto(*time)) : "");
    }
    row.push_back(CountsText(result));
    row.push_back(good ? AnswerText(result.payload()) : result.message());
    table.Add(std::move(row));
  }
  return table;
}

absl::StatusOr<v1::KickResponse> KickOne(const v1::CpuInfo& cpu,
                                         absl::Duration timeout) {
  const auto address = AddressOf(cpu);
  if (!address.ok()) return WithRpcExitCode(address.status());
  const auto stub = v1::CpuService::NewStub(OpenChannel(*address));
  return Invoke(*stub, &v1::CpuService::Stub::Kick, v1::KickRequest(), timeout);
}

int ExitCodeFor(const v1::CallReport& report) {
  int exit_code = kExitOk;
  for (const v1::CallResult& result : report.results()) {
    if (result.unanswered() > 0) return kExitTimeout;
    if (result.result() != "0") exit_code = kExitFailed;
  }
  return exit_code;
}

}  // namespace

ExitCode Run(Context& context, const CallOptions& options) {
  auto response = MakeCall(context, options);
  if (!response.ok()) return response.status();
  v1::CallReport report;
  report.set_src_cpu(response->src_cpu());
  report.mutable_results()->Swap(response->mutable_results());
  switch (context.out.format()) {
    case Format::kJson:
      context.out.Json(report);
      break;
    case Format::kName:
      for (const v1::CallResult& result : report.results()) {
        context.out.Line(CpuName(result.cpu()));
      }
      break;
    case Format::kTable:
      context.out.Print(CallTable(report));
      break;
  }
  return ExitCodeFor(report);
}

ExitCode Run(Context& context, const StopTwoOptions& options) {
  auto coordinator = Connect(context.options);
  if (!coordinator.ok()) return coordinator.status();
  const auto cluster = coordinator->GetCluster();
  if (!cluster.ok()) return cluster.status();
  const auto initiator = CallerOf(*cluster, options.on);
  if (!initiator.ok()) return initiator.status();
  const auto address = AddressOf(*initiator);
  if (!address.ok()) return WithRpcExitCode(address.status());
  v1::StopTwoRequest request;
  request.set_a(options.a);
  request.set_b(options.b);
  request.set_function(options.function);
  request.set_payload(options.payload);
  *request.mutable_timeout() = ToProto(context.options.timeout);
  const auto stub = v1::CpuService::NewStub(OpenChannel(*address));
  const auto response = Invoke(*stub, &v1::CpuService::Stub::StopTwo, request,
                               context.options.timeout + kAnswerMargin);
  if (!response.ok()) return response.status();
  if (context.out.json()) {
    context.out.Json(*response);
  } else {
    const bool good = response->result() == "0";
    const std::string answer = AnswerText(response->payload());
    context.out.Line(
        good ? absl::StrCat(CpuName(options.a), " ran ", options.function,
                            " while ", CpuName(options.b), " stood, ",
                            DurationText(FromProto(response->duration())),
                            answer.empty() ? "" : ": ", answer)
             : absl::StrCat(CpuName(options.a), " and ", CpuName(options.b),
                            " not stopped: ", response->result(), ", ",
                            response->message()));
  }
  if (response->result() == "ETIMEDOUT") return kExitTimeout;
  return response->result() == "0" ? kExitOk : kExitFailed;
}

ExitCode Run(Context& context, const KickOptions& options) {
  auto coordinator = Connect(context.options);
  if (!coordinator.ok()) return coordinator.status();
  const auto cluster = coordinator->GetCluster();
  if (!cluster.ok()) return cluster.status();
  const auto cpus = SelectCpus(*cluster, options.cpus);
  if (!cpus.ok()) return cpus.status();
  v1::KickReport report;
  int exit_code = kExitOk;
  for (const v1::CpuInfo& cpu : *cpus) {
    const auto response = KickOne(cpu, context.options.timeout);
    if (!response.ok()) {
      context.out.Error(absl::StrCat(
          CpuName(cpu.cpu()), " not kicked: ", response.status().message()));
      exit_code = ExitCodeOf(response.status());
      continue;
    }
    v1::KickReport::Kicked* kicked = report.add_cpus();
    kicked->set_cpu(cpu.cpu());
    kicked->set_depth(response->depth());
    if (context.out.json()) continue;
    context.out.Line(context.out.table()
                         ? absl::StrCat(CpuName(cpu.cpu()), " kicked (",
                                        response->depth(), " queued)")
                         : CpuName(cpu.cpu()));
  }
  if (context.out.json()) context.out.Json(report);
  return exit_code;
}

}  // namespace belfry::client
