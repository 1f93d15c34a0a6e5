#include "trace/history.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "kernel/cpumask.h"

namespace belfry::trace {
namespace {

constexpr absl::string_view kWakeUps = "sched_ttwu_pending";

using Fate = CallHistory::Fate;
// What names a call on its target: source, its life, number; of a kernel the
// csd's address alone.
using Key = std::tuple<std::uint32_t, std::uint64_t, std::uint64_t>;

Key KeyOf(const v1::TraceEvent& event) {
  return {event.has_src_cpu() ? event.src_cpu() + 1 : 0,
          event.src_incarnation(), event.seq()};
}

class Follower {
 public:
  explicit Follower(const v1::TraceReport& trace)
      : trace_(trace),
        has_runs_(trace.machine().kind() == v1::TraceMachine::KIND_BELFRY ||
                  std::any_of(trace.events().begin(), trace.events().end(),
                              [](const v1::TraceEvent& event) {
                                return event.name() == "csd_function_entry";
                              })) {}

  History Follow() {
    for (at_ = 0; at_ < static_cast<EventIndex>(trace_.events_size()); ++at_) {
      Step(Event(at_));
    }
    return std::move(history_);
  }

 private:
  struct Cpu {
    // In History::calls: queued there, in order.
    std::vector<std::size_t> open;
    // In History::doorbells: on the way there, or latched.
    std::vector<std::size_t> doorbells;
    // The entry of the handler that is at work.
    std::optional<EventIndex> drain;
    // Ours: in History::doorbells, by the call that each is for.
    std::map<Key, std::size_t> arrived;
  };

  const v1::TraceEvent& Event(EventIndex at) const {
    return trace_.events(static_cast<int>(at));
  }

  void Step(const v1::TraceEvent& event) {
    const std::string& name = event.name();
    if (name == "csd_queue_cpu") {
      Queue(event);
    } else if (name == "csd_function_entry") {
      Run(event);
    } else if (absl::StartsWith(name, "ipi_send_cpu")) {
      Send(event);
    } else if (name == "ipi_latched" || name == "ipi_coalesced") {
      if (event.has_src_cpu()) Arrive(event.cpu(), KeyOf(event));
    } else if (name == "ipi_cleared") {
      Clear(cpus_[event.cpu()]);
    } else if (EntersHandler(event)) {
      Enter(cpus_[event.cpu()]);
    } else if (LeavesHandler(event)) {
      Leave(cpus_[event.cpu()]);
    } else if (name == "csd_lost" || name == "csd_refused" ||
               name == "csd_done") {
      End(event.about_cpu(), event,
          name == "csd_done" ? Fate::kEndedUnseen : Fate::kLost);
    } else if (LeavesQueueUnrun(event)) {
      End(event.cpu(), event, Fate::kLost);
    }
  }

  void Queue(const v1::TraceEvent& event) {
    const Key key = KeyOf(event);
    if (!event.has_src_cpu()) EndElsewhere(key, event.about_cpu());
    CallHistory call;
    call.target = event.about_cpu();
    call.queued = at_;
    call.ahead = cpus_[call.target].open.size();
    if (event.has_src_cpu()) last_queued_[{event.cpu(), call.target}] = key;
    ++open_[key];
    cpus_[call.target].open.push_back(history_.calls.size());
    history_.calls.push_back(call);
  }

  // A kernel's csd that is in use anew has left the queue of any other CPU.
  void EndElsewhere(const Key& key, std::uint32_t target) {
    if (!open_.contains(key)) return;
    for (auto& [number, cpu] : cpus_) {
      if (number == target) continue;
      Close(cpu, Fate::kEndedUnseen, [&](const CallHistory& call) {
        return KeyOf(Event(call.queued)) == key;
      });
    }
  }

  // Closes the open calls for which `which` holds.
  template <typename Which>
  void Close(Cpu& cpu, Fate fate, const Which& which) {
    std::vector<std::size_t> rest;
    for (const std::size_t index : cpu.open) {
      CallHistory& call = history_.calls[index];
      if (!which(call)) {
        rest.push_back(index);
        continue;
      }
      EndCall(call, fate);
    }
    cpu.open = std::move(rest);
  }

  void EndCall(CallHistory& call, Fate fate) {
    call.fate = fate;
    call.ended = at_;
    const auto open = open_.find(KeyOf(Event(call.queued)));
    if (--open->second == 0) open_.erase(open);
  }

  void End(std::uint32_t target, const v1::TraceEvent& event, Fate fate) {
    const Key key = KeyOf(event);
    Close(cpus_[target], fate, [&](const CallHistory& call) {
      return KeyOf(Event(call.queued)) == key;
    });
  }

  void Run(const v1::TraceEvent& event) {
    const Key key = KeyOf(event);
    if (!event.has_src_cpu() && event.seq() == 0) {
      history_.self_runs.push_back(at_);
      return;
    }
    if (event.has_src_cpu() && event.src_cpu() == event.cpu()) {
      history_.self_runs.push_back(at_);
    }
    Cpu& cpu = cpus_[event.cpu()];
    if (!CloseRun(cpu, key) && !TakeBack(event, key) &&
        !(event.has_src_cpu() && event.src_cpu() == event.cpu())) {
      if (!event.has_src_cpu()) EndElsewhere(key, event.cpu());
      history_.unqueued_runs.push_back(at_);
    }
    if (!event.has_src_cpu() && event.function() == kWakeUps) WakeUps(cpu);
  }

  // Of several uses of one csd the last one runs, and the others have ended
  // before it; but a use that was queued while this drain was at work is of the
  // next one: an asynchronous csd is free again before its function begins.
  bool CloseRun(Cpu& cpu, const Key& key) {
    std::vector<std::size_t> uses;
    for (const std::size_t index : cpu.open) {
      if (KeyOf(Event(history_.calls[index].queued)) == key) {
        uses.push_back(index);
      }
    }
    if (uses.empty()) return false;
    if (uses.size() > 1 && cpu.drain &&
        history_.calls[uses.back()].queued > *cpu.drain) {
      uses.pop_back();
    }
    for (const std::size_t index : uses) {
      EndCall(history_.calls[index],
              index == uses.back() ? Fate::kRan : Fate::kEndedUnseen);
      cpu.open.erase(std::find(cpu.open.begin(), cpu.open.end(), index));
    }
    return true;
  }

  // Everything that was in the queue when it was taken. A call that rang for
  // itself after that came into an empty queue: it belongs to the next drain.
  void WakeUps(Cpu& cpu) {
    const EventIndex taken = cpu.drain.value_or(at_);
    Close(cpu, Fate::kRan, [&](const CallHistory& call) {
      const v1::TraceEvent& queued = Event(call.queued);
      return queued.function() == kWakeUps &&
             (call.queued < taken || !call.doorbell);
    });
  }

  // A wake-up that WakeUps() counted for the drain before, and that this entry
  // names as its own: it rang after that drain had begun.
  bool TakeBack(const v1::TraceEvent& event, const Key& key) {
    if (event.has_src_cpu() || event.function() != kWakeUps) return false;
    const auto last = std::find_if(
        history_.calls.rbegin(), history_.calls.rend(),
        [&](const CallHistory& call) {
          return call.target == event.cpu() && KeyOf(Event(call.queued)) == key;
        });
    if (last == history_.calls.rend() || last->fate != Fate::kRan ||
        !last->ended || KeyOf(Event(*last->ended)) == key) {
      return false;
    }
    last->ended = at_;
    return true;
  }

  void Send(const v1::TraceEvent& event) {
    const bool kernel = !event.has_src_cpu() && !event.callback().empty();
    if (kernel && !absl::StrContains(event.callback(), "call_function")) {
      ++history_.reschedules;
      return;
    }
    for (const std::uint32_t target : Targets(event)) {
      const std::size_t doorbell =
          event.has_src_cpu() ? Arrive(target, KeyOf(event)) : Add(target);
      // It is for the last call that this CPU queued there.
      for (auto index = cpus_[target].open.rbegin();
           index != cpus_[target].open.rend(); ++index) {
        CallHistory& call = history_.calls[*index];
        if (Event(call.queued).cpu() != event.cpu()) continue;
        if (!call.doorbell) call.doorbell = doorbell;
        break;
      }
    }
  }

  // Ours: the call that the doorbell is for. ftrace's text does not name it,
  // but it is the last one that its sender queued there.
  std::optional<Key> CallOf(const v1::TraceEvent& event, std::uint32_t target) {
    if (event.has_src_cpu()) return KeyOf(event);
    const auto last = last_queued_.find({event.cpu(), target});
    if (last == last_queued_.end()) return std::nullopt;
    return last->second;
  }

  static std::vector<std::uint32_t> Targets(const v1::TraceEvent& event) {
    if (event.has_about_cpu()) return {event.about_cpu()};
    std::vector<std::uint32_t> targets;
    const auto mask = kernel::ParseCpuList(event.targets());
    if (!mask.ok()) return targets;
    for (const kernel::CpuId cpu : mask->cpus()) targets.push_back(cpu.value);
    return targets;
  }

  std::size_t Add(std::uint32_t target) {
    DoorbellHistory doorbell;
    doorbell.target = target;
    doorbell.sent = at_;
    cpus_[target].doorbells.push_back(history_.doorbells.size());
    history_.doorbells.push_back(doorbell);
    return history_.doorbells.size() - 1;
  }

  // Ours: the ring of a call shows twice, where it is sent and where it
  // arrives.
  std::size_t Arrive(std::uint32_t target, const Key& key) {
    const auto known = cpus_[target].arrived.find(key);
    if (known != cpus_[target].arrived.end()) return known->second;
    return cpus_[target].arrived[key] = Add(target);
  }

  void Clear(Cpu& cpu) {
    for (const std::size_t doorbell : cpu.doorbells) {
      history_.doorbells[doorbell].cleared = at_;
    }
    cpu.doorbells.clear();
  }

  void Enter(Cpu& cpu) {
    cpu.drain = at_;
    for (const std::size_t doorbell : cpu.doorbells) {
      history_.doorbells[doorbell].taken = at_;
    }
    cpu.doorbells.clear();
  }

  void Leave(Cpu& cpu) {
    if (!cpu.drain) return;
    Close(cpu, Fate::kTaken, [&](const CallHistory& call) {
      return call.queued < *cpu.drain &&
             (!has_runs_ ||
              absl::StrContains(Event(call.queued).callsite(), "irq_work"));
    });
    cpu.drain.reset();
  }

  const v1::TraceReport& trace_;
  bool has_runs_;
  EventIndex at_ = 0;
  std::map<std::uint32_t, Cpu> cpus_;
  // How many open calls have it, on whatever CPU.
  std::map<Key, int> open_;
  // Ours: by source and target.
  std::map<std::pair<std::uint32_t, std::uint32_t>, Key> last_queued_;
  History history_;
};

}  // namespace

bool EntersHandler(const v1::TraceEvent& event) {
  return event.name() == "call_function_single_entry" ||
         event.name() == "call_function_entry" ||
         (event.name() == "ipi_entry" &&
          absl::StrContains(event.detail(), "Function call"));
}

bool LeavesHandler(const v1::TraceEvent& event) {
  return event.name() == "call_function_single_exit" ||
         event.name() == "call_function_exit" ||
         (event.name() == "ipi_exit" &&
          absl::StrContains(event.detail(), "Function call"));
}

bool LeavesQueueUnrun(const v1::TraceEvent& event) {
  return event.name() == "csd_dropped" || event.name() == "csd_returned";
}

History FollowTrace(const v1::TraceReport& trace) {
  return Follower(trace).Follow();
}

}  // namespace belfry::trace
