// belfry trace record: reads the rings of all processes until the time is over,
// and writes one trace.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "belfry/v1/debug.grpc.pb.h"
#include "client/collect.h"
#include "client/commands.h"
#include "client/coordinator.h"
#include "client/exit_code.h"
#include "client/fan_out.h"
#include "client/interrupt.h"
#include "client/state_dir.h"
#include "client/trace_input.h"
#include "rpc/files.h"
#include "trace/recording.h"
#include "trace/report_text.h"
#include "trace/trace_file.h"

namespace belfry::client {
namespace {

// Often enough that no ring turns round in between.
constexpr absl::Duration kPeriod = absl::Milliseconds(200);

class Recorder {
 public:
  explicit Recorder(Coordinator* coordinator) : coordinator_(coordinator) {}

  // Fails when the coordinator does not answer.
  absl::Status Poll() {
    absl::StatusOr<v1::Cluster> cluster = coordinator_->GetCluster();
    if (!cluster.ok()) return cluster.status();
    cluster_ = std::move(*cluster);
    // The coordinator first.
    std::vector<trace::Recording::Ring> rings(1);
    std::vector<std::string> addresses = {coordinator_->address()};
    for (const v1::CpuInfo& cpu : cluster_.cpus()) {
      const absl::StatusOr<std::string> address = AddressOf(cpu);
      if (!address.ok()) {
        if (cpu.state() != v1::CPU_STATE_ABSENT) {
          Problem(cpu.cpu(), address.status().message());
        }
        continue;
      }
      rings.push_back({cpu.cpu(), cpu.incarnation()});
      addresses.push_back(*address);
    }
    Read(rings, addresses);
    return absl::OkStatus();
  }

  std::size_t events() const { return recording_.events(); }

  v1::TraceReport Trace() const {
    v1::TraceReport trace = recording_.Merge();
    *trace.mutable_machine() = MachineOf(cluster_);
    for (const std::string& problem : problems_) trace.add_problems(problem);
    return trace;
  }

 private:
  void Read(const std::vector<trace::Recording::Ring>& rings,
            const std::vector<std::string>& addresses) {
    std::vector<v1::ReadTraceRequest> requests(rings.size());
    for (std::size_t i = 0; i < rings.size(); ++i) {
      requests[i].set_after_lamport(recording_.After(rings[i]));
    }
    auto answers = FanOutEach<v1::DebugService, v1::ReadTraceRequest,
                              v1::ReadTraceResponse>(
        addresses, &v1::DebugService::Stub::AsyncReadTrace, requests,
        coordinator_->timeout());
    for (std::size_t i = 0; i < rings.size(); ++i) {
      if (answers[i].ok()) {
        recording_.Add(rings[i], std::move(*answers[i]));
      } else if (rings[i].cpu) {
        Problem(*rings[i].cpu, answers[i].status().message());
      } else {
        problems_.insert(absl::StrCat("the coordinator's events: ",
                                      answers[i].status().message()));
      }
    }
  }

  void Problem(std::uint32_t cpu, absl::string_view message) {
    problems_.insert(absl::StrCat(CpuName(cpu), ": ", message));
  }

  Coordinator* coordinator_;
  v1::Cluster cluster_;
  trace::Recording recording_;
  // Each is told once.
  std::set<std::string> problems_;
};

}  // namespace

ExitCode Run(Context& context, const TraceRecordOptions& options) {
  auto coordinator = Connect(context.options);
  if (!coordinator.ok()) return coordinator.status();
  const Interrupt interrupt;
  Recorder recorder(&*coordinator);
  const absl::Time end = absl::Now() + options.duration;
  while (true) {
    if (const absl::Status read = recorder.Poll(); !read.ok()) return read;
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration() ||
        recorder.events() >= options.max_events ||
        !interrupt.Sleep(std::min(left, kPeriod))) {
      break;
    }
  }
  v1::TraceReport trace = recorder.Trace();
  if (recorder.events() > options.max_events) {
    auto* events = trace.mutable_events();
    events->DeleteSubrange(
        static_cast<int>(options.max_events),
        events->size() - static_cast<int>(options.max_events));
    trace.add_problems(absl::StrCat("the recording was ended after ",
                                    options.max_events, " events"));
  }
  const std::string bytes = trace::WriteBelfryTrace(trace);
  if (options.output == "-") {
    context.out.Data(bytes);
  } else {
    const absl::Status written =
        rpc::WriteFileAtomically(options.output, bytes);
    if (!written.ok()) return UsageError(written.message());
  }
  TellProblems(context.out, trace);
  context.out.Note(absl::StrCat(
      "recorded ", trace::CountText(trace.events_size(), "event"), " to ",
      options.output, ", ", trace.overwritten(), " overwritten"));
  if (const absl::Status ended = interrupt.Check(); !ended.ok()) return ended;
  return kExitOk;
}

}  // namespace belfry::client
