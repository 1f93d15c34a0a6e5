#include "trace/analysis.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernel/errno.h"
#include "trace/coverage.h"
#include "trace/history.h"
#include "trace/hotplug_history.h"
#include "trace/latency.h"
#include "trace/report_text.h"
#include "trace/time_text.h"
#include "trace/trace_clock.h"

namespace belfry::trace {
namespace {

using Report = v1::AnalysisReport;
using Fate = CallHistory::Fate;

// Parts of the recording for each of which a queue's depth is given.
constexpr std::size_t kDepthParts = 60;

std::string CpuText(const v1::TraceEvent& event) {
  return event.has_cpu() ? absl::StrCat("cpu ", event.cpu())
                         : "the coordinator";
}

std::string CsdText(const v1::TraceEvent& event) {
  if (!event.has_src_cpu()) return absl::StrFormat("%016x", event.seq());
  return absl::StrCat("call ", event.seq(), " of cpu ", event.src_cpu());
}

std::string ErrorName(std::int64_t ret) {
  if (ret == 0) return "";
  const auto error = static_cast<kernel::Errno>(-ret);
  const absl::string_view name = kernel::ErrnoName(error);
  // What it does not know it calls EIO.
  const bool known = error == kernel::Errno::kEio ||
                     name != kernel::ErrnoName(kernel::Errno::kEio);
  return known ? std::string(name) : absl::StrCat("errno ", -ret);
}

class Analyzer {
 public:
  explicit Analyzer(const v1::TraceReport& trace)
      : trace_(trace),
        clock_(trace),
        coverage_(CoverageOf(trace)),
        history_(FollowTrace(trace)),
        hotplug_(FollowHotplug(trace)),
        downs_(FindDowns()) {
    for (EventIndex at = 0; at < Size(); ++at) {
      if (Event(at).has_cpu()) events_of_[Event(at).cpu()].push_back(at);
    }
  }

  Report Analyze() {
    *report_.mutable_machine() = trace_.machine();
    report_.set_events(trace_.events_size());
    report_.set_overwritten(trace_.overwritten());
    report_.set_begin_s(clock_.begin());
    report_.set_end_s(clock_.end());
    *report_.mutable_problems() = trace_.problems();
    if (coverage_.calls) AddPending();
    if (coverage_.doorbells) AddNotTaken();
    AddQueues();
    AddLatencies();
    for (const HotplugOperation& operation : hotplug_) AddHotplug(operation);
    AddWentDown();
    report_.set_reschedules(history_.reschedules);
    report_.mutable_unknown()->Assign(coverage_.unknown.begin(),
                                      coverage_.unknown.end());
    return std::move(report_);
  }

 private:
  const v1::TraceEvent& Event(EventIndex at) const {
    return trace_.events(static_cast<int>(at));
  }
  double At(EventIndex at) const { return clock_.At(Event(at)); }
  std::int64_t MicrosBetween(EventIndex from, EventIndex to) const {
    return Micros(Event(to).time()) - Micros(Event(from).time());
  }

  // ---- Calls.

  void FillCall(const CallHistory& call, double until,
                Report::Call* out) const {
    const v1::TraceEvent& queued = Event(call.queued);
    if (queued.has_cpu()) out->set_src_cpu(queued.cpu());
    out->set_cpu(call.target);
    out->set_function(queued.function());
    out->set_csd(CsdText(queued));
    out->set_callsite(queued.callsite());
    out->set_queued_s(At(call.queued));
    out->set_age_s(std::max(0.0, until - At(call.queued)));
    out->set_doorbell(DoorbellText(call));
  }

  std::string DoorbellText(const CallHistory& call) const {
    if (!coverage_.doorbells) return "not recorded";
    if (!call.doorbell) {
      return call.ahead > 0
                 ? absl::StrCat("none: ", CountText(call.ahead, "call"),
                                " stood in the queue before it")
                 : "none is recorded, though no call is known to have stood "
                   "before it";
    }
    const DoorbellHistory& doorbell = history_.doorbells[*call.doorbell];
    std::string text = absl::StrFormat("sent at %.6f by %s", At(doorbell.sent),
                                       CpuText(Event(call.queued)));
    if (doorbell.taken) {
      absl::StrAppendFormat(&text, ", taken at %.6f", At(*doorbell.taken));
    } else if (doorbell.cleared) {
      absl::StrAppendFormat(&text, ", cleared by a reset at %.6f",
                            At(*doorbell.cleared));
    } else {
      absl::StrAppend(&text, ", not taken");
    }
    return text;
  }

  void AddPending() {
    std::map<std::pair<std::uint32_t, std::string>, Report::FunctionPending>
        groups;
    std::vector<const CallHistory*> pending;
    for (const CallHistory& call : history_.calls) {
      if (call.fate == Fate::kPending) pending.push_back(&call);
    }
    std::stable_sort(pending.begin(), pending.end(),
                     [&](const CallHistory* a, const CallHistory* b) {
                       return At(a->queued) < At(b->queued);
                     });
    for (const CallHistory* call : pending) {
      Report::Call* out = report_.add_pending();
      FillCall(*call, clock_.end(), out);
      Report::FunctionPending& group = groups[{out->cpu(), out->function()}];
      group.set_cpu(out->cpu());
      group.set_function(out->function());
      group.set_count(group.count() + 1);
      group.set_oldest_age_s(std::max(group.oldest_age_s(), out->age_s()));
    }
    for (auto& [key, group] : groups) {
      *report_.add_pending_by_function() = std::move(group);
    }
  }

  // ---- Doorbells.

  void AddNotTaken() {
    for (const DoorbellHistory& doorbell : history_.doorbells) {
      if (doorbell.taken) continue;
      const v1::TraceEvent& sent = Event(doorbell.sent);
      Report::Doorbell* out = report_.add_not_taken();
      // Ours may have been seen first where it arrived.
      if (sent.has_src_cpu()) {
        out->set_src_cpu(sent.src_cpu());
      } else if (sent.has_cpu()) {
        out->set_src_cpu(sent.cpu());
      }
      out->set_cpu(doorbell.target);
      out->set_sent_s(At(doorbell.sent));
      out->set_age_s(clock_.end() - At(doorbell.sent));
      out->set_message(SinceThen(doorbell));
    }
  }

  // What the target did after the doorbell was sent to it.
  std::string SinceThen(const DoorbellHistory& doorbell) const {
    if (doorbell.cleared) {
      return absl::StrFormat("a reset cleared it at %.6f",
                             At(*doorbell.cleared));
    }
    const std::optional<EventIndex> down =
        DownAfter(doorbell.target, doorbell.sent);
    if (down) {
      return absl::StrFormat(
          "its CPU went down at %.6f; what it took then does not show",
          At(*down));
    }
    const auto of_target = events_of_.find(doorbell.target);
    std::size_t events = 0;
    if (of_target != events_of_.end()) {
      const std::vector<EventIndex>& all = of_target->second;
      events = static_cast<std::size_t>(
          all.end() - std::upper_bound(all.begin(), all.end(), doorbell.sent));
    }
    return events == 0 ? "its CPU shows nothing after it"
                       : absl::StrCat("its CPU shows ",
                                      CountText(events, "event"), " after it");
  }

  EventIndex Size() const {
    return static_cast<EventIndex>(trace_.events_size());
  }

  // ---- Queues.

  // How the depth of one queue changes: place in the trace, and by how much.
  using Changes = std::vector<std::pair<EventIndex, int>>;

  void AddQueues() {
    std::map<std::uint32_t, Report::Queue> queues;
    std::map<std::uint32_t, Changes> changes;
    for (const CallHistory& call : history_.calls) {
      Report::Queue& queue = queues[call.target];
      CountFate(call.fate, &queue);
      changes[call.target].emplace_back(call.queued, 1);
      if (call.ended) changes[call.target].emplace_back(*call.ended, -1);
    }
    for (const EventIndex at : history_.unqueued_runs) {
      Report::Queue& queue = queues[Event(at).cpu()];
      queue.set_unqueued_runs(queue.unqueued_runs() + 1);
    }
    for (const EventIndex at : history_.self_runs) {
      Report::Queue& queue = queues[Event(at).cpu()];
      queue.set_self_runs(queue.self_runs() + 1);
    }
    for (const DoorbellHistory& doorbell : history_.doorbells) {
      Report::Queue& queue = queues[doorbell.target];
      queue.set_doorbells(queue.doorbells() + 1);
      if (doorbell.taken)
        queue.set_doorbells_taken(queue.doorbells_taken() + 1);
    }
    for (auto& [cpu, queue] : queues) {
      queue.set_cpu(cpu);
      if (coverage_.calls) AddDepth(changes[cpu], &queue);
      *report_.add_queues() = std::move(queue);
    }
  }

  static void CountFate(Fate fate, Report::Queue* queue) {
    queue->set_queued(queue->queued() + 1);
    switch (fate) {
      case Fate::kPending:
        return queue->set_pending(queue->pending() + 1);
      case Fate::kRan:
      case Fate::kTaken:
        return queue->set_ran(queue->ran() + 1);
      case Fate::kEndedUnseen:
        return queue->set_ended_unseen(queue->ended_unseen() + 1);
      case Fate::kLost:
        return queue->set_lost(queue->lost() + 1);
    }
  }

  void AddDepth(Changes changes, Report::Queue* queue) const {
    std::sort(changes.begin(), changes.end());
    std::vector<std::uint32_t> depth(kDepthParts);
    std::uint32_t now = 0;
    std::size_t part = 0;
    for (const auto& [at, change] : changes) {
      // From the last change to this one it was as deep as it is now.
      const std::size_t here = PartOf(at);
      for (; part < here; ++part) {
        depth[part] = std::max(depth[part], now);
      }
      depth[part] = std::max(depth[part], now);
      now += change;
      depth[part] = std::max(depth[part], now);
      if (now <= queue->max_depth()) continue;
      queue->set_max_depth(now);
      queue->set_max_depth_at_s(At(at));
    }
    for (; part < kDepthParts; ++part) depth[part] = std::max(depth[part], now);
    queue->mutable_depth()->Assign(depth.begin(), depth.end());
  }

  std::size_t PartOf(EventIndex at) const {
    const double span = clock_.end() - clock_.begin();
    if (span <= 0) return 0;
    const double place = (At(at) - clock_.begin()) / span * kDepthParts;
    return std::min(static_cast<std::size_t>(place), kDepthParts - 1);
  }

  // ---- Latencies.

  void AddLatencies() {
    std::vector<std::int64_t> run;
    const CallHistory* slowest_call = nullptr;
    for (const CallHistory& call : history_.calls) {
      if (call.fate != Fate::kRan) continue;
      run.push_back(MicrosBetween(call.queued, *call.ended));
      if (slowest_call == nullptr ||
          run.back() >
              MicrosBetween(slowest_call->queued, *slowest_call->ended)) {
        slowest_call = &call;
      }
    }
    *report_.mutable_queue_to_run() = MakeLatency(std::move(run));
    if (slowest_call != nullptr) {
      report_.mutable_queue_to_run()->set_slowest(absl::StrFormat(
          "%s on cpu %u, queued at %.6f by %s",
          Event(slowest_call->queued).function(), slowest_call->target,
          At(slowest_call->queued), CpuText(Event(slowest_call->queued))));
    }
    std::vector<std::int64_t> entry;
    const DoorbellHistory* slowest = nullptr;
    for (const DoorbellHistory& doorbell : history_.doorbells) {
      if (!doorbell.taken) continue;
      entry.push_back(MicrosBetween(doorbell.sent, *doorbell.taken));
      if (slowest == nullptr ||
          entry.back() > MicrosBetween(slowest->sent, *slowest->taken)) {
        slowest = &doorbell;
      }
    }
    *report_.mutable_ring_to_entry() = MakeLatency(std::move(entry));
    if (slowest != nullptr) {
      report_.mutable_ring_to_entry()->set_slowest(absl::StrFormat(
          "to cpu %u, sent at %.6f", slowest->target, At(slowest->sent)));
    }
  }

  // ---- Hotplug.

  void AddHotplug(const HotplugOperation& operation) {
    Report::Hotplug* out = report_.add_hotplug();
    out->set_cpu(operation.cpu);
    out->set_direction(operation.up ? "online" : "offline");
    for (const HotplugStep& step : operation.steps) {
      FillStep(step, out->add_steps());
    }
    const EventIndex begin =
        operation.begin ? *operation.begin : operation.steps.front().enter;
    out->set_begin_s(At(begin));
    out->set_duration_s(At(LastOf(operation)) - At(begin));
    const std::int64_t ret = ReturnOf(operation);
    out->set_result(!IsFinished(operation)               ? "not finished"
                    : ret != 0 || operation.turned_after ? "failed"
                                                         : "done");
    out->set_error(ErrorName(ret));
    out->set_message(FailureText(operation));
  }

  static EventIndex LastOf(const HotplugOperation& operation) {
    EventIndex last = operation.end.value_or(operation.begin.value_or(0));
    for (const HotplugStep& step : operation.steps) {
      last = std::max(last, step.exit.value_or(step.enter));
    }
    return last;
  }

  // Negative.
  std::int64_t ReturnOf(const HotplugOperation& operation) const {
    if (operation.end) return -Event(*operation.end).value2();
    return operation.failed ? operation.steps[*operation.failed].ret : 0;
  }

  // Ours say so. A kernel's has come to its end, or to the recording's.
  static bool IsFinished(const HotplugOperation& operation) {
    if (operation.begin) return operation.end.has_value();
    return std::all_of(
        operation.steps.begin(), operation.steps.end(),
        [](const HotplugStep& step) { return step.exit.has_value(); });
  }

  void FillStep(const HotplugStep& step, Report::Step* out) const {
    const v1::TraceEvent& enter = Event(step.enter);
    out->set_step(step.step);
    out->set_name(step.name);
    if (enter.has_cpu()) out->set_on(enter.cpu());
    out->set_begin_s(At(step.enter));
    out->set_finished(step.exit.has_value());
    out->set_contains_others(step.contains_others);
    if (!step.exit) return;
    out->set_duration_s(At(*step.exit) - At(step.enter));
    out->set_error(ErrorName(step.ret));
  }

  static std::string StepText(const HotplugStep& step) {
    return absl::StrCat("step ", step.step, " (", step.name, ")");
  }

  static std::string FailureText(const HotplugOperation& operation) {
    std::string text;
    if (operation.failed) {
      const HotplugStep& step = operation.steps[*operation.failed];
      absl::StrAppend(&text, StepText(step), " answered ", ErrorName(step.ret));
    }
    if (operation.turned_after) {
      absl::StrAppend(&text, text.empty() ? "" : "; ", "rolled back after ",
                      StepText(operation.steps[*operation.turned_after]));
    }
    return text;
  }

  // ---- What was queued when a CPU was taken out.

  // From when nobody could rely on the CPU any more, and when it was out.
  struct Down {
    std::uint32_t cpu = 0;
    EventIndex from = 0;
    EventIndex at = 0;
  };

  // Ours say so; of a kernel takedown_cpu() has returned.
  std::vector<Down> FindDowns() const {
    std::vector<Down> downs;
    for (const HotplugOperation& operation : hotplug_) {
      for (const HotplugStep& step : operation.steps) {
        if (step.name == "takedown_cpu" && step.exit && step.ret == 0) {
          downs.push_back({operation.cpu, step.enter, *step.exit});
        }
      }
    }
    for (EventIndex at = 0; at < Size(); ++at) {
      const v1::TraceEvent& event = Event(at);
      if (event.name() == "cpu_life" && event.detail() == "DEAD") {
        downs.push_back({event.cpu(), at, at});
      }
    }
    return downs;
  }

  std::optional<EventIndex> DownAfter(std::uint32_t cpu, EventIndex at) const {
    std::optional<EventIndex> first;
    for (const Down& down : downs_) {
      if (down.cpu != cpu || down.at <= at) continue;
      if (!first || down.at < *first) first = down.at;
    }
    return first;
  }

  void AddWentDown() {
    if (!coverage_.calls) return;
    for (const Down& down : downs_) {
      Report::WentDown* out = report_.add_went_down();
      out->set_cpu(down.cpu);
      out->set_at_s(At(down.at));
      for (const CallHistory& call : history_.calls) {
        if (call.target != down.cpu || call.queued > down.at) continue;
        if (call.ended && *call.ended < down.at) continue;
        Report::Call* pending = out->add_pending();
        FillCall(call, At(down.at), pending);
        pending->set_fate(FateText(call));
      }
    }
  }

  std::string FateText(const CallHistory& call) const {
    switch (call.fate) {
      case Fate::kPending:
        return "not seen to run";
      case Fate::kRan:
        return absl::StrFormat("ran at %.6f", At(*call.ended));
      case Fate::kTaken:
        return absl::StrFormat("taken at %.6f", At(*call.ended));
      case Fate::kEndedUnseen:
        return absl::StrFormat("ended unseen before %.6f", At(*call.ended));
      case Fate::kLost:
        return absl::StrFormat("lost at %.6f", At(*call.ended));
    }
    return "";
  }

  const v1::TraceReport& trace_;
  TraceClock clock_;
  Coverage coverage_;
  History history_;
  std::vector<HotplugOperation> hotplug_;
  std::vector<Down> downs_;
  // By CPU: what it recorded, in order.
  std::map<std::uint32_t, std::vector<EventIndex>> events_of_;
  Report report_;
};

}  // namespace

v1::AnalysisReport Analyze(const v1::TraceReport& trace) {
  return Analyzer(trace).Analyze();
}

}  // namespace belfry::trace
