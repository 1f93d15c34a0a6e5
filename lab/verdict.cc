#include "lab/verdict.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "lab/quiet.h"
#include "lab/runner.h"
#include "trace/audit.h"
#include "trace/explain.h"
#include "trace/invariants.h"
#include "trace/report_text.h"
#include "trace/stranded.h"

namespace belfry::lab {
namespace {

std::string FateText(v1::Doorbell::Fate fate) {
  absl::string_view name = v1::Doorbell::Fate_Name(fate);
  absl::ConsumePrefix(&name, "FATE_");
  return name == "UNSPECIFIED" ? "none" : absl::AsciiStrToLower(name);
}

// The coordinator counts them, but hears of it only now and then; the trace
// has it at once, unless it was overwritten.
bool HasCarriedSince(const trace::MachineView& view, const Before& before) {
  if (RememberBefore(view).calls_carried > before.calls_carried) return true;
  return std::any_of(
      view.events.begin(), view.events.end(), [&](const v1::TraceEvent& event) {
        return event.lamport() > before.lamport && event.name() == "cpu_life" &&
               event.detail() == "ALIVE" && event.value() > 0;
      });
}

std::set<std::string> BrokenInvariants(const trace::MachineView& view,
                                       const Before& before,
                                       const v1::AuditReport& audit) {
  std::set<std::string> broken;
  for (const v1::AuditReport::Finding& finding : audit.findings()) {
    // What came up again with calls in its queue may be older than this run.
    if (finding.kind() != "carried") broken.insert(finding.invariant());
  }
  // A finding that breaks no invariant: calls lost with a process.
  broken.erase("");
  if (HasCarriedSince(view, before)) {
    broken.insert(std::string(trace::kNothingLeftBehind));
  }
  if (IsHung(view)) broken.insert(std::string(trace::kEveryWaitEnds));
  return broken;
}

void ShowQueues(const trace::MachineView& view, std::uint32_t subject_cpu,
                v1::ScenarioResult* result) {
  for (const trace::CpuView& cpu : view.cpus) {
    v1::ScenarioResult::Cpu& row = *result->add_cpus();
    row.set_cpu(cpu.info.cpu());
    row.set_depth(trace::QueueDepth(cpu));
    for (const auto& [function, count] : trace::QueueByFunction(cpu)) {
      (*row.mutable_by_function())[function] = count;
    }
  }
  v1::ScenarioResult::DoorbellState& doorbell = *result->mutable_doorbell();
  doorbell.set_fate("none");
  doorbell.set_in_flight(trace::DoorbellsInFlight(view, subject_cpu));
  const trace::CpuView* subject = trace::FindCpu(view, subject_cpu);
  if (subject == nullptr || !subject->snapshot) return;
  doorbell.set_latched(subject->snapshot->latched());
  doorbell.set_fate(FateText(subject->snapshot->last_doorbell().fate()));
}

}  // namespace

Before RememberBefore(const trace::MachineView& view) {
  Before before;
  for (const trace::CpuView& cpu : view.cpus) {
    before.calls_carried += cpu.info.calls_carried();
  }
  for (const v1::TraceEvent& event : view.events) {
    before.lamport = std::max(before.lamport, event.lamport());
  }
  return before;
}

void Judge(const trace::MachineView& view, const Before& before,
           std::uint32_t subject_cpu, v1::ScenarioResult* result) {
  const v1::AuditReport audit = trace::MakeAuditReport(view);
  const std::set<std::string> broken = BrokenInvariants(view, before, audit);
  for (const absl::string_view invariant : trace::kInvariants) {
    if (broken.contains(std::string(invariant))) {
      result->add_violated(std::string(invariant));
    }
  }
  *result->mutable_explanation() = trace::Explain(view);
  for (const auto& waiter : result->explanation().waiters()) {
    v1::ScenarioResult::Stuck& stuck = *result->add_stuck();
    stuck.set_cpu(waiter.cpu());
    stuck.set_age_s(waiter.age_s());
    *stuck.mutable_chain() = waiter.frames();
  }
  ShowQueues(view, subject_cpu, result);
  v1::ScenarioResult::Ledger& ledger = *result->mutable_ledger();
  ledger.set_issued(audit.issued());
  ledger.set_completed(audit.completed());
  ledger.set_refused(audit.refused());
  ledger.set_lost(audit.lost());
  ledger.set_pending(audit.pending());
  if (IsHung(view)) {
    result->set_verdict(std::string(kHang));
  } else if (result->violated_size() > 0) {
    result->set_verdict(std::string(kViolated));
  } else if (result->stuck_size() > 0) {
    // Overdue, and nothing is broken that would explain it.
    result->set_verdict(std::string(kInconclusive));
    result->set_message(absl::StrCat("CPU ", result->stuck(0).cpu(),
                                     " is stuck, but no queue is stranded"));
  } else {
    result->set_verdict(std::string(kHolds));
  }
}

}  // namespace belfry::lab
