#include "trace/doorbell_story.h"

#include <cstddef>
#include <functional>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "trace/time_text.h"

namespace belfry::trace {
namespace {

using Events = std::vector<v1::TraceEvent>;
// A place in the merged trace; nothing when the rings do not hold the event.
using Place = std::optional<std::size_t>;
using Predicate = std::function<bool(const v1::TraceEvent&)>;

// The last event in [begin, end) that satisfies the predicate.
Place FindLast(const Events& events, std::size_t begin, std::size_t end,
               const Predicate& predicate) {
  for (std::size_t i = end; i > begin; --i) {
    if (predicate(events[i - 1])) return i - 1;
  }
  return std::nullopt;
}

bool IsAt(const v1::TraceEvent& event, std::uint32_t cpu,
          absl::string_view name) {
  return event.has_cpu() && event.cpu() == cpu && event.name() == name;
}

bool IsOfCall(const v1::TraceEvent& event, const v1::QueuedCall& call) {
  return event.has_src_cpu() && event.src_cpu() == call.src_cpu() &&
         event.seq() == call.seq();
}

// The stations of the doorbell of one call, as far as the rings hold them.
struct Stations {
  // At the sender.
  Place queued;
  Place interrupted;  // the I/O completion from which it was queued
  Place sent;
  Place sender_acked;  // masked in the same stop_machine round
  // At the target.
  Place masked;
  Place latched;
  Place parked;
  Place drained;
  Place cleared;
  std::optional<std::int64_t> generation;
};

// The round that the target stood in when the doorbell came; nothing when it
// stood in none.
std::optional<std::int64_t> RoundAt(const Events& events, std::uint32_t cpu,
                                    std::size_t place) {
  const Place last =
      FindLast(events, 0, place, [cpu](const v1::TraceEvent& event) {
        return IsAt(event, cpu, "stop_state") || IsAt(event, cpu, "stop_ack") ||
               IsAt(event, cpu, "stop_abort") ||
               IsAt(event, cpu, "local_irq_enable");
      });
  if (!last) return std::nullopt;
  const v1::TraceEvent& event = events[*last];
  const bool stands = event.name() == "stop_state" ||
                      (event.name() == "stop_ack" && event.detail() != "EXIT");
  return stands ? std::optional(event.value()) : std::nullopt;
}

// The sender's part: how the call came to be queued, and whether it rang.
void FindSending(const Events& events, std::uint32_t cpu,
                 const v1::QueuedCall& head, Stations* found) {
  found->queued = FindLast(events, 0, events.size(), [&](const auto& event) {
    return IsAt(event, head.src_cpu(), "csd_queue_cpu") &&
           event.about_cpu() == cpu && IsOfCall(event, head);
  });
  const std::size_t begin = found->queued.value_or(0);
  found->sent = FindLast(events, begin, events.size(), [&](const auto& event) {
    return IsAt(event, head.src_cpu(), "ipi_send_cpu") &&
           event.about_cpu() == cpu && IsOfCall(event, head);
  });
  if (!found->queued) return;
  // The nearest event of the sender before it: was that an I/O interrupt?
  const Place before = FindLast(events, 0, begin, [&](const auto& event) {
    return event.has_cpu() && event.cpu() == head.src_cpu();
  });
  if (before && events[*before].name() == "device_irq") {
    found->interrupted = before;
  }
}

Stations FindStations(const Events& events, std::uint32_t cpu,
                      const v1::QueuedCall& head) {
  Stations found;
  FindSending(events, cpu, head, &found);
  const std::size_t begin = found.queued.value_or(0);
  found.latched = FindLast(events, begin, events.size(), [&](const auto& e) {
    return (IsAt(e, cpu, "ipi_latched") || IsAt(e, cpu, "ipi_coalesced") ||
            IsAt(e, cpu, "sched_wake_idle_without_ipi")) &&
           IsOfCall(e, head);
  });
  found.cleared = FindLast(events, found.latched.value_or(begin), events.size(),
                           [&](const auto& e) {
                             // A coalesced ring is lost with the one that it
                             // fell upon.
                             return IsAt(e, cpu, "ipi_cleared") &&
                                    (found.latched || IsOfCall(e, head));
                           });
  const std::size_t end = found.cleared.value_or(events.size());
  found.parked = FindLast(events, begin, end, [&](const auto& e) {
    return IsAt(e, cpu, "cpu_life") && e.detail() == "DEAD";
  });
  found.drained = FindLast(events, begin, end, [&](const auto& e) {
    return IsAt(e, cpu, "csd_flush_entry") && e.detail() == "flush" &&
           e.value() > 0;
  });
  if (!found.latched) return found;
  found.generation = RoundAt(events, cpu, *found.latched);
  if (!found.generation) return found;
  const auto masks = [&](const v1::TraceEvent& e, std::uint32_t who) {
    return IsAt(e, who, "stop_ack") && e.value() == *found.generation &&
           absl::StartsWith(e.detail(), "DISABLE_IRQ") && e.irqs_masked();
  };
  // The first acknowledgement with interrupts masked is where it masked.
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (!found.masked && masks(events[i], cpu)) found.masked = i;
    if (!found.sender_acked && masks(events[i], head.src_cpu())) {
      found.sender_acked = i;
    }
  }
  return found;
}

class Teller {
 public:
  Teller(const MachineView& view, const CpuView& target,
         v1::ExplainReport::Waiter* waiter)
      : view_(view),
        target_(target),
        cpu_(target.info.cpu()),
        head_(target.snapshot->queue(0)),
        at_(FindStations(view.events, cpu_, head_)),
        waiter_(waiter) {}

  void Tell() {
    TellHead();
    const bool late = at_.parked && at_.latched && *at_.parked < *at_.latched;
    if (late) TellParked();
    TellRing();
    TellOrder();
    if (!late) TellParked();
    TellFate();
  }

 private:
  const v1::TraceEvent& Event(Place place) const {
    return view_.events[*place];
  }
  const v1::TraceEvent* Proof(Place place) const {
    return place ? &view_.events[*place] : nullptr;
  }
  std::string When(Place place) const { return ClockText(Event(place).time()); }
  void Say(const std::string& text, Place proof = std::nullopt) {
    AddCause(text, Proof(proof), waiter_);
  }

  // The record that the target itself keeps of the last ring that reached it.
  bool RecordNamesHead() const {
    const v1::Doorbell& last = target_.snapshot->last_doorbell();
    return last.fate() != v1::Doorbell::FATE_UNSPECIFIED &&
           last.fate() != v1::Doorbell::FATE_NONE &&
           last.src_cpu() == head_.src_cpu() && last.seq() == head_.seq();
  }

  std::string Missing() const {
    if (view_.overwritten == 0) return "the rings do not hold the event";
    return absl::StrCat("the rings no longer hold the event: ",
                        view_.overwritten, " were overwritten");
  }

  void TellHead() {
    const double age =
        SecondsBetween(head_.queue_time(), TimeOf(view_, target_));
    std::string text =
        absl::StrCat("CPU ", cpu_, "'s queue has not been empty since ",
                     ClockText(head_.queue_time()), " (", DurationText(age),
                     "), when CPU ", head_.src_cpu(), " queued ",
                     head_.function(), " (its call ", head_.seq(), ")");
    if (at_.interrupted) {
      absl::StrAppend(&text, " from an I/O completion interrupt");
    }
    Say(text + ".", at_.queued);
  }

  // Who queued it has had its say, and it was not this.
  bool NeverRang() const {
    return at_.queued && !at_.latched && !at_.sent && !RecordNamesHead() &&
           view_.overwritten == 0;
  }

  std::string LatchedWhile() const {
    if (Event(at_.latched).name() == "sched_wake_idle_without_ipi") {
      return absl::StrCat("and set need_resched of CPU ", cpu_,
                          ", which polled");
    }
    if (at_.generation && Event(at_.latched).irqs_masked()) {
      return absl::StrCat("while CPU ", cpu_,
                          " had its interrupts masked inside stop_machine ",
                          *at_.generation);
    }
    if (at_.parked && *at_.parked < *at_.latched) {
      return absl::StrCat("when CPU ", cpu_,
                          " was already parked and took no interrupts");
    }
    if (Event(at_.latched).irqs_masked()) {
      return absl::StrCat("while CPU ", cpu_, " had its interrupts masked");
    }
    return "to be taken at once";
  }

  void TellRing() {
    if (at_.latched) {
      Say(absl::StrCat("That call did ring: its doorbell was latched at ",
                       When(at_.latched), ", ", LatchedWhile(), "."),
          at_.latched);
    } else if (at_.sent) {
      Say(absl::StrCat("That call did ring, at ", When(at_.sent),
                       "; its arrival is not known (", Missing(), ")."),
          at_.sent);
    } else if (RecordNamesHead()) {
      Say(absl::StrCat("That call did ring: CPU ", cpu_,
                       "'s record of its last doorbell names it, at ",
                       ClockText(target_.snapshot->last_doorbell().time()),
                       " (", Missing(), ")."));
    } else if (NeverRang()) {
      Say(absl::StrCat("A doorbell was due for that call, and CPU ",
                       head_.src_cpu(), " has not rung."));
    } else {
      Say(absl::StrCat("Whether that call rang is not known (", Missing(),
                       ")."));
    }
  }

  // Why the doorbell could be sent and yet not be taken.
  void TellOrder() {
    if (!at_.queued || !at_.masked || *at_.masked > *at_.queued) return;
    if (!at_.sender_acked || *at_.sender_acked < *at_.queued) return;
    Say(absl::StrCat("CPU ", cpu_, " had masked and acknowledged ",
                     Event(at_.masked).detail(), " at ", When(at_.masked),
                     ", CPU ", head_.src_cpu(), " only at ",
                     When(at_.sender_acked), ": in between CPU ",
                     head_.src_cpu(), " still took interrupts, and called."),
        at_.masked);
  }

  void TellParked() {
    if (at_.drained) {
      Say(absl::StrCat("CPU ", cpu_, " drained its queue at ",
                       When(at_.drained), ", but this call was not in it."),
          at_.drained);
    }
    if (at_.parked) {
      Say(absl::StrCat("CPU ", cpu_, " went offline at ", When(at_.parked),
                       at_.drained ? "." : " without draining its queue."),
          at_.parked);
    } else if (target_.info.calls_carried() > 0) {
      Say(absl::StrCat("CPU ", cpu_,
                       " has come online with calls left in its queue (",
                       target_.info.calls_carried(),
                       " over all its cycles), so it went offline without "
                       "draining it."));
    }
  }

  void TellFate() {
    const v1::Doorbell& last = target_.snapshot->last_doorbell();
    const bool recorded_cleared =
        RecordNamesHead() && last.fate() == v1::Doorbell::FATE_CLEARED_BY_RESET;
    if (at_.cleared) {
      Say(absl::StrCat("The reset that brought CPU ", cpu_,
                       " up again cleared the pending bit at ",
                       When(at_.cleared),
                       ": the doorbell was lost, the queue stayed."),
          at_.cleared);
    } else if (recorded_cleared) {
      Say(absl::StrCat("The reset that brought CPU ", cpu_,
                       " up again cleared the pending bit: the doorbell was "
                       "lost, the queue stayed (from CPU ",
                       cpu_, "'s record of its last doorbell; ", Missing(),
                       ")."));
    } else if (RecordNamesHead() && last.fate() == v1::Doorbell::FATE_TAKEN) {
      const bool overtaken =
          target_.snapshot->queue_size() > 0 &&
          Micros(last.time()) < Micros(target_.snapshot->queue(0).queue_time());
      Say(absl::StrCat("CPU ", cpu_, " says that it took that doorbell at ",
                       ClockText(last.time()),
                       overtaken ? ", before the call was in its queue: the "
                                   "doorbell has overtaken it."
                                 : ", and yet the call is in its queue."));
    } else if (!NeverRang()) {
      Say(absl::StrCat("What became of that doorbell is not known (", Missing(),
                       ")."));
    }
  }

  const MachineView& view_;
  const CpuView& target_;
  const std::uint32_t cpu_;
  const v1::QueuedCall& head_;
  const Stations at_;
  v1::ExplainReport::Waiter* waiter_;
};

}  // namespace

void AddCause(const std::string& text, const v1::TraceEvent* proof,
              v1::ExplainReport::Waiter* waiter) {
  v1::ExplainReport::Cause& cause = *waiter->add_causes();
  cause.set_text(text);
  if (proof != nullptr) *cause.mutable_event() = *proof;
}

void TellDoorbellStory(const MachineView& view, const CpuView& target,
                       v1::ExplainReport::Waiter* waiter) {
  Teller(view, target, waiter).Tell();
}

}  // namespace belfry::trace
