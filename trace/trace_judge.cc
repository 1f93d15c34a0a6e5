#include "trace/trace_judge.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "trace/observer_feed.h"
#include "trace/report_text.h"

namespace belfry::trace {
namespace {

using kernel::Invariant;

class Judge {
 public:
  Judge(const std::vector<v1::TraceEvent>& events, bool whole)
      : events_(events),
        whole_(whole),
        machine_(events),
        feed_(events, !whole) {}

  Judgement Pass() {
    for (Position position = 0; position < events_.size(); ++position) {
      Observe(position);
      machine_.Apply(position);
      JudgeQueues(position);
    }
    JudgeSoftirqs();
    JudgeWaits();
    std::stable_sort(result_.violations.begin(), result_.violations.end(),
                     [](const PlacedViolation& a, const PlacedViolation& b) {
                       return a.position < b.position;
                     });
    // Of a ledger, and of views: both are state, no history.
    result_.not_judged = {Invariant::kConservation, Invariant::kOneView};
    if (!whole_) result_.not_judged.push_back(Invariant::kItsOwnTarget);
    return std::move(result_);
  }

 private:
  void Observe(Position position) {
    feed_.Observe(events_[position]);
    const kernel::Violations& all = feed_.violations();
    for (; reported_ < all.size(); ++reported_) {
      const kernel::Violation& one = all[reported_];
      if (!whole_ && one.invariant == Invariant::kItsOwnTarget) continue;
      Report(one.invariant,
             one.cpu ? std::optional(one.cpu->value) : std::nullopt, position,
             one.what);
    }
  }

  // Once for each time that a queue comes to be in such a state.
  void JudgeQueues(Position position) {
    const v1::TraceEvent& event = events_[position];
    if (event.has_cpu()) JudgeQueue(event.cpu(), position);
    if (event.has_about_cpu()) JudgeQueue(event.about_cpu(), position);
  }

  void JudgeQueue(std::uint32_t number, Position position) {
    const TracedCpu& cpu = machine_.cpus().at(number);
    bool& was_stranded = stranded_[number];
    if (!was_stranded && cpu.stranded()) {
      was_stranded = true;
      Report(Invariant::kNoStrandedQueue, number, position,
             absl::StrCat("CPU ", number, " is online with ",
                          CountText(cpu.depth, "call"),
                          " in its queue, and no doorbell is under way"));
    } else if (was_stranded && !cpu.stays_stranded()) {
      was_stranded = false;
    }
    const bool left = cpu.left_behind();
    if (left && !left_behind_[number]) {
      Report(Invariant::kNothingLeftBehind, number, position,
             absl::StrCat("CPU ", number, " has gone offline with ",
                          CountText(cpu.depth, "call"), " in its queue"));
    }
    left_behind_[number] = left;
  }

  // What is raised inside of a handler runs behind it: only the end tells.
  void JudgeSoftirqs() {
    for (const auto& [number, cpu] : machine_.cpus()) {
      if (!cpu.softirq_stranded()) continue;
      Report(Invariant::kNoStrandedQueue, number, events_.size() - 1,
             absl::StrCat("CPU ", number,
                          " is idle, BLOCK_SOFTIRQ is raised, and no interrupt "
                          "comes at whose end it would run"));
    }
  }

  // A waiter that the watchdog reported and that has no answer to this day.
  void JudgeWaits() {
    for (const auto& [target, cpu] : machine_.cpus()) {
      for (const auto& [key, call] : cpu.incoming) {
        if (!call.stuck) continue;
        Report(Invariant::kEveryWaitEnds, key.first, *call.stuck,
               absl::StrCat("CPU ", key.first, " waits for CPU ", target,
                            " to run ", events_[call.issued].function(),
                            ", and has no answer when the trace ends"));
      }
    }
  }

  void Report(Invariant invariant, std::optional<std::uint32_t> cpu,
              Position position, std::string what) {
    result_.violations.push_back({invariant, cpu, position, std::move(what)});
  }

  const std::vector<v1::TraceEvent>& events_;
  const bool whole_;
  TracedMachine machine_;
  ObserverFeed feed_;
  std::size_t reported_ = 0;
  std::map<std::uint32_t, bool> stranded_;
  std::map<std::uint32_t, bool> left_behind_;
  Judgement result_;
};

}  // namespace

Judgement JudgeTrace(const std::vector<v1::TraceEvent>& events, bool whole) {
  return Judge(events, whole).Pass();
}

}  // namespace belfry::trace
