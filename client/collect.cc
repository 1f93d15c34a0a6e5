#include "client/collect.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "belfry/v1/debug.grpc.pb.h"
#include "belfry/v1/node.grpc.pb.h"
#include "client/fan_out.h"
#include "client/state_dir.h"
#include "google/protobuf/util/time_util.h"
#include "trace/recording.h"

namespace belfry::client {
namespace {

using google::protobuf::util::TimeUtil;

// The CPUs that can be asked, and where.
struct Reachable {
  std::vector<trace::CpuView*> cpus;
  std::vector<std::string> addresses;
};

Reachable FindReachable(trace::MachineView* view) {
  Reachable reachable;
  for (trace::CpuView& cpu : view->cpus) {
    const absl::StatusOr<std::string> address = AddressOf(cpu.info);
    if (!address.ok()) {
      cpu.problem = std::string(address.status().message());
      continue;
    }
    reachable.cpus.push_back(&cpu);
    reachable.addresses.push_back(*address);
  }
  return reachable;
}

void InspectAll(const Reachable& reachable, std::uint32_t max_entries,
                absl::Duration timeout) {
  v1::InspectRequest request;
  request.set_max_entries(max_entries);
  auto answers = FanOut<v1::CpuService>(reachable.addresses,
                                        &v1::CpuService::Stub::AsyncInspect,
                                        request, timeout);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    trace::CpuView& cpu = *reachable.cpus[i];
    if (answers[i].ok()) {
      cpu.snapshot = std::move(*answers[i]->mutable_snapshot());
    } else {
      cpu.problem = absl::StrCat("its process at ", reachable.addresses[i],
                                 " does not answer (",
                                 answers[i].status().message(), ")");
    }
  }
}

void ReadTraces(const Reachable& reachable, const std::string& coordinator,
                absl::Duration timeout, trace::MachineView* view) {
  std::vector<std::string> addresses = reachable.addresses;
  addresses.push_back(coordinator);
  auto answers = FanOut<v1::DebugService>(
      addresses, &v1::DebugService::Stub::AsyncReadTrace,
      v1::ReadTraceRequest(), timeout);
  trace::Recording recording;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i].ok()) continue;
    trace::Recording::Ring ring;
    if (i < reachable.cpus.size()) ring.cpu = reachable.cpus[i]->info.cpu();
    recording.Add(ring, std::move(*answers[i]));
  }
  v1::TraceReport trace = recording.Merge();
  view->events.assign(std::make_move_iterator(trace.mutable_events()->begin()),
                      std::make_move_iterator(trace.mutable_events()->end()));
  view->overwritten = trace.overwritten();
}

}  // namespace

absl::StatusOr<std::string> AddressOf(const v1::CpuInfo& cpu) {
  if (cpu.state() == v1::CPU_STATE_ABSENT) {
    return absl::UnavailableError("no process has taken this number");
  }
  if (cpu.state() == v1::CPU_STATE_CRASHED) {
    return absl::UnavailableError("its process is dead or cut off");
  }
  if (cpu.address().empty()) {
    return absl::UnavailableError("its address is not known");
  }
  return cpu.address();
}

absl::StatusOr<v1::CpuSnapshot> Inspect(const v1::CpuInfo& cpu,
                                        std::uint32_t max_entries,
                                        absl::Duration timeout) {
  const absl::StatusOr<std::string> address = AddressOf(cpu);
  if (!address.ok()) return address.status();
  const auto stub = v1::CpuService::NewStub(OpenChannel(*address));
  v1::InspectRequest request;
  request.set_max_entries(max_entries);
  auto response =
      Invoke(*stub, &v1::CpuService::Stub::Inspect, request, timeout);
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_snapshot());
}

absl::StatusOr<trace::MachineView> CollectView(Coordinator& coordinator,
                                               const CollectOptions& options) {
  absl::StatusOr<v1::Cluster> cluster = coordinator.GetCluster();
  if (!cluster.ok()) return cluster.status();
  trace::MachineView view;
  view.cluster = std::move(*cluster);
  for (const v1::CpuInfo& info : view.cluster.cpus()) {
    trace::CpuView cpu;
    cpu.info = info;
    view.cpus.push_back(std::move(cpu));
  }
  const Reachable reachable = FindReachable(&view);
  InspectAll(reachable, options.max_entries, coordinator.timeout());
  if (options.trace) {
    ReadTraces(reachable, coordinator.address(), coordinator.timeout(), &view);
  }
  view.now = TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(absl::Now()));
  return view;
}

std::vector<std::string> ProblemsOf(const trace::MachineView& view) {
  std::vector<std::string> problems;
  for (const trace::CpuView& cpu : view.cpus) {
    // A number that nobody has taken is no trouble.
    if (cpu.problem.empty() || cpu.info.state() == v1::CPU_STATE_ABSENT) {
      continue;
    }
    problems.push_back(
        absl::StrCat(CpuName(cpu.info.cpu()), ": ", cpu.problem));
  }
  return problems;
}

}  // namespace belfry::client
