#include "trace/picture_rows.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "trace/history.h"
#include "trace/picture_words.h"
#include "trace/report_text.h"
#include "trace/time_text.h"

namespace belfry::trace {
namespace {

using Events = std::vector<v1::TraceEvent>;

// What became of one call's doorbell, gathered from events of both sides.
struct PictureCall {
  std::optional<std::size_t> enqueued;
  std::optional<std::size_t> latched;
  // The interrupt that followed on its doorbell with nothing in between.
  std::optional<std::size_t> taken;
  bool rang = false;
  // Nothing that has a row of its own lies between queueing and latching.
  bool prompt = false;
};

// Source, target, number.
using CallKey = std::tuple<std::uint32_t, std::uint32_t, std::uint64_t>;

bool IsSeenLife(const std::string& life) {
  return life == "DEAD" || life == "KICKED" || life == "ONLINE" ||
         life == "SHOULD_DIE";
}

// Whether the event has a row of its own, whatever surrounds it.
bool HasRow(const v1::TraceEvent& event) {
  if (event.name() == "cpu_life") return IsSeenLife(event.detail());
  return event.name() == "csd_queue_cpu" || HasWords(event);
}

std::string CpusText(const std::vector<Mark>& marks) {
  std::vector<std::uint32_t> cpus;
  for (const Mark& mark : marks) {
    if (mark.cpu) cpus.push_back(*mark.cpu);
  }
  std::sort(cpus.begin(), cpus.end());
  return absl::StrCat(cpus.size() == 1 ? "CPU " : "CPUs ",
                      absl::StrJoin(cpus, ", "));
}

// A row that may still take in its successors.
struct Draft {
  Row row;
  // Equal keys in a row are one: by joining their CPUs, or as a run.
  std::string join_key;
  std::string run_key;
  // Joined: what one CPU does, what several do.
  std::string one, many;
  // Run: what the rest of it is called.
  std::string rest;
};

class RowMaker {
 public:
  RowMaker(const Events& events, std::uint32_t cpus)
      : events_(events), lanes_(cpus), depth_(cpus) {
    FindFirstStates();
    FindCalls();
  }

  std::vector<Row> Make() {
    for (std::size_t i = 0; i < events_.size(); ++i) {
      Follow(events_[i]);
      Draw(i);
    }
    return Collapse();
  }

 private:
  bool Knows(std::uint32_t cpu) const { return cpu < lanes_.size(); }

  // What a CPU was before the first event that changes it.
  void FindFirstStates() {
    std::set<std::uint32_t> has_life, has_mask;
    for (const v1::TraceEvent& event : events_) {
      if (!event.has_cpu() || !Knows(event.cpu())) continue;
      Lane& lane = lanes_[event.cpu()];
      if (event.name() == "cpu_life" && has_life.insert(event.cpu()).second) {
        lane.parked = event.detail() == "KICKED";
      }
      if (has_mask.insert(event.cpu()).second) {
        // Written after the change, so the event that masks says "masked".
        lane.masked =
            event.name() == "local_irq_enable" ||
            (event.irqs_masked() && event.name() != "local_irq_disable");
      }
    }
  }

  void FindCalls() {
    std::map<CallKey, std::size_t> latest;
    for (std::size_t i = 0; i < events_.size(); ++i) {
      const v1::TraceEvent& event = events_[i];
      if (!event.has_src_cpu() || !event.has_cpu()) continue;
      const std::uint32_t target =
          event.has_about_cpu() ? event.about_cpu() : event.cpu();
      const CallKey key{event.src_cpu(), target, event.seq()};
      if (event.name() == "csd_queue_cpu") {
        latest[key] = i;
        calls_[i];
        continue;
      }
      const auto found = latest.find(key);
      if (found == latest.end()) continue;
      PictureCall& call = calls_[found->second];
      if (event.name() == "csd_enqueued") call.enqueued = i;
      if (event.name() == "ipi_send_cpu") call.rang = true;
      if (event.name() == "ipi_latched" || event.name() == "ipi_coalesced" ||
          event.name() == "sched_wake_idle_without_ipi") {
        call.rang = true;
        call.latched = i;
        arrivals_[i] = found->second;
      }
    }
    for (auto& [queued, call] : calls_) {
      if (!call.latched) continue;
      call.prompt = NothingBetween(queued, *call.latched);
      if (call.prompt) call.taken = TakenAfter(*call.latched);
      if (call.taken) merged_.insert(*call.taken);
    }
  }

  bool NothingBetween(std::size_t begin, std::size_t end) const {
    for (std::size_t i = begin + 1; i < end; ++i) {
      if (HasRow(events_[i])) return false;
    }
    return true;
  }

  std::optional<std::size_t> TakenAfter(std::size_t latched) const {
    for (std::size_t i = latched + 1; i < events_.size(); ++i) {
      if (!HasRow(events_[i])) continue;
      const bool taken = (events_[i].name() == "call_function_single_entry" ||
                          events_[i].detail() == "idle") &&
                         events_[i].cpu() == events_[latched].cpu();
      return taken ? std::optional(i) : std::nullopt;
    }
    return std::nullopt;
  }

  // Keeps lanes and depths as they are after the event.
  void Follow(const v1::TraceEvent& event) {
    if (!event.has_cpu() || !Knows(event.cpu())) return;
    Lane& lane = lanes_[event.cpu()];
    std::int64_t& depth = depth_[event.cpu()];
    const std::string& name = event.name();
    if (name == "local_irq_disable") lane.masked = true;
    if (name == "local_irq_enable") lane.masked = false;
    if (name == "cpu_life") {
      lane.parked = event.detail() == "DEAD";
      // From the reset until it unmasks, whatever was before the first event.
      if (event.detail() == "KICKED") lane.masked = true;
    }
    if (name == "csd_enqueued") depth = event.value();
    if (name == "call_function_single_entry" || name == "csd_flush_entry") {
      depth = 0;
    }
    if (LeavesQueueUnrun(event) && depth > 0) --depth;
    if (name == "softirq_raise") softirqs_.insert(event.cpu());
    if (name == "softirq_entry") softirqs_.erase(event.cpu());
    if (name == "cpuhp_enter") step_[event.cpu()] = event.detail();
    if (name == "cpuhp_exit") step_.erase(event.cpu());
  }

  Draft& Add(const v1::TraceEvent& event, const std::string& text) {
    Draft draft;
    draft.row.us = Micros(event.time());
    draft.row.lanes = lanes_;
    draft.row.text = text;
    Mark mark;
    if (event.has_cpu()) mark.cpu = event.cpu();
    draft.row.marks.push_back(mark);
    drafts_.push_back(std::move(draft));
    return drafts_.back();
  }

  void AddJoined(const v1::TraceEvent& event, const std::string& one,
                 const std::string& many) {
    const std::string key = absl::StrCat(event.name(), one);
    if (!drafts_.empty() && drafts_.back().join_key == key) {
      Draft& last = drafts_.back();
      last.row.marks.push_back({.cpu = event.cpu()});
      last.row.lanes = lanes_;
      last.row.text = absl::StrCat(CpusText(last.row.marks), " ", last.many);
      return;
    }
    Draft& draft = Add(event, "");
    draft.join_key = key;
    draft.one = one;
    draft.many = many;
    draft.row.text = absl::StrCat(CpusText(draft.row.marks), " ", one);
  }

  void Draw(std::size_t i) {
    const v1::TraceEvent& event = events_[i];
    if (merged_.contains(i)) return;
    if (event.name() == "csd_queue_cpu") {
      DrawCall(i);
    } else if (event.name() == "csd_flush_exit") {
      DrawFlushExit(i);
    } else if (arrivals_.contains(i)) {
      DrawArrival(i);
    } else if (event.name() == "cpu_life") {
      DrawLife(event);
    } else if (HasWords(event)) {
      DrawWords(event);
    }
  }

  void DrawWords(const v1::TraceEvent& event) {
    Words words = WordsOf(event);
    if (!words.many.empty()) {
      AddJoined(event, words.text, words.many);
      return;
    }
    Row& row = Add(event, words.text).row;
    row.alarm = words.alarm;
    if (!words.marks.empty()) row.marks = std::move(words.marks);
    if (words.takes_queue) row.depth = {event.cpu(), 0};
    if (words.rings) {
      row.arrow =
          Arrow{.from = event.cpu(), .to = event.about_cpu(), .rings = true};
    }
  }

  // An idle CPU that goes on polling although a softirq is raised.
  void DrawFlushExit(std::size_t i) {
    const v1::TraceEvent& event = events_[i];
    if (event.detail() != "idle" || !softirqs_.contains(event.cpu())) return;
    for (std::size_t next = i + 1; next < events_.size(); ++next) {
      if (!events_[next].has_cpu() || events_[next].cpu() != event.cpu()) {
        continue;
      }
      if (events_[next].name() == "softirq_entry") return;
      break;
    }
    Add(event, absl::StrCat(Actor(event),
                            " goes back to sleep, with BLOCK_SOFTIRQ raised "
                            "and not run"))
        .row.alarm = true;
  }

  void DrawCall(std::size_t i) {
    const v1::TraceEvent& event = events_[i];
    const PictureCall& call = calls_.at(i);
    const bool waits = event.detail() == "wait";
    std::string text = absl::StrCat(Actor(event), " queues ", event.function(),
                                    " for ", Target(event));
    if (waits) {
      const auto step = step_.find(event.cpu());
      absl::StrAppend(&text, " and waits");
      if (step != step_.end()) absl::StrAppend(&text, ", in ", step->second);
    }
    const bool self = event.cpu() == event.about_cpu();
    if (!self) absl::StrAppend(&text, RingText(call));
    Draft& draft = Add(event, text);
    if (self) return;
    draft.row.arrow =
        Arrow{.from = event.cpu(),
              .to = event.about_cpu(),
              .rings = call.rang && (call.prompt || !call.latched)};
    if (call.enqueued) {
      const std::int64_t length = events_[*call.enqueued].value();
      draft.row.depth = {event.about_cpu(), call.taken ? 0 : length};
    }
    draft.run_key = absl::StrCat(text, call.rang ? " rings" : "");
    draft.rest = absl::StrCat(" more csd_queue_cpu, ",
                              call.taken  ? "each rings and is taken"
                              : call.rang ? "each rings"
                                          : "none rings");
  }

  // How the call's doorbell fared, as far as this row goes.
  std::string RingText(const PictureCall& call) const {
    if (!call.rang) {
      if (!call.enqueued) return "";
      return events_[*call.enqueued].value2() == 1
                 ? ": a doorbell is due, and does not come"
                 : ": does not ring, the queue was not empty";
    }
    if (!call.latched) return " and rings";
    if (!call.prompt) return " and rings: the doorbell is on the wire";
    const v1::TraceEvent& latched = events_[*call.latched];
    if (latched.name() == "sched_wake_idle_without_ipi") {
      return absl::StrCat(
          " and flags it, no interrupt",
          call.taken
              ? absl::StrCat(": its idle loop takes ",
                             CountText(events_[*call.taken].value(), "call"))
              : std::string());
    }
    if (call.taken) {
      const std::int64_t taken = events_[*call.taken].value();
      return absl::StrCat(" and rings: taken, ", CountText(taken, "call"));
    }
    if (latched.name() == "ipi_coalesced") {
      return " and rings: one doorbell was latched already";
    }
    return latched.irqs_masked()
               ? absl::StrCat(" and rings: latched, not taken, CPU ",
                              latched.cpu(), " is masked")
               : std::string(" and rings: latched");
  }

  void DrawArrival(std::size_t i) {
    const PictureCall& call = calls_.at(arrivals_.at(i));
    if (call.prompt) return;
    const v1::TraceEvent& event = events_[i];
    const bool parked = Knows(event.cpu()) && lanes_[event.cpu()].parked;
    Draft& draft =
        Add(event,
            absl::StrCat("the doorbell of CPU ", event.src_cpu(), " arrives",
                         parked ? ", too late: latched, CPU " : "",
                         parked ? absl::StrCat(event.cpu(), " is parked")
                         : event.irqs_masked() ? ": latched, not taken, masked"
                         : event.name() == "sched_wake_idle_without_ipi"
                             ? ": flags it, no interrupt"
                             : ""));
    draft.row.alarm = parked;
    draft.row.arrow =
        Arrow{.from = event.src_cpu(), .to = event.cpu(), .rings = true};
  }

  void DrawLife(const v1::TraceEvent& event) {
    if (!IsSeenLife(event.detail())) return;
    const std::int64_t depth = Knows(event.cpu()) ? depth_[event.cpu()] : 0;
    const std::string queue =
        depth > 0
            ? absl::StrCat(" with ", CountText(depth, "call"), " in its queue")
            : "";
    if (event.detail() == "SHOULD_DIE") {
      Add(event, absl::StrCat(Actor(event), " clears its online bit"));
    } else if (event.detail() == "DEAD") {
      Add(event, absl::StrCat(Actor(event), " is offline, parked", queue))
          .row.alarm = depth > 0;
    } else if (event.detail() == "KICKED") {
      Add(event, absl::StrCat(Actor(event), " is reset, to come up again"));
    } else {
      Add(event, absl::StrCat(Actor(event), " is online", queue));
    }
  }

  // Three or more equal calls in a row: the first, and how many more.
  std::vector<Row> Collapse() {
    std::vector<Row> rows;
    for (std::size_t i = 0; i < drafts_.size();) {
      std::size_t end = i + 1;
      while (!drafts_[i].run_key.empty() && end < drafts_.size() &&
             drafts_[end].run_key == drafts_[i].run_key) {
        ++end;
      }
      if (end - i < 3) {
        for (; i < end; ++i) rows.push_back(std::move(drafts_[i].row));
        continue;
      }
      rows.push_back(std::move(drafts_[i].row));
      Row rest = std::move(drafts_[end - 1].row);
      rest.text = absl::StrCat("\u2026 ", end - i - 1, drafts_[i].rest);
      rows.push_back(std::move(rest));
      i = end;
    }
    return rows;
  }

  const Events& events_;
  std::vector<Lane> lanes_;
  std::vector<std::int64_t> depth_;
  // CPUs whose softirq is raised.
  std::set<std::uint32_t> softirqs_;
  // The hotplug step that a CPU walks.
  std::map<std::uint32_t, std::string> step_;
  // By the place of csd_queue_cpu.
  std::map<std::size_t, PictureCall> calls_;
  // From the place of a doorbell's arrival to its call's.
  std::map<std::size_t, std::size_t> arrivals_;
  // Interrupts that are told in the row of the call that rang for them.
  std::set<std::size_t> merged_;
  std::vector<Draft> drafts_;
};

}  // namespace

std::vector<Row> MakeRows(const std::vector<v1::TraceEvent>& events,
                          std::uint32_t cpus) {
  return RowMaker(events, cpus).Make();
}

}  // namespace belfry::trace
