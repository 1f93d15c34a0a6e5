#include "trace/dump.h"

#include "absl/strings/str_cat.h"
#include "trace/report_text.h"
#include "trace/stranded.h"
#include "trace/time_text.h"

namespace belfry::trace {
namespace {

// The waiting call that has waited longest; null for none.
const v1::OutgoingCall* OldestWait(const v1::CpuSnapshot& snapshot) {
  const v1::OutgoingCall* oldest = nullptr;
  for (const v1::OutgoingCall& call : snapshot.outgoing()) {
    if (!call.wait()) continue;
    if (oldest == nullptr ||
        Micros(call.issue_time()) < Micros(oldest->issue_time())) {
      oldest = &call;
    }
  }
  return oldest;
}

std::string StopText(const v1::CpuSnapshot& snapshot) {
  return absl::StrCat("in ", StoppedByText(snapshot), ", state ",
                      snapshot.stop().state(),
                      snapshot.stop().acked() ? ", acknowledged" : "",
                      snapshot.irqs_masked() ? ", interrupts masked" : "");
}

}  // namespace

std::string ActivityText(const MachineView& view, const CpuView& cpu) {
  if (cpu.info.state() == v1::CPU_STATE_CRASHED) return "crashed";
  if (cpu.info.state() == v1::CPU_STATE_ABSENT) return "no process";
  if (!cpu.snapshot) return "does not answer";
  const v1::CpuSnapshot& snapshot = *cpu.snapshot;
  const google::protobuf::Timestamp& now = TimeOf(view, cpu);
  if (!snapshot.stop().state().empty()) return StopText(snapshot);
  if (snapshot.has_running()) {
    const v1::QueuedCall& running = snapshot.running();
    return absl::StrCat(
        "runs ", running.function(), " of CPU ", running.src_cpu(), " (queued ",
        DurationText(SecondsBetween(running.queue_time(), now)), " ago)");
  }
  if (const v1::OutgoingCall* call = OldestWait(snapshot)) {
    return absl::StrCat("waits in smp_call_function_single for CPU ",
                        call->cpu(), " (",
                        DurationText(SecondsBetween(call->issue_time(), now)),
                        call->stuck() ? ", stuck)" : ")");
  }
  if (snapshot.life() == "DEAD" && snapshot.report_owed()) {
    return "switched off, and owes its last report";
  }
  if (snapshot.life() == "DEAD") {
    return "parked: serves its memory, takes no interrupt, runs nothing";
  }
  if (!snapshot.step().empty()) {
    return absl::StrCat("walks ", snapshot.step(), " of CPU ",
                        snapshot.step_cpu(),
                        snapshot.throttled() ? ", throttled" : "");
  }
  return snapshot.irqs_masked() ? "interrupts masked" : "idle";
}

v1::DumpReport MakeDumpReport(const MachineView& view) {
  v1::DumpReport report;
  *report.mutable_cluster() = view.cluster;
  for (const CpuView& cpu : view.cpus) {
    v1::DumpReport::Cpu& row = *report.add_cpus();
    *row.mutable_info() = cpu.info;
    if (cpu.snapshot) *row.mutable_snapshot() = *cpu.snapshot;
    row.set_activity(ActivityText(view, cpu));
    row.set_stranded(IsStranded(view, cpu.info.cpu()));
    row.set_problem(cpu.problem);
  }
  return report;
}

}  // namespace belfry::trace
