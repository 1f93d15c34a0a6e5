#include "trace/audit.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "kernel/errno.h"
#include "trace/invariants.h"
#include "trace/report_text.h"
#include "trace/stranded.h"
#include "trace/time_text.h"

namespace belfry::trace {
namespace {

// Source, target.
using Pair = std::pair<std::uint32_t, std::uint32_t>;
using Rows = std::map<Pair, v1::LedgerRow>;

void AddFinding(v1::AuditReport* report, absl::string_view kind,
                std::uint32_t cpu, absl::string_view invariant,
                const std::string& message) {
  v1::AuditReport::Finding& finding = *report->add_findings();
  finding.set_kind(std::string(kind));
  finding.set_cpu(cpu);
  finding.set_invariant(std::string(invariant));
  finding.set_message(message);
  // Carried calls have come to an end since, or else they are stranded.
  if (kind != "carried") report->set_clean(false);
}

void Add(const v1::LedgerRow& row, Rows* rows) {
  v1::LedgerRow& sum = (*rows)[{row.src_cpu(), row.cpu()}];
  sum.set_src_cpu(row.src_cpu());
  sum.set_cpu(row.cpu());
  sum.set_issued(sum.issued() + row.issued());
  sum.set_completed(sum.completed() + row.completed());
  sum.set_refused(sum.refused() + row.refused());
  sum.set_lost(sum.lost() + row.lost());
  sum.set_pending(sum.pending() + row.pending());
  for (const v1::ErrnoCount& refused : row.refused_by_errno()) {
    v1::ErrnoCount* found = nullptr;
    for (v1::ErrnoCount& candidate : *sum.mutable_refused_by_errno()) {
      if (candidate.errno_name() == refused.errno_name()) found = &candidate;
    }
    if (found == nullptr) {
      found = sum.add_refused_by_errno();
      found->set_errno_name(refused.errno_name());
    }
    found->set_count(found->count() + refused.count());
  }
}

// The account of a dead source, as its target can give it. What was sent and
// never accepted died with the source and is nobody's.
v1::LedgerRow ClosedRow(const v1::InboundRow& inbound, std::uint32_t cpu) {
  v1::LedgerRow row;
  row.set_src_cpu(inbound.src_cpu());
  row.set_cpu(cpu);
  row.set_issued(inbound.enqueued());
  row.set_completed(inbound.run());
  row.set_pending(inbound.queued());
  if (inbound.returned() > 0) {
    row.set_refused(inbound.returned());
    v1::ErrnoCount& refused = *row.add_refused_by_errno();
    refused.set_errno_name(
        std::string(kernel::ErrnoName(kernel::Errno::kEnxio)));
    refused.set_count(inbound.returned());
  }
  const std::uint64_t known =
      inbound.run() + inbound.queued() + inbound.returned();
  row.set_lost(inbound.enqueued() > known ? inbound.enqueued() - known : 0);
  return row;
}

bool IsGone(const CpuView& cpu) {
  return cpu.info.state() == v1::CPU_STATE_ABSENT ||
         cpu.info.state() == v1::CPU_STATE_CRASHED;
}

// That process lives, and gives the account itself: it was only held for dead.
bool Answers(const MachineView& view, const v1::InboundRow& inbound) {
  const CpuView* source = FindCpu(view, inbound.src_cpu());
  return source != nullptr && source->snapshot &&
         source->snapshot->incarnation() == inbound.src_incarnation();
}

Rows CollectRows(const MachineView& view, v1::AuditReport* report) {
  Rows rows;
  for (const CpuView& cpu : view.cpus) {
    if (!cpu.snapshot) {
      // A dead process has no say; its targets close its rows below. A live one
      // that keeps silent leaves the question open.
      if (!IsGone(cpu)) {
        report->add_unknown(
            absl::StrCat("cpu/", cpu.info.cpu(), ": ",
                         cpu.problem.empty() ? "did not answer" : cpu.problem));
      }
      continue;
    }
    for (const v1::LedgerRow& row : cpu.snapshot->ledger()) Add(row, &rows);
    for (const v1::InboundRow& inbound : cpu.snapshot->inbound()) {
      if (inbound.closed() && !Answers(view, inbound)) {
        Add(ClosedRow(inbound, cpu.info.cpu()), &rows);
      }
    }
  }
  return rows;
}

// What a dead CPU had reported last, and nobody who lives can account for: it
// had called CPUs that died as well. What it called and its target never had
// died with it, and is nobody's. One that went in order had no call under way,
// or has said so.
void FindUnknown(const MachineView& view, const Rows& rows,
                 v1::AuditReport* report) {
  if (std::count_if(view.cpus.begin(), view.cpus.end(), IsGone) < 2) return;
  for (const CpuView& cpu : view.cpus) {
    const v1::CallTotals& last = cpu.info.report().ledger();
    const bool in_order =
        cpu.info.state() == v1::CPU_STATE_ABSENT && last.outstanding() == 0;
    if (!IsGone(cpu) || in_order) continue;
    std::uint64_t known = last.refused();
    for (const auto& [pair, row] : rows) {
      if (pair.first == cpu.info.cpu()) known += row.issued();
    }
    if (last.issued() <= known) continue;
    report->add_unknown(absl::StrCat("cpu/", cpu.info.cpu(),
                                     ": its process is gone, and ",
                                     CountText(last.issued() - known, "call"),
                                     " of its to CPUs that are gone, too"));
  }
}

void CheckSums(const Rows& rows, v1::AuditReport* report) {
  for (const auto& [pair, row] : rows) {
    const std::uint64_t ended = row.completed() + row.refused() + row.lost();
    if (row.issued() != ended + row.pending()) {
      AddFinding(
          report, "ledger", row.cpu(), kConservation,
          absl::StrCat("calls of CPU ", row.src_cpu(), " to CPU ", row.cpu(),
                       ": issued ", row.issued(), ", but completed ",
                       row.completed(), " + refused ", row.refused(),
                       " + lost ", row.lost(), " + pending ", row.pending(),
                       " = ", ended + row.pending()));
    }
  }
}

void FindLost(const Rows& rows, v1::AuditReport* report) {
  for (const auto& [pair, row] : rows) {
    if (row.lost() > 0) {
      AddFinding(report, "lost", row.cpu(), "",
                 absl::StrCat(CountText(row.lost(), "call"), " of CPU ",
                              row.src_cpu(), " to CPU ", row.cpu(),
                              " lost: a process died, and nobody knows "
                              "whether they ran"));
    }
  }
}

// Whether the source has called the target after its own snapshot was taken:
// then the target's later snapshot may rightly know more calls.
bool HasCalledSince(const MachineView& view, const v1::CpuSnapshot& source,
                    std::uint32_t target) {
  for (const v1::TraceEvent& event : view.events) {
    if (event.lamport() > source.lamport() && event.name() == "csd_queue_cpu" &&
        event.has_cpu() && event.cpu() == source.cpu() &&
        event.about_cpu() == target) {
      return true;
    }
  }
  return false;
}

void CheckInbound(const MachineView& view, const CpuView& cpu,
                  v1::AuditReport* report) {
  for (const v1::InboundRow& inbound : cpu.snapshot->inbound()) {
    if (inbound.dropped() > 0) {
      AddFinding(report, "lost", cpu.info.cpu(), kConservation,
                 absl::StrCat("CPU ", cpu.info.cpu(), " threw away ",
                              CountText(inbound.dropped(), "call"), " of CPU ",
                              inbound.src_cpu(),
                              " in a reset; the caller was not told"));
    }
    const CpuView* source = FindCpu(view, inbound.src_cpu());
    if (inbound.closed() || source == nullptr || !source->snapshot ||
        source->snapshot->incarnation() != inbound.src_incarnation()) {
      continue;
    }
    std::uint64_t issued = 0;
    for (const v1::LedgerRow& row : source->snapshot->ledger()) {
      if (row.cpu() == cpu.info.cpu()) issued += row.issued();
    }
    if (inbound.run() > issued &&
        !HasCalledSince(view, *source->snapshot, cpu.info.cpu())) {
      AddFinding(
          report, "run_twice", cpu.info.cpu(), kAtMostOnce,
          absl::StrCat("CPU ", cpu.info.cpu(), " ran ",
                       CountText(inbound.run(), "call"), " of CPU ",
                       inbound.src_cpu(), ", which issued only ", issued));
    }
  }
  if (const std::uint64_t cut = CallsCutOff(*cpu.snapshot); cut > 0) {
    AddFinding(report, "lost", cpu.info.cpu(), kConservation,
               absl::StrCat(CountText(cut, "call"), " to CPU ", cpu.info.cpu(),
                            " vanished from its queue: ",
                            "they were queued, have not run and are not "
                            "there; the callers were not told"));
  }
}

void CheckTargets(const MachineView& view, v1::AuditReport* report) {
  for (const CpuView& cpu : view.cpus) {
    if (!cpu.snapshot) continue;
    CheckInbound(view, cpu, report);
    if (cpu.snapshot->ran_while_offline() > 0) {
      AddFinding(
          report, "ran_while_offline", cpu.info.cpu(), kNoCallOnDeadCpu,
          absl::StrCat("CPU ", cpu.info.cpu(), " ran ",
                       CountText(cpu.snapshot->ran_while_offline(), "call"),
                       " after the barrier that took it out"));
    }
    if (cpu.snapshot->irqs_lost() > 0) {
      AddFinding(
          report, "irq_lost", cpu.info.cpu(), kConservation,
          absl::StrCat(CountText(cpu.snapshot->irqs_lost(), "device interrupt"),
                       " came to CPU ", cpu.info.cpu(),
                       " when it had silenced its controller: that I/O "
                       "never completes"));
    }
  }
}

// A number names a call between one life of its source and one of its target.
// That of the target is the one that answers: the ring of a dead process is
// gone with it. The rings are read after the snapshots, so what these say of
// the source's lives may be old.
void CheckTrace(const MachineView& view, v1::AuditReport* report) {
  // Target, source, its incarnation, number.
  std::map<
      std::tuple<std::uint32_t, std::uint32_t, std::uint64_t, std::uint64_t>,
      int>
      runs;
  for (const v1::TraceEvent& event : view.events) {
    if (event.name() != "csd_function_entry" || !event.has_cpu() ||
        !event.has_src_cpu()) {
      continue;
    }
    if (++runs[{event.cpu(), event.src_cpu(), event.src_incarnation(),
                event.seq()}] == 2) {
      AddFinding(report, "run_twice", event.cpu(), kAtMostOnce,
                 absl::StrCat("CPU ", event.cpu(), " ran call ", event.seq(),
                              " of CPU ", event.src_cpu(), " (",
                              event.function(), ") twice"));
    }
  }
}

void CheckParked(const CpuView& parked, v1::AuditReport* report) {
  std::string first;
  if (parked.snapshot->queue_size() > 0) {
    const v1::QueuedCall& head = parked.snapshot->queue(0);
    first = absl::StrCat("; the first is call ", head.seq(), " of CPU ",
                         head.src_cpu(), ", ", head.function());
  }
  AddFinding(
      report, "left_behind", parked.info.cpu(), kNothingLeftBehind,
      absl::StrCat("CPU ", parked.info.cpu(), " went offline with ",
                   CountText(QueueDepth(parked), "call"), " in its queue (",
                   FunctionsText(QueueByFunction(parked)), ")", first));
}

void CheckQueues(const MachineView& view, v1::AuditReport* report) {
  for (const std::uint32_t cpu : StrandedCpus(view)) {
    const CpuView& stranded = *FindCpu(view, cpu);
    AddFinding(
        report, "stranded_queue", cpu, kNoStrandedQueue,
        absl::StrCat("CPU ", cpu, " is online with ",
                     CountText(QueueDepth(stranded), "call"), " in its queue (",
                     FunctionsText(QueueByFunction(stranded)),
                     ") and no doorbell latched or in flight"));
  }
  for (const std::uint32_t cpu : StrandedSoftirqCpus(view)) {
    AddFinding(
        report, "stranded_softirq", cpu, kNoStrandedQueue,
        absl::StrCat(
            "CPU ", cpu, " is idle with ",
            CountText(FindCpu(view, cpu)->snapshot->blk_cpu_done(), "request"),
            " for BLOCK_SOFTIRQ to complete, which runs at the end of an "
            "interrupt, and none is latched or in flight"));
  }
  for (const std::uint32_t cpu : LeftBehindCpus(view)) {
    CheckParked(*FindCpu(view, cpu), report);
  }
  for (const CpuView& cpu : view.cpus) {
    if (cpu.info.calls_carried() == 0) continue;
    AddFinding(report, "carried", cpu.info.cpu(), kNothingLeftBehind,
               absl::StrCat("CPU ", cpu.info.cpu(), " came online with ",
                            CountText(cpu.info.calls_carried(), "call"),
                            " from before it went offline"));
  }
}

}  // namespace

v1::AuditReport MakeAuditReport(const MachineView& view) {
  v1::AuditReport report;
  report.set_clean(true);
  const Rows rows = CollectRows(view, &report);
  for (const auto& [pair, row] : rows) {
    *report.add_rows() = row;
    report.set_issued(report.issued() + row.issued());
    report.set_completed(report.completed() + row.completed());
    report.set_refused(report.refused() + row.refused());
    report.set_lost(report.lost() + row.lost());
    report.set_pending(report.pending() + row.pending());
  }
  FindUnknown(view, rows, &report);
  CheckSums(rows, &report);
  FindLost(rows, &report);
  CheckTargets(view, &report);
  CheckTrace(view, &report);
  CheckQueues(view, &report);
  if (!report.unknown().empty()) report.set_clean(false);
  return report;
}

v1::AuditReport AuditDeparture(const MachineView& view, std::uint32_t cpu) {
  v1::AuditReport report;
  report.set_clean(true);
  CheckSums(CollectRows(view, &report), &report);
  const CpuView* gone = FindCpu(view, cpu);
  if (gone == nullptr || !gone->snapshot || gone->snapshot->life() != "DEAD") {
    return report;
  }
  CheckInbound(view, *gone, &report);
  if (IsLeftBehind(view, cpu)) CheckParked(*gone, &report);
  return report;
}

}  // namespace belfry::trace
