#include "trace/pending.h"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "trace/report_text.h"
#include "trace/stranded.h"
#include "trace/time_text.h"

namespace belfry::trace {
namespace {

using Call = v1::PendingReport::Call;
// Source, target, number.
using CallKey = std::tuple<std::uint32_t, std::uint32_t, std::uint64_t>;

std::string StateText(const v1::OutgoingCall& call, const CpuView* target) {
  switch (call.state()) {
    case v1::OutgoingCall::STATE_SENT:
      return "sent";
    case v1::OutgoingCall::STATE_BACKED_OFF:
      return "backed off";
    default:
      break;
  }
  return target != nullptr ? "queued" : "<unknown>";
}

Call FromSource(const MachineView& view, const CpuView& source,
                const v1::OutgoingCall& outgoing) {
  const CpuView* target = FindCpu(view, outgoing.cpu());
  Call call;
  call.set_src_cpu(source.info.cpu());
  call.set_cpu(outgoing.cpu());
  call.set_seq(outgoing.seq());
  call.set_function(outgoing.function());
  call.set_wait(outgoing.wait());
  call.set_state(StateText(outgoing, target));
  call.set_age_s(SecondsBetween(outgoing.issue_time(), TimeOf(view, source)));
  call.set_stuck(outgoing.stuck());
  *call.mutable_frames() = outgoing.frames();
  if (target != nullptr && target->snapshot) {
    call.set_position(
        PlaceInQueue(*target->snapshot, call.src_cpu(), call.seq()));
    if (IsRunning(*target->snapshot, call.src_cpu(), call.seq())) {
      call.set_state("running");
    }
  }
  return call;
}

// A call whose source no longer speaks for it.
Call FromQueue(const MachineView& view, const CpuView& target, int place) {
  const v1::QueuedCall& queued = target.snapshot->queue(place);
  Call call;
  call.set_src_cpu(queued.src_cpu());
  call.set_cpu(target.info.cpu());
  call.set_seq(queued.seq());
  call.set_function(queued.function());
  call.set_wait(queued.wait());
  call.set_state("queued");
  call.set_age_s(SecondsBetween(queued.queue_time(), TimeOf(view, target)));
  call.set_position(place + 1);
  return call;
}

v1::PendingReport::Cpu CpuRow(const MachineView& view, const CpuView& cpu) {
  v1::PendingReport::Cpu row;
  row.set_cpu(cpu.info.cpu());
  row.set_state(cpu.info.state());
  row.set_depth(QueueDepth(cpu));
  for (const auto& [function, count] : QueueByFunction(cpu)) {
    (*row.mutable_by_function())[function] = count;
  }
  row.set_latched(cpu.snapshot ? cpu.snapshot->latched()
                               : cpu.info.report().latched());
  row.set_stranded(IsStranded(view, cpu.info.cpu()));
  if (cpu.snapshot && cpu.snapshot->queue_size() > 0) {
    row.set_oldest_age_s(
        SecondsBetween(cpu.snapshot->queue(0).queue_time(), TimeOf(view, cpu)));
  } else if (!cpu.snapshot && cpu.info.report().has_head_time()) {
    row.set_oldest_age_s(
        SecondsBetween(cpu.info.report().head_time(), view.now));
  }
  return row;
}

}  // namespace

v1::PendingReport MakePendingReport(const MachineView& view) {
  v1::PendingReport report;
  std::set<CallKey> told;
  std::uint64_t not_listed = 0;
  for (const CpuView& cpu : view.cpus) {
    *report.add_cpus() = CpuRow(view, cpu);
    if (!cpu.snapshot) {
      if (!cpu.problem.empty()) {
        report.add_problems(
            absl::StrCat("cpu/", cpu.info.cpu(), ": ", cpu.problem));
      }
      continue;
    }
    for (const v1::OutgoingCall& outgoing : cpu.snapshot->outgoing()) {
      *report.add_calls() = FromSource(view, cpu, outgoing);
      told.insert({cpu.info.cpu(), outgoing.cpu(), outgoing.seq()});
    }
    const std::uint64_t listed = cpu.snapshot->outgoing_size();
    not_listed +=
        std::max<std::uint64_t>(cpu.snapshot->outgoing_total(), listed) -
        listed;
  }
  for (const CpuView& cpu : view.cpus) {
    if (!cpu.snapshot) continue;
    for (int i = 0; i < cpu.snapshot->queue_size(); ++i) {
      const v1::QueuedCall& queued = cpu.snapshot->queue(i);
      const CpuView* source = FindCpu(view, queued.src_cpu());
      // A source that answers has listed it, or counts it as not listed.
      if (source != nullptr && source->snapshot) continue;
      if (told.contains({queued.src_cpu(), cpu.info.cpu(), queued.seq()})) {
        continue;
      }
      *report.add_calls() = FromQueue(view, cpu, i);
    }
  }
  // Waiters first, then by target and place: the order in which one asks.
  std::stable_sort(
      report.mutable_calls()->begin(), report.mutable_calls()->end(),
      [](const Call& a, const Call& b) {
        const auto key = [](const Call& c) {
          // Not in a queue goes behind those that are.
          return std::make_tuple(!c.wait(), c.cpu(), c.position() - 1u,
                                 c.src_cpu(), c.seq());
        };
        return key(a) < key(b);
      });
  report.set_not_listed(not_listed);
  return report;
}

}  // namespace belfry::trace
