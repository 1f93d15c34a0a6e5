#include "trace/trace_check.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>

#include "absl/strings/string_view.h"
#include "kernel/invariants.h"
#include "trace/invariants.h"
#include "trace/observer_feed.h"

namespace belfry::trace {
namespace {

constexpr absl::string_view kJudged[] = {kAtMostOnce, kOrder, kNoCallOnDeadCpu,
                                         kItsOwnTarget, kStoppedMeansStopped};

class Checker {
 public:
  explicit Checker(const v1::TraceReport& trace)
      : trace_(trace),
        feed_(trace.events(),
              trace.overwritten() > 0 || !trace.problems().empty()) {}

  v1::TraceCheckReport Check() {
    for (const v1::TraceEvent& event : trace_.events()) {
      feed_.Observe(event);
      lost_ += event.lost();
      has_contexts_ = has_contexts_ && (event.name() != "csd_function_entry" ||
                                        !event.detail().empty());
    }
    return Report();
  }

 private:
  v1::TraceCheckReport Report() const {
    v1::TraceCheckReport report;
    report.set_events(trace_.events_size());
    *report.mutable_problems() = trace_.problems();
    if (!feed_.whole()) {
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
    for (const kernel::Violation& violation : feed_.violations()) {
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
    if (name == kItsOwnTarget && !feed_.whole()) {
      return "the trace is not whole: what runs may have been sent before it, "
             "or by a process whose last events are lost";
    }
    if ((name == kNoCallOnDeadCpu || name == kStoppedMeansStopped) &&
        lost_ < trace_.overwritten()) {
      return "the trace does not tell where the events are missing that were "
             "overwritten: a CPU's life may have changed anywhere";
    }
    if (name == kNoCallOnDeadCpu && !has_contexts_) {
      return "the trace does not tell in which context its calls ran: ftrace's "
             "text leaves it out";
    }
    return "";
  }

  const v1::TraceReport& trace_;
  ObserverFeed feed_;
  // Events that are missing, and the trace tells where.
  std::uint64_t lost_ = 0;
  // Every run says in which context it was.
  bool has_contexts_ = true;
};

}  // namespace

v1::TraceCheckReport CheckTrace(const v1::TraceReport& trace) {
  return Checker(trace).Check();
}

}  // namespace belfry::trace
