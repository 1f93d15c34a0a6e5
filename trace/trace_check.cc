#include "trace/trace_check.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/string_view.h"
#include "kernel/invariants.h"
#include "kernel/trace_event.h"
#include "trace/invariants.h"

namespace belfry::trace {
namespace {

using kernel::TraceKind;

constexpr absl::string_view kJudged[] = {kAtMostOnce, kOrder, kNoCallOnDeadCpu,
                                         kItsOwnTarget, kStoppedMeansStopped};

std::optional<TraceKind> ParseKind(absl::string_view name) {
  for (int i = 0; i < kernel::kTraceKinds; ++i) {
    const auto kind = static_cast<TraceKind>(i);
    if (kernel::TraceName(kind) == name) return kind;
  }
  return std::nullopt;
}

std::optional<kernel::TraceEvent> ToKernel(const v1::TraceEvent& event) {
  const std::optional<TraceKind> kind = ParseKind(event.name());
  if (!kind) return std::nullopt;
  kernel::TraceEvent out;
  out.kind = *kind;
  if (event.has_about_cpu()) out.about = kernel::CpuId{event.about_cpu()};
  if (event.has_src_cpu()) {
    out.csd = kernel::CsdKey{kernel::CpuId{event.src_cpu()},
                             kernel::Incarnation{event.src_incarnation()},
                             event.seq()};
  }
  out.value = event.value();
  out.value2 = event.value2();
  out.state = event.state();
  out.detail = event.detail();
  out.irqs_masked = event.irqs_masked();
  return out;
}

// Feeds a trace to the judge.
class Checker {
 public:
  explicit Checker(const v1::TraceReport& trace) : trace_(trace) {
    for (const v1::TraceEvent& event : trace.events()) {
      if (event.name() == "csd_queue_cpu") {
        sent_.insert(CallTo(event.about_cpu(), event));
      }
      whole_ = whole_ && event.name() != "cpu_crashed";
      has_contexts_ = has_contexts_ && (event.name() != "csd_function_entry" ||
                                        !event.detail().empty());
    }
    whole_ = whole_ && trace.overwritten() == 0 && trace.problems().empty();
  }

  v1::TraceCheckReport Check() {
    for (const v1::TraceEvent& event : trace_.events()) {
      const std::optional<kernel::TraceEvent> read = ToKernel(event);
      if (!read) continue;
      if (event.has_cpu()) {
        Observe(kernel::CpuId{event.cpu()}, event, *read);
      } else {
        observer_.ObserveCoordinator(*read);
      }
    }
    return Report();
  }

 private:
  // Target, source, its incarnation, number: a source numbers the calls to each
  // target on their own.
  using Call =
      std::tuple<std::uint32_t, std::uint32_t, std::uint64_t, std::uint64_t>;

  static Call CallTo(std::uint32_t target, const v1::TraceEvent& event) {
    return {target, event.src_cpu(), event.src_incarnation(), event.seq()};
  }

  void Observe(kernel::CpuId cpu, const v1::TraceEvent& event,
               const kernel::TraceEvent& read) {
    if (!whole_) SupplyBeginning(cpu, event, read);
    // The judge counts what runs: an exit whose entry is lost is not for it.
    if (read.kind == TraceKind::kCsdFunctionEntry) ++running_[cpu];
    if (read.kind == TraceKind::kCsdFunctionExit && running_[cpu]-- == 0) {
      running_[cpu] = 0;
      return;
    }
    observer_.Observe(cpu, read);
  }

  // Before what the trace holds, a CPU was online, and a call that nobody in it
  // sends was sent to where it runs.
  void SupplyBeginning(kernel::CpuId cpu, const v1::TraceEvent& event,
                       const kernel::TraceEvent& read) {
    if (known_.insert(cpu).second) {
      kernel::TraceEvent life;
      life.kind = TraceKind::kCpuLife;
      life.detail = std::string(kernel::LifeName(kernel::Life::kOnline));
      observer_.Observe(cpu, life);
    }
    if (read.kind != TraceKind::kCsdFunctionEntry) return;
    if (sent_.contains(CallTo(cpu.value, event))) return;
    kernel::TraceEvent queued = read;
    queued.kind = TraceKind::kCsdQueueCpu;
    queued.about = cpu;
    observer_.Observe(read.csd ? read.csd->src : cpu, queued);
  }

  v1::TraceCheckReport Report() const {
    v1::TraceCheckReport report;
    report.set_events(trace_.events_size());
    *report.mutable_problems() = trace_.problems();
    if (!whole_) {
      report.add_problems(
          "the trace is not whole: what was before it is taken to have been in "
          "order");
    }
    for (const absl::string_view name : kInvariants) {
      const absl::string_view reason = WhyNot(name);
      if (reason.empty()) {
        report.add_judged(std::string(name));
        continue;
      }
      v1::TraceCheckReport::Unjudged* unjudged = report.add_unjudged();
      unjudged->set_invariant(std::string(name));
      unjudged->set_reason(std::string(reason));
    }
    for (const kernel::Violation& violation : observer_.violations()) {
      const absl::string_view name = kernel::InvariantName(violation.invariant);
      if (!WhyNot(name).empty()) continue;
      v1::TraceCheckReport::Violation* out = report.add_violations();
      out->set_invariant(std::string(name));
      if (violation.cpu) out->set_cpu(violation.cpu->value);
      out->set_message(violation.what);
    }
    return report;
  }

  // Empty: it can be judged.
  absl::string_view WhyNot(absl::string_view name) const {
    if (trace_.machine().kind() == v1::TraceMachine::KIND_KERNEL) {
      return "a kernel's recording does not number its calls: see belfry "
             "analyze";
    }
    if (std::find(std::begin(kJudged), std::end(kJudged), name) ==
        std::end(kJudged)) {
      return "it is about the machines' state, which no trace has: see belfry "
             "audit";
    }
    if (name == kItsOwnTarget && !whole_) {
      return "the trace is not whole: what runs may have been sent before it, "
             "or by a process whose last events are lost";
    }
    if (name == kNoCallOnDeadCpu && !has_contexts_) {
      return "the trace does not tell in which context its calls ran: ftrace's "
             "text leaves it out";
    }
    return "";
  }

  const v1::TraceReport& trace_;
  // From the first event of every process on.
  bool whole_ = true;
  // Every run says in which context it was.
  bool has_contexts_ = true;
  std::set<Call> sent_;
  // CPUs of which the judge has heard.
  std::set<kernel::CpuId> known_;
  std::map<kernel::CpuId, int> running_;
  kernel::TraceObserver observer_;
};

}  // namespace

v1::TraceCheckReport CheckTrace(const v1::TraceReport& trace) {
  return Checker(trace).Check();
}

}  // namespace belfry::trace
