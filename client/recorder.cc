#include "client/recorder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "belfry/v1/debug.grpc.pb.h"
#include "client/collect.h"
#include "client/fan_out.h"
#include "client/state_dir.h"
#include "client/trace_input.h"

namespace belfry::client {

absl::Status Recorder::Poll() {
  absl::StatusOr<v1::Cluster> cluster = coordinator_->GetCluster();
  if (!cluster.ok()) return cluster.status();
  cluster_ = std::move(*cluster);
  // The coordinator first. Each life of it has an epoch of its own.
  std::vector<trace::Recording::Ring> rings = {
      {.incarnation = cluster_.epoch()}};
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

v1::TraceReport Recorder::Trace() const {
  v1::TraceReport trace = recording_.Merge();
  *trace.mutable_machine() = MachineOf(cluster_);
  for (const std::string& problem : problems_) trace.add_problems(problem);
  if (!has_beginning_) trace.add_problems("it begins where another ended");
  return trace;
}

void Recorder::Forget() {
  recording_.Forget();
  has_beginning_ = false;
  problems_.clear();
}

void Recorder::Read(const std::vector<trace::Recording::Ring>& rings,
                    const std::vector<std::string>& addresses) {
  std::vector<v1::ReadTraceRequest> requests(rings.size());
  for (std::size_t i = 0; i < rings.size(); ++i) {
    requests[i].set_after_lamport(recording_.After(rings[i]));
  }
  auto answers =
      FanOutEach<v1::DebugService, v1::ReadTraceRequest, v1::ReadTraceResponse>(
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

void Recorder::Problem(std::uint32_t cpu, absl::string_view message) {
  problems_.insert(absl::StrCat(CpuName(cpu), ": ", message));
}

}  // namespace belfry::client
