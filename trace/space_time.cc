#include "trace/space_time.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "trace/report_text.h"
#include "trace/time_text.h"

namespace belfry::trace {
namespace {

using Events = std::vector<v1::TraceEvent>;
using Text = std::optional<std::string>;

std::string CallText(std::uint32_t src, std::uint64_t seq) {
  return seq == 0 ? absl::StrCat("the operator")
                  : absl::StrCat("CPU ", src, " (its call ", seq, ")");
}

class SpanMaker {
 public:
  explicit SpanMaker(const Events& events)
      : events_(events), machine_(events) {}

  std::vector<Span> Make() {
    for (const auto& [number, cpu] : machine_.cpus()) {
      Follow(number, std::nullopt);
    }
    for (Position position = 0; position < events_.size(); ++position) {
      const v1::TraceEvent& event = events_[position];
      machine_.Apply(position);
      if (event.has_cpu()) {
        FollowWait(position);
        Follow(event.cpu(), position);
      } else {
        FollowCoordinator(position);
      }
      if (event.has_about_cpu()) Follow(event.about_cpu(), position);
    }
    for (auto& [key, span] : open_) spans_.push_back(std::move(span));
    std::stable_sort(spans_.begin(), spans_.end(),
                     [](const Span& a, const Span& b) {
                       return a.begin.value_or(0) < b.begin.value_or(0);
                     });
    return std::move(spans_);
  }

 private:
  // Whose lane, what, and which of those that may be open at once.
  using Key = std::tuple<std::optional<std::uint32_t>, SpanKind,
                         std::pair<std::uint32_t, std::uint64_t>>;

  // From `position` on the span says `text`; without a text there is none.
  void Set(const Key& key, const Text& text, std::optional<Position> position,
           bool alarm = false) {
    const auto open = open_.find(key);
    if (open != open_.end()) {
      if (text && *text == open->second.text) return;
      open->second.end = position;
      spans_.push_back(std::move(open->second));
      open_.erase(open);
    }
    if (!text) return;
    open_[key] = {.kind = std::get<1>(key),
                  .cpu = std::get<0>(key),
                  .begin = position,
                  .text = *text,
                  .alarm = alarm};
  }
  void Set(std::uint32_t cpu, SpanKind kind, bool holds,
           const std::string& text, std::optional<Position> position,
           bool alarm = false) {
    Set({cpu, kind, {}}, holds ? Text(text) : std::nullopt, position, alarm);
  }
  void Alarm(const Key& key) {
    const auto open = open_.find(key);
    if (open != open_.end()) open->second.alarm = true;
  }

  static std::string AwayText(const TracedCpu& cpu) {
    if (cpu.crashed) return "crashed";
    if (cpu.life == "DEAD") return "offline";
    if (cpu.life == "SHOULD_DIE") return "going down";
    return "coming up";
  }

  void Follow(std::uint32_t number, std::optional<Position> position) {
    const TracedCpu& cpu = machine_.cpus().at(number);
    const bool online = cpu.online();
    Set(number, SpanKind::kAway, !online, AwayText(cpu), position, cpu.crashed);
    Set(number, SpanKind::kMasked, online && cpu.masked, "interrupts masked",
        position);
    Set(number, SpanKind::kStopped, !cpu.stop_state.empty(), cpu.stop_state,
        position);
    Set(number, SpanKind::kStep, !cpu.step.empty(),
        cpu.step_cpu == number
            ? cpu.step
            : absl::StrCat(cpu.step, " of CPU ", cpu.step_cpu),
        position);
    Set(number, SpanKind::kRuns, cpu.running.has_value(),
        cpu.running ? events_[cpu.running->position].function() : "", position);
    if (position && events_[*position].name() == "ipi_cleared") {
      Alarm({number, SpanKind::kLatched, {}});
    }
    const v1::Doorbell& bell = cpu.last_doorbell;
    Set(number, SpanKind::kLatched, cpu.latched.has_value(),
        absl::StrCat("doorbell of ", CallText(bell.src_cpu(), bell.seq())),
        position);
    const bool stranded = open_.contains({number, SpanKind::kStranded, {}});
    Set(number, SpanKind::kStranded,
        stranded ? cpu.stays_stranded() : cpu.stranded(),
        "stranded: calls in the queue, and no doorbell is under way", position,
        true);
    Set(number, SpanKind::kLeftBehind, cpu.left_behind(),
        "left behind: offline, with calls in its queue", position, true);
  }

  // At a call's source.
  void FollowWait(Position position) {
    const v1::TraceEvent& event = events_[position];
    if (!event.has_about_cpu() || !event.has_src_cpu()) return;
    const std::string& name = event.name();
    const Key key{
        event.cpu(), SpanKind::kWaits, {event.about_cpu(), event.seq()}};
    if (name == "csd_queue_cpu" && event.detail() == "wait") {
      Set(key,
          absl::StrCat("waits for CPU ", event.about_cpu(), " to run ",
                       event.function()),
          position);
    } else if (name == "csd_lock_stuck") {
      Alarm(key);
    } else if (name == "csd_done" || name == "csd_refused" ||
               name == "csd_lost") {
      Set(key, std::nullopt, position);
    }
  }

  void FollowCoordinator(Position position) {
    const v1::TraceEvent& event = events_[position];
    const Key operation{std::nullopt,
                        SpanKind::kOperation,
                        {0, static_cast<std::uint64_t>(event.value())}};
    const Key round{std::nullopt, SpanKind::kRound, {}};
    if (event.name() == "op_begin") {
      Set(operation,
          event.has_about_cpu()
              ? absl::StrCat(event.detail(), " CPU ", event.about_cpu())
              : event.detail(),
          position);
    } else if (event.name() == "op_end") {
      if (event.value2() != 0) Alarm(operation);
      Set(operation, std::nullopt, position);
    } else if (event.name() == "stop_publish") {
      const bool ended = event.detail() == "NONE";
      Set(round, ended ? std::nullopt : Text(event.detail()), position);
    } else if (event.name() == "stop_abort") {
      Alarm(round);
      Set(round, std::nullopt, position);
    } else if (event.name() == "cpu_crashed") {
      DropWaits(event.about_cpu(), position);
    }
  }

  // Those of a process that has died.
  void DropWaits(std::uint32_t cpu, Position position) {
    std::vector<Key> waits;
    for (const auto& [key, span] : open_) {
      if (span.cpu == cpu && span.kind == SpanKind::kWaits)
        waits.push_back(key);
    }
    for (const Key& key : waits) Set(key, std::nullopt, position);
  }

  const Events& events_;
  TracedMachine machine_;
  std::map<Key, Span> open_;
  std::vector<Span> spans_;
};

class CrossingMaker {
 public:
  explicit CrossingMaker(const Events& events) : events_(events) {}

  std::vector<Crossing> Make() {
    for (Position position = 0; position < events_.size(); ++position) {
      const v1::TraceEvent& event = events_[position];
      if (event.has_cpu()) {
        Follow(position);
      } else if (event.name() == "cpu_crashed") {
        Decide(event.about_cpu(), Fate::kLost, position);
        std::erase_if(calls_, [&](const auto& one) {
          return one.first.first == event.about_cpu() ||
                 one.first.second.first == event.about_cpu();
        });
      }
    }
    std::vector<Crossing> kept;
    for (std::size_t i = 0; i < crossings_.size(); ++i) {
      Crossing& crossing = crossings_[i];
      if (withdrawn_.contains(i)) continue;
      crossing.backwards =
          crossing.to && IsEarlier(*crossing.to, crossing.from);
      kept.push_back(crossing);
    }
    return kept;
  }

 private:
  using Key = std::pair<std::uint32_t, TracedKey>;
  struct Call {
    // Where it is in `crossings_`.
    std::size_t call = 0;
    std::optional<std::size_t> ring;
  };

  // By the clocks.
  bool IsEarlier(Position a, Position b) const {
    return Micros(events_[a].time()) < Micros(events_[b].time());
  }

  void Follow(Position position) {
    const v1::TraceEvent& event = events_[position];
    const std::string& name = event.name();
    if (name == "csd_queue_cpu") {
      if (event.cpu() != event.about_cpu()) Issue(position);
    } else if (name == "ipi_send_cpu" || name == "csd_lock_resend") {
      Ring(position);
    } else if (name == "csd_refused") {
      const auto call = Find(event.about_cpu(), event);
      if (call != calls_.end() && !crossings_[call->second.call].to) {
        crossings_[call->second.call].fate = Fate::kRefused;
      }
    } else if (name == "csd_enqueued") {
      const auto call = Find(event.cpu(), event);
      if (call == calls_.end()) return;
      crossings_[call->second.call].to = position;
      crossings_[call->second.call].fate = Fate::kQueued;
    } else if (name == "ipi_latched" || name == "ipi_coalesced") {
      Arrive(position);
    } else if (name == "call_function_single_entry") {
      Decide(event.cpu(), Fate::kTaken, position);
    } else if (name == "ipi_cleared") {
      Decide(event.cpu(), Fate::kLost, position);
    }
  }

  std::map<Key, Call>::iterator Find(std::uint32_t target,
                                     const v1::TraceEvent& event) {
    return calls_.find({target, {event.src_cpu(), event.seq()}});
  }

  void Issue(Position position) {
    const v1::TraceEvent& event = events_[position];
    calls_[{event.about_cpu(), {event.src_cpu(), event.seq()}}] = {
        .call = crossings_.size()};
    crossings_.push_back({.from = position,
                          .target = event.about_cpu(),
                          .fate = Fate::kOnTheWire});
  }

  // The sender's word that its doorbell is on the wire. One that has arrived
  // travelled with the call: its arrow is drawn.
  void Ring(Position position) {
    const v1::TraceEvent& event = events_[position];
    const auto call = Find(event.about_cpu(), event);
    if (call == calls_.end()) return;
    const bool again = event.name() == "csd_lock_resend";
    if (call->second.ring && !again) return;
    call->second.ring = crossings_.size();
    crossings_.push_back({.from = position,
                          .target = event.about_cpu(),
                          .rings = true,
                          .fate = Fate::kOnTheWire});
  }

  void Arrive(Position position) {
    const v1::TraceEvent& event = events_[position];
    const auto call = Find(event.cpu(), event);
    if (call == calls_.end()) return;
    // Not sent on its own, so in the frame of its call. There the sender's word
    // of it has no order with its arrival, and is no departure if it is later.
    std::optional<std::size_t>& ring = call->second.ring;
    if (ring && events_[crossings_[*ring].from].name() == "ipi_send_cpu" &&
        IsEarlier(position, crossings_[*ring].from)) {
      withdrawn_.insert(*ring);
      ring.reset();
    }
    if (!ring) ring = call->second.call;
    Crossing& crossing = crossings_[*call->second.ring];
    crossing.rings = true;
    crossing.to = position;
    const bool coalesced = event.name() == "ipi_coalesced";
    crossing.fate = coalesced ? Fate::kCoalesced : Fate::kPending;
    if (!coalesced) latched_[event.cpu()] = *call->second.ring;
  }

  void Decide(std::uint32_t cpu, Fate fate, Position position) {
    const auto latched = latched_.find(cpu);
    if (latched == latched_.end()) return;
    crossings_[latched->second].fate = fate;
    crossings_[latched->second].decided = position;
    latched_.erase(latched);
  }

  const Events& events_;
  std::vector<Crossing> crossings_;
  // Of those, they were none.
  std::set<std::size_t> withdrawn_;
  std::map<Key, Call> calls_;
  // By CPU: the crossing whose doorbell is its pending bit.
  std::map<std::uint32_t, std::size_t> latched_;
};

std::vector<Depth> MakeDepths(const Events& events) {
  TracedMachine machine(events);
  std::map<std::uint32_t, std::int64_t> last;
  std::vector<Depth> depths;
  for (Position position = 0; position < events.size(); ++position) {
    machine.Apply(position);
    const v1::TraceEvent& event = events[position];
    const std::uint32_t cpu = event.has_cpu() ? event.cpu() : event.about_cpu();
    if (!event.has_cpu() && !event.has_about_cpu()) continue;
    const std::int64_t calls = machine.cpus().at(cpu).depth;
    if (calls == last[cpu]) continue;
    last[cpu] = calls;
    depths.push_back({.cpu = cpu, .position = position, .calls = calls});
  }
  return depths;
}

std::int64_t LastDepth(const SpaceTime& picture, std::uint32_t cpu) {
  std::int64_t calls = 0;
  for (const Depth& depth : picture.depths) {
    if (depth.cpu == cpu) calls = depth.calls;
  }
  return calls;
}

// Where the target stood when the doorbell arrived.
std::string StoodText(const SpaceTime& picture, const Crossing& crossing) {
  std::string text;
  for (const Span& span : picture.spans) {
    if (span.cpu != crossing.target || span.begin.value_or(0) > *crossing.to)
      continue;
    if (span.end && *span.end < *crossing.to) continue;
    if (span.kind == SpanKind::kAway) text = ", which was " + span.text;
    if (span.kind == SpanKind::kMasked && text.empty()) {
      text = ", which had its interrupts masked";
    }
  }
  return text;
}

}  // namespace

SpaceTime MakeSpaceTime(const std::vector<v1::TraceEvent>& events) {
  SpaceTime picture;
  const TracedMachine machine(events);
  for (const auto& [number, cpu] : machine.cpus()) {
    picture.cpus.push_back(number);
  }
  picture.spans = SpanMaker(events).Make();
  picture.crossings = CrossingMaker(events).Make();
  picture.depths = MakeDepths(events);
  return picture;
}

std::vector<std::string> Headlines(const std::vector<v1::TraceEvent>& events,
                                   const SpaceTime& picture) {
  std::vector<std::string> lines;
  for (const Crossing& crossing : picture.crossings) {
    if (crossing.fate != Fate::kLost) continue;
    const bool reset = events[*crossing.decided].name() == "ipi_cleared";
    lines.push_back(absl::StrCat(
        "CPU ", events[crossing.from].cpu(), " rang CPU ", crossing.target,
        StoodText(picture, crossing), ". ",
        reset ? absl::StrCat("The reset that brought CPU ", crossing.target,
                             " up again threw the doorbell away.")
              : "Its process died before it took the doorbell."));
  }
  for (const Span& span : picture.spans) {
    if (!span.alarm || span.end) continue;
    if (span.kind == SpanKind::kStranded) {
      const std::int64_t calls = LastDepth(picture, *span.cpu);
      lines.push_back(absl::StrCat(
          CountText(calls, "call"), calls == 1 ? " is" : " are",
          " stranded on CPU ", *span.cpu,
          ": it is online, but nobody rings it any more, because a sender "
          "rings only when it finds the queue empty."));
    } else if (span.kind == SpanKind::kLeftBehind) {
      const std::int64_t calls = LastDepth(picture, *span.cpu);
      lines.push_back(absl::StrCat("CPU ", *span.cpu, " is offline with ",
                                   CountText(calls, "call"), " in its queue."));
    } else if (span.kind == SpanKind::kWaits) {
      lines.push_back(absl::StrCat("CPU ", *span.cpu, " ", span.text,
                                   ", and gets no answer."));
    }
  }
  return lines;
}

}  // namespace belfry::trace
