#include "trace/html_report.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "trace/invariants.h"
#include "trace/report_page.h"
#include "trace/space_time.h"
#include "trace/time_text.h"
#include "trace/trace_judge.h"

namespace belfry::trace {
namespace {

using Events = std::vector<v1::TraceEvent>;

// The page's own names of what it draws.
absl::string_view NameOf(SpanKind kind) {
  switch (kind) {
    case SpanKind::kOperation:
      return "operation";
    case SpanKind::kRound:
      return "round";
    case SpanKind::kAway:
      return "away";
    case SpanKind::kMasked:
      return "masked";
    case SpanKind::kStopped:
      return "stopped";
    case SpanKind::kStep:
      return "step";
    case SpanKind::kRuns:
      return "runs";
    case SpanKind::kWaits:
      return "waits";
    case SpanKind::kLatched:
      return "latched";
    case SpanKind::kStranded:
      return "stranded";
    case SpanKind::kLeftBehind:
      return "left_behind";
  }
  return "";
}

absl::string_view NameOf(Fate fate) {
  switch (fate) {
    case Fate::kQueued:
      return "queued";
    case Fate::kRefused:
      return "refused";
    case Fate::kTaken:
      return "taken";
    case Fate::kCoalesced:
      return "coalesced";
    case Fate::kPending:
      return "pending";
    case Fate::kLost:
      return "lost";
    case Fate::kOnTheWire:
      return "on_the_wire";
  }
  return "";
}

// Inside a <script> only "</script" and "<!--" would end the data; no angle
// bracket and no ampersand is left as it is.
std::string Quoted(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '<' || c == '>' ||
               c == '&' || c == 0x7f) {
      absl::StrAppendFormat(&out, "\\u%04x", c);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

// Of numbers, or of JSON that is written already.
template <typename Item, typename Write>
std::string List(const Item& items, Write write) {
  std::string out = "[";
  for (const auto& item : items) {
    absl::StrAppend(&out, out.size() == 1 ? "" : ",", write(item));
  }
  out.push_back(']');
  return out;
}

std::int64_t OrNone(std::optional<std::size_t> position) {
  return position ? static_cast<std::int64_t>(*position) : -1;
}

class DataWriter {
 public:
  DataWriter(const v1::TraceReport& trace, const v1::ExplainReport& explanation,
             absl::string_view title)
      : trace_(trace),
        explanation_(explanation),
        title_(title),
        events_(trace.events().begin(), trace.events().end()),
        picture_(MakeSpaceTime(events_)),
        judgement_(JudgeTrace(events_, trace.overwritten() == 0)) {
    for (Position position = 0; position < events_.size(); ++position) {
      const v1::TraceEvent& event = events_[position];
      positions_[IdentityOf(event)] = position;
      const std::int64_t us = Micros(event.time());
      start_us_ = position == 0 ? us : std::min(start_us_, us);
    }
  }

  std::string Write() {
    const auto quoted = [](const std::string& text) { return Quoted(text); };
    std::string out = absl::StrCat(
        "{\"title\":", Quoted(title_), ",\"start\":", start_us_,
        ",\"overwritten\":", trace_.overwritten(),
        ",\"problems\":", List(trace_.problems(), quoted), ",\"cpus\":",
        List(picture_.cpus, [](std::uint32_t cpu) { return cpu; }));
    absl::StrAppend(
        &out, ",\"events\":", EventsJson(), ",\"spans\":", SpansJson(),
        ",\"crossings\":", CrossingsJson(), ",\"depths\":", DepthsJson());
    absl::StrAppend(&out, ",\"violations\":", ViolationsJson(),
                    ",\"not_judged\":", NotJudgedJson(), ",\"headlines\":",
                    List(Headlines(events_, picture_), quoted),
                    ",\"waiters\":", WaitersJson(),
                    ",\"message\":", Quoted(explanation_.message()));
    // Last: whatever is above may add to it.
    absl::StrAppend(&out, ",\"strings\":", List(strings_, quoted), "}");
    return out;
  }

 private:
  using Identity =
      std::tuple<std::uint64_t, std::int64_t, std::string, std::uint64_t>;

  static Identity IdentityOf(const v1::TraceEvent& event) {
    return {event.lamport(), CpuOf(event), event.name(), event.seq()};
  }

  static std::int64_t CpuOf(const v1::TraceEvent& event) {
    return event.has_cpu() ? event.cpu() : -1;
  }

  // Strings repeat a thousand times: each is written once.
  std::size_t Index(absl::string_view text) {
    const auto [found, added] =
        indices_.try_emplace(std::string(text), strings_.size());
    if (added) strings_.emplace_back(text);
    return found->second;
  }

  // One list for each field: half the size of a list for each event.
  std::string EventsJson() {
    const auto column = [&](absl::string_view name, auto value) {
      return absl::StrCat("\"", name, "\":", List(events_, value));
    };
    return absl::StrCat(
        "{",
        column("t",
               [&](const auto& e) { return Micros(e.time()) - start_us_; }),
        ",", column("cpu", [](const auto& e) { return CpuOf(e); }), ",",
        column("name", [&](const auto& e) { return Index(e.name()); }), ",",
        column("about",
               [](const auto& e) -> std::int64_t {
                 return e.has_about_cpu() ? e.about_cpu() : -1;
               }),
        ",", column("func", [&](const auto& e) { return Index(e.function()); }),
        ",",
        column("src",
               [](const auto& e) -> std::int64_t {
                 return e.has_src_cpu() ? e.src_cpu() : -1;
               }),
        ",", column("seq", [](const auto& e) { return e.seq(); }), ",",
        column("value", [](const auto& e) { return e.value(); }), ",",
        column("value2", [](const auto& e) { return e.value2(); }), ",",
        column("detail", [&](const auto& e) { return Index(e.detail()); }), ",",
        column("masked", [](const auto& e) { return e.irqs_masked() ? 1 : 0; }),
        "}");
  }

  std::string SpansJson() {
    return List(picture_.spans, [&](const Span& span) {
      return absl::StrCat("[", Index(NameOf(span.kind)), ",",
                          span.cpu ? static_cast<std::int64_t>(*span.cpu) : -1,
                          ",", OrNone(span.begin), ",", OrNone(span.end), ",",
                          Index(span.text), ",", span.alarm ? 1 : 0, "]");
    });
  }

  std::string CrossingsJson() {
    return List(picture_.crossings, [&](const Crossing& crossing) {
      return absl::StrCat(
          "[", crossing.from, ",", OrNone(crossing.to), ",", crossing.target,
          ",", crossing.rings ? 1 : 0, ",", Index(NameOf(crossing.fate)), ",",
          OrNone(crossing.decided), ",", crossing.backwards ? 1 : 0, "]");
    });
  }

  std::string DepthsJson() const {
    return List(picture_.depths, [](const Depth& depth) {
      return absl::StrCat("[", depth.cpu, ",", depth.position, ",", depth.calls,
                          "]");
    });
  }

  std::string ViolationsJson() const {
    return List(judgement_.violations, [](const PlacedViolation& one) {
      const auto name = kernel::InvariantName(one.invariant);
      return absl::StrCat("[", Quoted(name), ",",
                          one.cpu ? static_cast<std::int64_t>(*one.cpu) : -1,
                          ",", one.position, ",", Quoted(one.what), "]");
    });
  }

  std::string NotJudgedJson() const {
    return List(judgement_.not_judged, [](kernel::Invariant invariant) {
      return Quoted(kernel::InvariantName(invariant));
    });
  }

  std::string WaitersJson() const {
    return List(explanation_.waiters(), [&](const auto& waiter) {
      const std::string title = absl::StrCat(
          "CPU ", waiter.cpu(), " waits for CPU ", waiter.target_cpu(),
          " to run ", waiter.function(), ", ", DurationText(waiter.age_s()));
      const std::string causes = List(waiter.causes(), [&](const auto& cause) {
        return absl::StrCat("[", Quoted(cause.text()), ",", PlaceOf(cause),
                            "]");
      });
      return absl::StrCat("{\"title\":", Quoted(title), ",\"causes\":", causes,
                          ",\"remedy\":", Quoted(waiter.remedy()), "}");
    });
  }

  std::int64_t PlaceOf(const v1::ExplainReport::Cause& cause) const {
    if (!cause.has_event()) return -1;
    const auto found = positions_.find(IdentityOf(cause.event()));
    return found == positions_.end() ? -1
                                     : static_cast<std::int64_t>(found->second);
  }

  const v1::TraceReport& trace_;
  const v1::ExplainReport& explanation_;
  const std::string title_;
  const Events events_;
  const SpaceTime picture_;
  const Judgement judgement_;
  std::map<Identity, Position> positions_;
  std::int64_t start_us_ = 0;
  std::vector<std::string> strings_;
  std::map<std::string, std::size_t> indices_;
};

}  // namespace

std::string HtmlReport(const v1::TraceReport& trace,
                       const v1::ExplainReport& explanation,
                       absl::string_view title) {
  constexpr absl::string_view kMark = "\"the data\"";
  const std::string_view page = EmbeddedReport().front().content;
  const absl::string_view text(page.data(), page.size());
  const std::size_t at = text.find(kMark);
  return absl::StrCat(text.substr(0, at),
                      DataWriter(trace, explanation, title).Write(),
                      text.substr(at + kMark.size()));
}

}  // namespace belfry::trace
