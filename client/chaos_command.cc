// belfry chaos.
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/chaos.h"
#include "client/chaos_network.h"
#include "client/chaos_schedule.h"
#include "client/chaos_text.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/interrupt.h"
#include "client/state_dir.h"
#include "client/temporary_cluster.h"
#include "client/torture_weights.h"
#include "rpc/files.h"
#include "trace/trace_file.h"

namespace belfry::client {
namespace {

constexpr absl::Duration kStartTimeout = absl::Seconds(60);
// Of the log, where something failed.
constexpr std::size_t kLastEvents = 25;

absl::StatusOr<std::vector<ChaosKind>> KindsOf(
    const std::vector<std::string>& names) {
  std::vector<ChaosKind> kinds;
  for (const std::string& name : names) {
    const std::optional<ChaosKind> kind = ParseChaosKind(name);
    if (!kind) {
      return UsageError(absl::StrCat("--faults: '", name, "' is none of ",
                                     absl::StrJoin(kChaosNames, ", ")));
    }
    kinds.push_back(*kind);
  }
  if (!kinds.empty()) return kinds;
  for (const absl::string_view name : kChaosNames) {
    kinds.push_back(*ParseChaosKind(name));
  }
  return kinds;
}

// Its own, if a fault needs it. Where there can be none, faults of the network
// are left out, unless they were asked for.
absl::StatusOr<std::unique_ptr<ChaosNetwork>> MakeNetwork(
    Context& context, const ChaosOptions& options, ChaosPlan* plan) {
  if (std::none_of(plan->kinds.begin(), plan->kinds.end(), IsOfNetwork)) {
    return nullptr;
  }
  auto network = ChaosNetwork::Make(plan->cpus + 1, plan->seed);
  if (network.ok()) return network;
  const std::string why = absl::StrCat(
      "no network of its own, so processes only are killed and "
      "paused: ",
      network.status().message());
  if (!options.faults.empty()) return absl::FailedPreconditionError(why);
  context.out.Note(why);
  plan->kinds.erase(
      std::remove_if(plan->kinds.begin(), plan->kinds.end(), IsOfNetwork),
      plan->kinds.end());
  return nullptr;
}

void Settle(const ChaosNetwork& network, const ChaosPlan& plan,
            v1::LocalCluster* machine) {
  for (ChaosHost host = 0; host <= plan.cpus; ++host) {
    v1::LocalCluster::Process& process = *machine->add_processes();
    process.set_name(ChaosHostName(host, plan.cpus));
    process.set_host(ChaosNetwork::AddressOf(host));
    process.set_network(network.NamespaceOf(host));
  }
}

// The load is torture's default mix.
absl::StatusOr<v1::Torture> LoadOf(const ChaosOptions& options) {
  TortureOptions torture;
  torture.seed = options.seed;
  torture.stutter = options.stutter;
  return TortureOf(torture, static_cast<std::uint32_t>(options.machine.cpus));
}

// To the file, and the end of it to whoever asks.
class EventLog {
 public:
  static absl::StatusOr<EventLog> Open(const std::string& path) {
    EventLog log;
    if (path.empty()) return log;
    log.file_.open(path);
    if (!log.file_) return UsageError(absl::StrCat("cannot write ", path));
    return log;
  }

  void Add(const v1::ChaosEvent& event) {
    last_.push_back(ChaosEventText(event));
    if (last_.size() > kLastEvents) last_.pop_front();
    if (!file_.is_open()) return;
    google::protobuf::util::JsonPrintOptions format;
    format.preserve_proto_field_names = true;
    std::string line;
    (void)google::protobuf::util::MessageToJsonString(event, &line, format);
    // At once: who is killed has told all.
    file_ << line << std::endl;
  }
  const std::deque<std::string>& last() const { return last_; }

 private:
  std::ofstream file_;
  std::deque<std::string> last_;
};

class Teller {
 public:
  Teller(Context& context, const ChaosOptions& options)
      : out_(context.out),
        options_(options),
        next_statistics_(absl::Now() + options.stat_interval) {}

  void Progress(const v1::ChaosReport& report) {
    const std::string text = ChaosProgressText(report, options_.duration);
    const bool due = options_.stat_interval > absl::ZeroDuration() &&
                     absl::Now() >= next_statistics_;
    if (!due || !out_.table()) return out_.Progress(text);
    next_statistics_ += options_.stat_interval;
    out_.EndProgress();
    out_.Line(absl::StrCat("chaos: ", text));
  }

 private:
  Output& out_;
  const ChaosOptions& options_;
  absl::Time next_statistics_;
};

void WriteTrace(const std::string& path, const v1::TraceReport& trace,
                Output& out) {
  if (path.empty()) return;
  const absl::Status written =
      rpc::WriteFileAtomically(path, trace::WriteBelfryTrace(trace));
  if (!written.ok()) out.Error(written.message());
}

}  // namespace

ExitCode Run(Context& context, const ChaosOptions& options) {
  absl::StatusOr<v1::LocalCluster> machine =
      MachineFromOptions(options.machine);
  if (!machine.ok()) return machine.status();
  const auto kinds = KindsOf(options.faults);
  if (!kinds.ok()) return kinds.status();
  const auto torture = LoadOf(options);
  if (!torture.ok()) return torture.status();
  auto log = EventLog::Open(options.log);
  if (!log.ok()) return log.status();
  ChaosPlan plan{.seed = options.seed,
                 .cpus = machine->cpus(),
                 .duration = options.duration,
                 .interval = options.fault_interval,
                 .episode = options.rest_interval,
                 .kinds = *kinds};
  const auto network = MakeNetwork(context, options, &plan);
  if (!network.ok()) return network.status();
  if (*network != nullptr) Settle(**network, plan, &*machine);

  const Interrupt interrupt;
  auto cluster = TemporaryCluster::Start(
      *machine, Lifetime::kOurs, {absl::Now() + kStartTimeout, &interrupt},
      [&](absl::string_view text) { context.out.Progress(text); });
  if (!cluster.ok()) return cluster.status();
  Teller teller(context, options);
  Chaos chaos(options, plan, *torture,
              {.cluster = **cluster,
               .network = network->get(),
               .interrupt = interrupt,
               .on_event = [&](const auto& event) { log->Add(event); },
               .on_progress = [&](const auto& now) { teller.Progress(now); },
               .on_failed_trace =
                   [&](const v1::TraceReport& trace) {
                     WriteTrace(options.trace, trace, context.out);
                   }});
  const absl::StatusOr<v1::ChaosReport> report = chaos.Run();
  context.out.EndProgress();
  if (!report.ok()) return report.status();
  if (context.out.json()) {
    context.out.Json(*report);
  } else {
    PrintChaos(context.out, *report);
  }
  if (report->failure().empty()) {
    const absl::Status interrupted = interrupt.Check();
    if (!interrupted.ok()) return interrupted;
    return kExitOk;
  }
  for (const std::string& event : log->last()) context.out.Note(event);
  context.out.Note(
      absl::StrCat("logs of its processes: ", (*cluster)->KeepLogs()));
  return report->hang() ? kExitHang : kExitViolated;
}

}  // namespace belfry::client
