#include "trace/perfetto.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "trace/ftrace_text.h"
#include "trace/history.h"
#include "trace/hotplug_history.h"
#include "trace/trace_clock.h"

namespace belfry::trace {
namespace {

// The tracks of a CPU, below each other. On one track slices only nest.
enum Track { kRuns, kMasked, kStopped, kLife, kHotplug, kTracks };
constexpr absl::string_view kTrackNames[] = {"", " masked", " stop_machine",
                                             " life", " hotplug"};

std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      absl::StrAppend(&quoted, "\\", std::string(1, c));
    } else if (byte < 0x20 || byte >= 0x7f) {
      absl::StrAppendFormat(&quoted, "\\u%04x", byte);
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + "\"";
}

class PerfettoWriter {
 public:
  explicit PerfettoWriter(const v1::TraceReport& trace)
      : trace_(trace), clock_(trace), history_(FollowTrace(trace)) {}

  std::string Write() {
    for (EventIndex at = 0; at < Size(); ++at) Step(at);
    for (const auto& [track, open] : open_) {
      for (const auto& [at, name] : open) Slice(track, name, at, clock_.end());
    }
    for (const HotplugOperation& operation : FollowHotplug(trace_)) {
      Hotplug(operation);
    }
    Doorbells();
    Depths();
    std::string names = Meta(0, "process_name", "machine");
    for (const int track : used_) absl::StrAppend(&names, TrackMeta(track));
    return absl::StrCat(
        "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", names, text_,
        "{\"ph\":\"M\",\"pid\":1,\"name\":\"trace\",\"args\":{}}]}\n");
  }

 private:
  EventIndex Size() const {
    return static_cast<EventIndex>(trace_.events_size());
  }
  const v1::TraceEvent& Event(EventIndex at) const {
    return trace_.events(static_cast<int>(at));
  }
  double At(EventIndex at) const { return clock_.At(Event(at)); }

  // The coordinator's number is 0.
  static int TrackOf(const v1::TraceEvent& event, Track track) {
    const int rank = event.has_cpu() ? static_cast<int>(event.cpu()) + 1 : 0;
    return rank * kTracks + track;
  }

  static std::string Meta(int track, absl::string_view what,
                          absl::string_view name) {
    return absl::StrFormat(
        "{\"ph\":\"M\",\"pid\":1,\"tid\":%d,\"name\":\"%s\","
        "\"args\":{\"name\":%s}},\n",
        track, what, Quoted(name));
  }

  static std::string TrackMeta(int track) {
    const int rank = track / kTracks;
    const std::string name =
        absl::StrCat(rank == 0 ? "coordinator" : absl::StrCat("cpu ", rank - 1),
                     kTrackNames[track % kTracks]);
    return absl::StrCat(Meta(track, "thread_name", name),
                        absl::StrFormat("{\"ph\":\"M\",\"pid\":1,\"tid\":%d,"
                                        "\"name\":\"thread_sort_index\","
                                        "\"args\":{\"sort_index\":%d}},\n",
                                        track, track));
  }

  // One event; `rest` are its further members.
  void Add(absl::string_view phase, int track, absl::string_view name,
           double at, absl::string_view rest) {
    if (std::find(used_.begin(), used_.end(), track) == used_.end()) {
      used_.insert(std::upper_bound(used_.begin(), used_.end(), track), track);
    }
    absl::StrAppendFormat(
        &text_,
        "{\"ph\":\"%s\",\"pid\":1,\"tid\":%d,\"ts\":%.3f,\"name\":%s%s},\n",
        phase, track, at * 1e6, Quoted(name), rest);
  }

  std::string Args(EventIndex at) const {
    return absl::StrCat(
        ",\"args\":{\"fields\":", Quoted(FtraceFieldText(Event(at))), "}");
  }

  void Slice(int track, absl::string_view name, EventIndex begin, double end) {
    const double us = std::max(0.0, end - At(begin)) * 1e6;
    Add("X", track, name, At(begin),
        absl::StrCat(absl::StrFormat(",\"dur\":%.3f", us), Args(begin)));
  }

  void Open(int track, absl::string_view name, EventIndex at) {
    open_[track].emplace_back(at, std::string(name));
  }

  // The innermost slice of the track; an end without a beginning is no slice.
  void Close(int track, EventIndex at) {
    auto& open = open_[track];
    if (open.empty()) return;
    Slice(track, open.back().second, open.back().first, At(at));
    open.pop_back();
  }

  void Step(EventIndex at) {
    const v1::TraceEvent& event = Event(at);
    const std::string& name = event.name();
    const int runs = TrackOf(event, kRuns);
    if (EntersHandler(event) || name == "csd_flush_entry") {
      Open(runs, name, at);
    } else if (name == "csd_function_entry") {
      Open(runs, event.function(), at);
    } else if (LeavesHandler(event) || name == "csd_flush_exit" ||
               name == "csd_function_exit") {
      Close(runs, at);
    } else if (name == "local_irq_disable") {
      Open(TrackOf(event, kMasked), "masked", at);
    } else if (name == "local_irq_enable") {
      Close(TrackOf(event, kMasked), at);
    } else if (name == "stop_state" || name == "multi_cpu_stop") {
      Close(TrackOf(event, kStopped), at);
      Open(TrackOf(event, kStopped), event.detail(), at);
    } else if (((name == "stop_ack" || name == "multi_cpu_stop_ack") &&
                event.detail() == "EXIT") ||
               name == "stop_abort" || name == "multi_cpu_stop_abort") {
      Close(TrackOf(event, kStopped), at);
    } else if (name == "cpu_life") {
      Close(TrackOf(event, kLife), at);
      Open(TrackOf(event, kLife), event.detail(), at);
    } else if (name.rfind("cpuhp_", 0) != 0) {
      Add("i", runs, name, At(at), absl::StrCat(",\"s\":\"t\"", Args(at)));
    }
  }

  void Hotplug(const HotplugOperation& operation) {
    const int track =
        (static_cast<int>(operation.cpu) + 1) * kTracks + kHotplug;
    for (const HotplugStep& step : operation.steps) {
      Slice(track, absl::StrCat(step.step, " ", step.name), step.enter,
            step.exit ? At(*step.exit) : clock_.end());
    }
  }

  // An arrow needs a slice at both its ends: one of a nanosecond where it was
  // sent.
  void Doorbells() {
    int id = 0;
    for (const DoorbellHistory& doorbell : history_.doorbells) {
      const int from = TrackOf(Event(doorbell.sent), kRuns);
      if (!doorbell.taken) {
        Add("i", from, "doorbell not taken", At(doorbell.sent), ",\"s\":\"p\"");
        continue;
      }
      const std::string flow =
          absl::StrCat(",\"cat\":\"doorbell\",\"id\":", ++id);
      Slice(from, "doorbell", doorbell.sent, At(doorbell.sent) + 1e-9);
      Add("s", from, "doorbell", At(doorbell.sent), flow);
      Add("f", TrackOf(Event(*doorbell.taken), kRuns), "doorbell",
          At(*doorbell.taken), flow + ",\"bp\":\"e\"");
    }
  }

  void Depths() {
    std::map<std::uint32_t, std::vector<std::pair<EventIndex, int>>> changes;
    for (const CallHistory& call : history_.calls) {
      changes[call.target].emplace_back(call.queued, 1);
      if (call.ended) changes[call.target].emplace_back(*call.ended, -1);
    }
    for (auto& [cpu, list] : changes) {
      std::sort(list.begin(), list.end());
      int depth = 0;
      for (const auto& [at, change] : list) {
        depth += change;
        Add("C", 0, absl::StrCat("queue depth, cpu ", cpu), At(at),
            absl::StrCat(",\"args\":{\"calls\":", depth, "}"));
      }
    }
  }

  const v1::TraceReport& trace_;
  TraceClock clock_;
  History history_;
  // By track: what has begun and not ended, the innermost last.
  std::map<int, std::vector<std::pair<EventIndex, std::string>>> open_;
  // Tracks that have something on them.
  std::vector<int> used_;
  std::string text_;
};

}  // namespace

std::string PerfettoJson(const v1::TraceReport& trace) {
  return PerfettoWriter(trace).Write();
}

}  // namespace belfry::trace
