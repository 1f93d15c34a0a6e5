#include "trace/analysis_text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "trace/report_text.h"

namespace belfry::trace {
namespace {

using Report = v1::AnalysisReport;

// Entries of a list before it is cut.
constexpr int kListed = 10;
constexpr std::size_t kSteps = 5;
constexpr int kBarWidth = 40;

// "412 us", "2.1 ms", "5.20 s": one more digit than elsewhere, since these are
// compared with each other.
std::string TimeText(double seconds) {
  if (seconds < 1e-3) return absl::StrFormat("%.0f us", seconds * 1e6);
  if (seconds < 1) return absl::StrFormat("%.1f ms", seconds * 1e3);
  return absl::StrFormat("%.2f s", seconds);
}

std::string SourceText(bool known, std::uint32_t cpu) {
  return known ? absl::StrCat("cpu ", cpu) : "the coordinator";
}

class Writer {
 public:
  Writer(const Report& report, const AnalysisTextOptions& options)
      : report_(report), options_(options) {}

  std::string Write() {
    Head();
    Pending();
    NotTaken();
    WentDown();
    Queues();
    Latency("From queue to run", "call", report_.queue_to_run());
    Latency("From doorbell to the handler's entry", "doorbell",
            report_.ring_to_entry());
    Hotplug();
    Unknown();
    return std::move(text_);
  }

 private:
  void Line(absl::string_view line) { absl::StrAppend(&text_, line, "\n"); }
  void Title(absl::string_view title) {
    absl::StrAppend(&text_, "\n", title, "\n");
  }
  void Rest(int count) {
    if (count <= kListed) return;
    Line(absl::StrCat("  ... and ", count - kListed, " more: -o json has all"));
  }

  bool Knows(absl::string_view event) const {
    return std::none_of(report_.unknown().begin(), report_.unknown().end(),
                        [&](const std::string& line) {
                          return line.rfind(absl::StrCat("no ", event), 0) == 0;
                        });
  }

  void Head() {
    const bool kernel =
        report_.machine().kind() == v1::TraceMachine::KIND_KERNEL;
    Line(absl::StrFormat(
        "%s, %s: %s from %.6f to %.6f (%s), %s",
        kernel ? "A Linux kernel" : "A Belfry machine",
        CountText(report_.machine().cpus(), "CPU"),
        CountText(report_.events(), "event"), report_.begin_s(),
        report_.end_s(), TimeText(report_.end_s() - report_.begin_s()),
        report_.overwritten() == 0
            ? "none overwritten"
            : absl::StrCat(report_.overwritten(), " overwritten")));
  }

  void Pending() {
    if (!Knows("csd_queue_cpu")) return;
    if (report_.pending().empty()) {
      Title("Every call that was queued has ended.");
      return;
    }
    Title(absl::StrCat(
        "Queued and not seen to run by the end: ",
        CountText(report_.pending_size(), "call"), ", ",
        OlderText(report_.pending(), report_.queue_to_run(), "that ran")));
    for (const Report::FunctionPending& group : report_.pending_by_function()) {
      Line(absl::StrFormat("  cpu %-4u %6u  %-30s the oldest for %s",
                           group.cpu(), group.count(), group.function(),
                           TimeText(group.oldest_age_s())));
    }
    Line("  The oldest first:");
    for (int i = 0; i < std::min(kListed, report_.pending_size()); ++i) {
      Call(report_.pending(i));
    }
    Rest(report_.pending_size());
  }

  // A recording ends in the middle of things: what is younger than the slowest
  // that came to its end may just be on its way.
  template <typename Entries>
  static std::string OlderText(const Entries& entries,
                               const Report::Latency& latency,
                               absl::string_view what) {
    if (latency.count() == 0) return absl::StrCat("and there is none ", what);
    const auto older = std::count_if(
        entries.begin(), entries.end(),
        [&](const auto& entry) { return entry.age_s() > latency.max_s(); });
    return absl::StrCat(older == 0 ? "none" : absl::StrCat(older),
                        " older than the slowest ", what, " (",
                        TimeText(latency.max_s()), ")");
  }

  void Call(const Report::Call& call) {
    Line(absl::StrFormat(
        "  %12.6f  %s on cpu %u, queued by %s%s%s, %s", call.queued_s(),
        call.function(), call.cpu(),
        SourceText(call.has_src_cpu(), call.src_cpu()),
        call.callsite().empty() ? "" : " in ", call.callsite(),
        call.fate().empty() ? absl::StrCat("waits for ", TimeText(call.age_s()))
                            : call.fate()));
    Line(absl::StrCat("                csd ", call.csd(),
                      "; doorbell: ", call.doorbell()));
  }

  void NotTaken() {
    if (!Knows("ipi_send_cpu") || !Knows("call_function_single_entry")) return;
    if (report_.not_taken().empty()) {
      Title("Every doorbell that was sent has been taken.");
      return;
    }
    Title(absl::StrCat("Sent and not taken by the end: ",
                       CountText(report_.not_taken_size(), "doorbell"), ", ",
                       OlderText(report_.not_taken(), report_.ring_to_entry(),
                                 "that was taken")));
    for (int i = 0; i < std::min(kListed, report_.not_taken_size()); ++i) {
      const Report::Doorbell& doorbell = report_.not_taken(i);
      Line(absl::StrFormat(
          "  %12.6f  to cpu %u by %s, %s before the end: %s", doorbell.sent_s(),
          doorbell.cpu(),
          SourceText(doorbell.has_src_cpu(), doorbell.src_cpu()),
          TimeText(doorbell.age_s()), doorbell.message()));
    }
    Rest(report_.not_taken_size());
  }

  void WentDown() {
    if (report_.went_down().empty()) return;
    const auto empty = std::count_if(
        report_.went_down().begin(), report_.went_down().end(),
        [](const Report::WentDown& down) { return down.pending().empty(); });
    Title(absl::StrCat("A CPU went down ",
                       CountText(report_.went_down_size(), "time"), ", ", empty,
                       " of them with an empty queue"));
    for (const Report::WentDown& down : report_.went_down()) {
      if (down.pending().empty()) continue;
      Line(absl::StrFormat("  %12.6f  cpu %u: %s in its queue", down.at_s(),
                           down.cpu(), CountText(down.pending_size(), "call")));
      for (int i = 0; i < std::min(kListed, down.pending_size()); ++i) {
        Call(down.pending(i));
      }
      Rest(down.pending_size());
    }
  }

  void Queues() {
    if (report_.queues().empty()) return;
    Title("Queues");
    Line(
        " CPU  QUEUED     RAN  UNSEEN    LOST PENDING  UNQUEUED    SELF "
        "DOORBELLS   TAKEN   MAX  DEPTH");
    for (const Report::Queue& queue : report_.queues()) {
      Line(absl::StrFormat("%4u %7u %7u %7u %7u %7u %9u %7u %9u %7u %5u  %s",
                           queue.cpu(), queue.queued(), queue.ran(),
                           queue.ended_unseen(), queue.lost(), queue.pending(),
                           queue.unqueued_runs(), queue.self_runs(),
                           queue.doorbells(), queue.doorbells_taken(),
                           queue.max_depth(), Sparkline(queue)));
    }
    Line(
        "  UNSEEN ended without a trace of their run; UNQUEUED ran without a "
        "trace of their queueing; SELF never were in a queue");
    if (report_.reschedules() > 0) {
      Line(absl::StrCat("  besides, ",
                        CountText(report_.reschedules(), "doorbell"),
                        " only to reschedule"));
    }
  }

  // As high as the deepest of its own queue.
  std::string Sparkline(const Report::Queue& queue) const {
    constexpr std::array<absl::string_view, 9> kBlocks = {
        " ",      "\u2581", "\u2582", "\u2583", "\u2584",
        "\u2585", "\u2586", "\u2587", "\u2588"};
    constexpr std::array<absl::string_view, 9> kAscii = {
        " ", ".", ":", "-", "=", "+", "*", "%", "#"};
    std::string line;
    for (const std::uint32_t depth : queue.depth()) {
      const std::uint32_t top = std::max(1u, queue.max_depth());
      const std::size_t level = (depth * 8ull + top - 1) / top;
      absl::StrAppend(&line, options_.ascii ? kAscii[level] : kBlocks[level]);
    }
    return absl::StrCat("|", line, "|");
  }

  void Latency(absl::string_view title, absl::string_view noun,
               const Report::Latency& latency) {
    if (latency.count() == 0) return;
    Title(absl::StrFormat("%s: %s; min %s, p50 %s, p99 %s, max %s", title,
                          CountText(latency.count(), noun),
                          TimeText(latency.min_s()), TimeText(latency.p50_s()),
                          TimeText(latency.p99_s()),
                          TimeText(latency.max_s())));
    std::uint64_t most = 1;
    for (const Report::Latency::Bucket& bucket : latency.buckets()) {
      most = std::max(most, bucket.count());
    }
    for (const Report::Latency::Bucket& bucket : latency.buckets()) {
      const auto width =
          static_cast<int>((bucket.count() * kBarWidth + most - 1) / most);
      std::string bar;
      for (int i = 0; i < width; ++i) {
        absl::StrAppend(&bar, options_.ascii ? "#" : "\u2588");
      }
      Line(absl::StrFormat("  up to %8s %7u  %s", TimeText(bucket.up_to_s()),
                           bucket.count(), bar));
    }
    Line(absl::StrCat("  the slowest: ", latency.slowest()));
    if (latency.backwards() > 0) {
      Line(absl::StrCat(
          "  ", latency.backwards(),
          " more whose end is earlier by the clock: another host's, or the "
          "sender recorded it only after it had arrived"));
    }
  }

  void Hotplug() {
    if (report_.hotplug().empty()) return;
    Title("Hotplug");
    for (const Report::Hotplug& operation : report_.hotplug()) {
      Line(absl::StrFormat(
          "  %12.6f  cpu %-4u %-7s %9s  %s%s%s%s%s", operation.begin_s(),
          operation.cpu(), operation.direction(),
          TimeText(operation.duration_s()), operation.result(),
          operation.error().empty() ? "" : " with ", operation.error(),
          operation.message().empty() ? "" : ": ", operation.message()));
    }
    LongestSteps("offline");
    LongestSteps("online");
  }

  // One step of all operations in one direction.
  struct StepTimes {
    std::string name;
    std::vector<double> seconds;
    double total = 0;
  };

  // Those that took most of the time. Steps that only wait for others, whose
  // time is in theirs, are left out.
  void LongestSteps(absl::string_view direction) {
    std::map<std::pair<std::int64_t, std::string>, StepTimes> by_step;
    for (const Report::Hotplug& operation : report_.hotplug()) {
      if (operation.direction() != direction) continue;
      for (const Report::Step& step : operation.steps()) {
        if (step.contains_others() || !step.finished()) continue;
        StepTimes& times = by_step[{step.step(), step.name()}];
        times.name = absl::StrCat(step.step(), " ", step.name());
        times.seconds.push_back(step.duration_s());
        times.total += step.duration_s();
      }
    }
    std::vector<StepTimes> steps;
    for (auto& [key, times] : by_step) steps.push_back(std::move(times));
    std::stable_sort(steps.begin(), steps.end(),
                     [](const StepTimes& a, const StepTimes& b) {
                       return a.total > b.total;
                     });
    if (steps.size() > kSteps) steps.resize(kSteps);
    if (steps.empty()) return;
    Line(absl::StrFormat("  %-33s TIMES    MEDIAN       MAX",
                         absl::StrCat("Longest steps of ", direction)));
    for (StepTimes& times : steps) {
      std::sort(times.seconds.begin(), times.seconds.end());
      Line(absl::StrFormat("    %-30s %6u %9s %9s", times.name,
                           times.seconds.size(),
                           TimeText(times.seconds[times.seconds.size() / 2]),
                           TimeText(times.seconds.back())));
    }
  }

  void Unknown() {
    if (report_.unknown().empty() && report_.problems().empty()) return;
    Title(
        "What this recording cannot tell (an event that is absent was not "
        "recorded, or did not happen)");
    for (const std::string& line : report_.unknown()) {
      Line(absl::StrCat("  - ", line));
    }
    for (const std::string& line : report_.problems()) {
      Line(absl::StrCat("  - ", line));
    }
  }

  const Report& report_;
  AnalysisTextOptions options_;
  std::string text_;
};

}  // namespace

std::string AnalysisText(const v1::AnalysisReport& report,
                         const AnalysisTextOptions& options) {
  return Writer(report, options).Write();
}

}  // namespace belfry::trace
