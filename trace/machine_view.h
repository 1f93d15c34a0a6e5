// What is known of a whole machine at one moment: the input of every report.
// Whoever asks the processes fills it in; nothing below asks anybody anything.
#ifndef BELFRY_TRACE_MACHINE_VIEW_H_
#define BELFRY_TRACE_MACHINE_VIEW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "belfry/v1/coordinator.pb.h"
#include "belfry/v1/debug.pb.h"
#include "belfry/v1/node.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace belfry::trace {

struct CpuView {
  // As the coordinator knows it.
  v1::CpuInfo info;
  // As the CPU's own process knows it; absent when it did not answer.
  std::optional<v1::CpuSnapshot> snapshot;
  // One line: why there is no snapshot.
  std::string problem;
};

struct MachineView {
  v1::Cluster cluster;
  // In ascending order of CPU number.
  std::vector<CpuView> cpus;
  // In causal order: see trace/merge.h.
  std::vector<v1::TraceEvent> events;
  // Events that the rings had overwritten when they were read.
  std::uint64_t overwritten = 0;
  // For what no snapshot dates. Ages are counted to the snapshot's own time.
  google::protobuf::Timestamp now;
};

// Null when the machine has no such CPU.
const CpuView* FindCpu(const MachineView& view, std::uint32_t cpu);

// From the coordinator's view; a CPU that is going down or up is not online.
bool IsOnline(const CpuView& cpu);

// The snapshot's time where there is one, else the view's.
const google::protobuf::Timestamp& TimeOf(const MachineView& view,
                                          const CpuView& cpu);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_MACHINE_VIEW_H_
