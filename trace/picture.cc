#include "trace/picture.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "trace/picture_rows.h"

namespace belfry::trace {
namespace {

constexpr int kTimeWidth = 10;
constexpr int kLaneWidth = 7;
// Where the line of a lane stands in it: room for a depth to its right.
constexpr int kCentre = 2;
constexpr int kMinTextWidth = 30;

struct Signs {
  absl::string_view lane, masked, parked, act, lost;
  absl::string_view ring, ring_right, ring_left;
  absl::string_view call, call_right, call_left;
};

constexpr Signs kUnicode = {"│", "░", "·", "●", "✗", "━",
                            "▶", "◀", "┈", "▷", "◁"};
constexpr Signs kAscii = {"|", "#", ".", "*", "X", "=",
                          ">", "<", "-", ">", "<"};

enum class Style { kPlain, kDim, kRing, kAlarm };

absl::string_view StyleCode(Style style) {
  switch (style) {
    case Style::kDim:
      return "\x1b[2m";
    case Style::kRing:
      return "\x1b[36m";
    case Style::kAlarm:
      return "\x1b[1;31m";
    case Style::kPlain:
      break;
  }
  return "\x1b[0m";
}

// One column of the terminal.
struct Cell {
  std::string glyph = " ";
  Style style = Style::kPlain;
};

class Painter {
 public:
  Painter(const std::vector<Row>& rows, std::uint32_t cpus,
          const PictureOptions& options)
      : rows_(rows),
        options_(options),
        signs_(options.ascii ? kAscii : kUnicode) {
    ChooseLanes(cpus);
    text_width_ =
        std::max(kMinTextWidth, options.width - kTimeWidth -
                                    kLaneWidth * (LaneCount() + 1) - 1);
  }

  std::string Paint() {
    std::string out = Header();
    for (const Row& row : rows_) absl::StrAppend(&out, RowText(row));
    absl::StrAppend(&out, Legend());
    return out;
  }

 private:
  int LaneCount() const { return static_cast<int>(lanes_.size()); }

  // All CPUs where they fit; else those that call, are called or come and go.
  void ChooseLanes(std::uint32_t cpus) {
    const int room = std::max(
        2, (options_.width - kTimeWidth - kMinTextWidth) / kLaneWidth - 1);
    if (cpus <= static_cast<std::uint32_t>(room)) {
      for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) lanes_.insert(cpu);
      return;
    }
    const auto add = [&](std::uint32_t cpu) {
      if (LaneCount() < room && cpu < cpus) lanes_.insert(cpu);
    };
    // What went wrong is shown whatever else there was before it.
    for (const bool alarm : {true, false}) {
      for (const Row& row : rows_) {
        if (row.alarm != alarm) continue;
        if (row.arrow) {
          add(row.arrow->from);
          add(row.arrow->to);
        } else if (row.marks.size() == 1 && row.marks[0].cpu) {
          add(*row.marks[0].cpu);
        }
      }
    }
    hidden_ = cpus - lanes_.size();
  }

  // The column of a lane's line; nothing for a CPU without a lane.
  std::optional<int> Column(std::optional<std::uint32_t> cpu) const {
    if (!cpu) return kCentre;
    const auto found = lanes_.find(*cpu);
    if (found == lanes_.end()) return std::nullopt;
    return kLaneWidth * (1 + std::distance(lanes_.begin(), found)) + kCentre;
  }

  std::string Header() const {
    std::string out = absl::StrFormat("%*s", kTimeWidth, "seconds ");
    absl::StrAppendFormat(&out, "%-*s", kLaneWidth, "coord.");
    for (const std::uint32_t cpu : lanes_) {
      absl::StrAppendFormat(&out, "%-*s", kLaneWidth,
                            absl::StrCat("CPU ", cpu));
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out + "\n";
  }

  // The lanes, without what the row adds to them.
  std::vector<Cell> LaneCells(const Row& row) {
    std::vector<Cell> cells(kLaneWidth * (LaneCount() + 1) + 1);
    cells[kCentre] = {std::string(signs_.lane), Style::kDim};
    for (const std::uint32_t cpu : lanes_) {
      const int at = *Column(cpu);
      const Lane& lane = row.lanes[cpu];
      if (lane.parked) {
        cells[at] = {std::string(signs_.parked), Style::kDim};
        used_parked_ = true;
      } else if (lane.masked) {
        for (int i = at - 1; i <= at + 1; ++i) {
          cells[i] = {std::string(signs_.masked), Style::kDim};
        }
        used_masked_ = true;
      } else {
        cells[at] = {std::string(signs_.lane), Style::kDim};
      }
    }
    return cells;
  }

  void PaintArrow(const Arrow& arrow, std::vector<Cell>* cells) {
    const std::optional<int> from = Column(arrow.from);
    const std::optional<int> to = Column(arrow.to);
    if (!from || !to || *from == *to) return;
    const Style style = arrow.rings ? Style::kRing : Style::kPlain;
    const bool right = *from < *to;
    const int step = right ? 1 : -1;
    // It ends at the edge of the target's lane, so that a mask stays in sight.
    const int end = *to - 2 * step;
    const absl::string_view line = arrow.rings ? signs_.ring : signs_.call;
    for (int i = *from + step; i != end; i += step) {
      (*cells)[i] = {std::string(line), style};
    }
    (*cells)[end] = {
        std::string(arrow.rings
                        ? (right ? signs_.ring_right : signs_.ring_left)
                        : (right ? signs_.call_right : signs_.call_left)),
        style};
    (arrow.rings ? used_ring_ : used_call_) = true;
    (*cells)[*from] = {std::string(signs_.act), style};
  }

  void PaintDepth(const Row& row, std::vector<Cell>* cells) {
    const std::optional<int> at = Column(row.depth->first);
    if (!at) return;
    const std::string number = absl::StrCat(row.depth->second);
    // An arrow may end or begin here: the number goes over it.
    for (std::size_t i = 0; i < number.size(); ++i) {
      const std::size_t place = *at + 2 + i;
      if (place < cells->size()) {
        (*cells)[place] = {std::string(1, number[i]), Style::kPlain};
      }
    }
    used_depth_ = true;
  }

  std::string CellsText(const std::vector<Cell>& cells) const {
    std::string out;
    Style style = Style::kPlain;
    for (const Cell& cell : cells) {
      if (options_.color && cell.style != style) {
        if (style != Style::kPlain) absl::StrAppend(&out, "\x1b[0m");
        if (cell.style != Style::kPlain) {
          absl::StrAppend(&out, StyleCode(cell.style));
        }
        style = cell.style;
      }
      absl::StrAppend(&out, cell.glyph);
    }
    if (options_.color && style != Style::kPlain) {
      absl::StrAppend(&out, "\x1b[0m");
    }
    return out;
  }

  std::vector<std::string> Wrap(const std::string& text) const {
    std::vector<std::string> lines;
    std::string line;
    for (const absl::string_view word : absl::StrSplit(text, ' ')) {
      if (!line.empty() &&
          static_cast<int>(line.size() + 1 + word.size()) > text_width_) {
        lines.push_back(line);
        // What continues a row is set in from its beginning.
        line = "  ";
        absl::StrAppend(&line, word);
      } else {
        absl::StrAppend(&line, line.empty() ? "" : " ", word);
      }
    }
    lines.push_back(line);
    return lines;
  }

  std::string RowText(const Row& row) {
    std::vector<Cell> cells = LaneCells(row);
    const std::vector<Cell> bare = cells;
    if (row.arrow) PaintArrow(*row.arrow, &cells);
    for (const Mark& mark : row.marks) {
      const std::optional<int> at = Column(mark.cpu);
      if (!at || (row.arrow && mark.sign == Sign::kAct)) continue;
      const bool lost = mark.sign == Sign::kLost;
      used_lost_ = used_lost_ || lost;
      cells[*at] = {std::string(lost ? signs_.lost : signs_.act),
                    row.alarm ? Style::kAlarm : Style::kPlain};
    }
    if (row.depth) PaintDepth(row, &cells);
    std::string out;
    std::string time = absl::StrFormat("%9.6f ", (row.us - Start()) / 1e6);
    for (const std::string& line : Wrap(row.text)) {
      std::string text = options_.ascii
                             ? absl::StrReplaceAll(line, {{"\u2026", "..."}})
                             : line;
      if (options_.color && row.alarm) {
        text = absl::StrCat(StyleCode(Style::kAlarm), text, "\x1b[0m");
      }
      absl::StrAppend(&out, time, CellsText(cells), text, "\n");
      time = std::string(kTimeWidth, ' ');
      cells = bare;
    }
    return out;
  }

  // The earliest row is second 0: causal order need not be clock order.
  std::int64_t Start() const {
    std::int64_t start = rows_.front().us;
    for (const Row& row : rows_) start = std::min(start, row.us);
    return start;
  }

  std::string Legend() const {
    std::vector<std::string> parts;
    const auto add = [&](bool used, absl::string_view sign,
                         absl::string_view meaning) {
      if (used) parts.push_back(absl::StrCat(sign, " ", meaning));
    };
    const std::string masked(
        absl::StrCat(signs_.masked, signs_.masked, signs_.masked));
    add(used_ring_, absl::StrCat(signs_.ring, signs_.ring, signs_.ring_right),
        "a call and its doorbell");
    add(used_call_, absl::StrCat(signs_.call, signs_.call, signs_.call_right),
        "a call, no doorbell now");
    add(used_masked_, masked, "interrupts masked");
    add(used_parked_, signs_.parked, "offline");
    add(used_lost_, signs_.lost, "lost");
    add(used_depth_, "109", "beside a lane: calls in its queue");
    if (hidden_ > 0) {
      parts.push_back(absl::StrCat(hidden_, " CPUs without a lane"));
    }
    if (parts.empty()) return "";
    std::string out = "\n";
    std::string line;
    int columns = 0;
    for (const std::string& part : parts) {
      // Signs take three bytes each and one column.
      const int size = static_cast<int>(std::count_if(
          part.begin(), part.end(), [](char c) { return (c & 0xc0) != 0x80; }));
      if (columns > 0 && columns + 3 + size > options_.width) {
        absl::StrAppend(&out, line, "\n");
        line.clear();
        columns = 0;
      }
      absl::StrAppend(&line, columns > 0 ? "   " : "", part);
      columns += size + (columns > 0 ? 3 : 0);
    }
    absl::StrAppend(&out, line, "\n");
    return out;
  }

  const std::vector<Row>& rows_;
  const PictureOptions& options_;
  const Signs& signs_;
  std::set<std::uint32_t> lanes_;
  std::size_t hidden_ = 0;
  int text_width_ = 0;
  bool used_ring_ = false, used_call_ = false, used_masked_ = false;
  bool used_parked_ = false, used_lost_ = false, used_depth_ = false;
};

}  // namespace

std::string DrawPicture(const std::vector<v1::TraceEvent>& events,
                        std::uint32_t cpus, const PictureOptions& options) {
  const std::vector<Row> rows = MakeRows(events, cpus);
  if (rows.empty()) return "nothing to show: no events\n";
  return Painter(rows, cpus, options).Paint();
}

}  // namespace belfry::trace
