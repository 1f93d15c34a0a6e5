#include "client/top_view.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "client/cpu_text.h"
#include "client/state_dir.h"
#include "client/table.h"
#include "trace/operation_text.h"
#include "trace/time_text.h"

namespace belfry::client {
namespace {

constexpr char kKeys[] = "up/down select   o offline/online   q quit";
// Title, calls, operation, the table's head, the keys, and a line between.
constexpr int kFixedLines = 6;

// "1.2 M", "34.5 k", "7".
std::string NumberText(double number) {
  if (number >= 1e6) return absl::StrFormat("%.1f M", number / 1e6);
  if (number >= 1e4) return absl::StrFormat("%.1f k", number / 1e3);
  return absl::StrFormat("%.0f", number);
}

// The first `width` columns of a text without colours.
std::string Fit(absl::string_view text, int width) {
  std::size_t end = 0;
  for (int columns = 0; end < text.size(); ++end) {
    const bool begins = (text[end] & 0xC0) != 0x80;
    if (begins && ++columns > width) break;
  }
  return std::string(text.substr(0, end));
}

std::string Reversed(absl::string_view text, bool color) {
  return color ? absl::StrCat("\033[7m", text, "\033[0m") : std::string(text);
}

std::string AgeText(const google::protobuf::Timestamp& since,
                    const google::protobuf::Timestamp& now) {
  if (since.seconds() == 0) return "";
  return trace::DurationText(trace::SecondsBetween(since, now));
}

double PerSecond(std::uint64_t now, std::uint64_t before, double seconds) {
  // A new process counts from 0.
  return now < before || seconds <= 0
             ? 0
             : static_cast<double>(now - before) / seconds;
}

}  // namespace

void TopView::Update(v1::LiveState state) {
  UpdateRates(state);
  state_ = std::move(state);
  problem_.clear();
  MoveSelection(0);
}

// Of those that have reported anew; the others keep their rate.
void TopView::UpdateRates(const v1::LiveState& state) {
  if (!state_) return;
  for (const v1::CpuInfo& cpu : state.cluster().cpus()) {
    for (const v1::CpuInfo& before : state_->cluster().cpus()) {
      if (before.cpu() != cpu.cpu()) continue;
      const double seconds =
          trace::SecondsBetween(before.report_time(), cpu.report_time());
      if (before.report_time().seconds() == 0 || seconds <= 0) continue;
      const v1::CallTotals& now = cpu.report().ledger();
      const v1::CallTotals& then = before.report().ledger();
      rates_[cpu.cpu()] = {PerSecond(now.issued(), then.issued(), seconds),
                           PerSecond(now.refused(), then.refused(), seconds)};
    }
  }
}

void TopView::MoveSelection(int by) {
  const int cpus = state_ ? state_->cluster().cpus_size() : 0;
  selected_ = std::clamp(selected_ + by, 0, std::max(cpus - 1, 0));
}

const v1::CpuInfo* TopView::selected() const {
  if (!state_ || state_->cluster().cpus().empty()) return nullptr;
  return &state_->cluster().cpus(selected_);
}

TopView::Rate TopView::SumOfRates() const {
  Rate sum;
  for (const auto& [cpu, rate] : rates_) {
    sum.issued += rate.issued;
    sum.refused += rate.refused;
  }
  return sum;
}

std::string TopView::Title(int width, bool color) const {
  std::string text = absl::StrCat(" belfry top   ", coordinator_);
  if (state_) {
    const v1::Cluster& cluster = state_->cluster();
    absl::StrAppend(&text, "   profile ", cluster.profile().name(), "   up ",
                    AgeText(cluster.start_time(), state_->time()), "   online ",
                    cluster.view().online(), " of ", cluster.possible(),
                    "   view ", cluster.view().number());
  }
  text = Fit(text, width);
  text.append(static_cast<std::size_t>(width) - DisplayWidth(text), ' ');
  return Reversed(text, color);
}

std::string TopView::CallsLine() const {
  const v1::CallTotals& calls = state_->ledger();
  const Rate rate = SumOfRates();
  return absl::StrCat(
      "calls  ", NumberText(rate.issued), "/s   refused ",
      NumberText(rate.refused), "/s   in all ",
      NumberText(static_cast<double>(calls.issued())), ": ",
      NumberText(static_cast<double>(calls.completed())), " completed, ",
      NumberText(static_cast<double>(calls.refused())), " refused, ",
      calls.lost(), " lost, ", calls.outstanding(), " pending");
}

std::string TopView::OperationLine() const {
  const v1::Cluster& cluster = state_->cluster();
  if (!cluster.has_current()) return "hotplug  idle";
  const v1::Operation& operation = cluster.current();
  std::string text = absl::StrCat(
      "hotplug  ", trace::WhatText(operation), ", ", operation.leg(), ", ",
      AgeText(operation.create_time(), state_->time()));
  const v1::StopStatus& stop = cluster.stop();
  if (!stop.state().empty()) {
    absl::StrAppend(&text, "   stop_machine ", stop.generation(), " ",
                    stop.state(), stop.missing().empty() ? "" : ", missing ",
                    stop.missing());
  } else if (!operation.message().empty()) {
    absl::StrAppend(&text, "   ", operation.message());
  }
  if (cluster.queued_operations() > 0) {
    absl::StrAppend(&text, "   (", cluster.queued_operations(), " behind it)");
  }
  return text;
}

std::vector<std::string> TopView::CpuRows(int rows, Size size,
                                          bool color) const {
  Table table({{"CPU"},
               {"STATE"},
               {"QUEUE", Table::Align::kRight},
               {"OLDEST", Table::Align::kRight},
               {"BELL"},
               {"STUCK", Table::Align::kRight},
               {"PENDING", Table::Align::kRight},
               {"CALLS/S", Table::Align::kRight},
               {"REFUSED/S", Table::Align::kRight},
               {"LOST", Table::Align::kRight}});
  for (const v1::CpuInfo& cpu : state_->cluster().cpus()) {
    const v1::NodeReport& report = cpu.report();
    const auto found = rates_.find(cpu.cpu());
    const Rate rate = found == rates_.end() ? Rate{} : found->second;
    table.Add(
        {CpuName(cpu.cpu()), StateText(cpu.state()),
         absl::StrCat(report.depth()),
         report.depth() > 0 ? AgeText(report.head_time(), state_->time()) : "",
         report.latched() ? "latched" : "",
         absl::StrCat(report.waiters_stuck()),
         absl::StrCat(report.ledger().outstanding()), NumberText(rate.issued),
         NumberText(rate.refused), absl::StrCat(report.ledger().lost())});
  }
  const std::vector<std::string> all = absl::StrSplit(
      table.Text(/*headers=*/true, /*color=*/false), '\n', absl::SkipEmpty());
  const int cpus = static_cast<int>(all.size()) - 1;
  const int first =
      std::clamp(selected_ - rows / 2, 0, std::max(cpus - rows, 0));
  std::vector<std::string> lines = {
      Paint(Style::kBold, Fit(absl::StrCat("  ", all[0]), size.width), color)};
  for (int i = first; i < std::min(first + rows, cpus); ++i) {
    const std::string text =
        Fit(absl::StrCat(i == selected_ ? "> " : "  ", all[i + 1]), size.width);
    const v1::CpuInfo& cpu = state_->cluster().cpus(i);
    const bool bad = cpu.state() == v1::CPU_STATE_CRASHED ||
                     cpu.report().waiters_stuck() > 0;
    lines.push_back(bad              ? Paint(Style::kBad, text, color)
                    : i == selected_ ? Paint(Style::kBold, text, color)
                    : !cpu.online()  ? Paint(Style::kDim, text, color)
                                     : text);
  }
  return lines;
}

// What is wrong, then what happened lately.
std::vector<TopView::Line> TopView::Tail(int rows) const {
  std::vector<Line> lines;
  if (rows <= 0) return lines;
  for (const std::string& finding : state_->findings()) {
    lines.push_back({absl::StrCat("! ", finding), true});
  }
  if (static_cast<int>(lines.size()) > rows) lines.resize(rows);
  const int left = rows - static_cast<int>(lines.size());
  const int events = state_->events_size();
  for (int i = std::max(events - left, 0); i < events; ++i) {
    const v1::LiveState::Event& event = state_->events(i);
    lines.push_back({absl::StrCat(trace::ClockText(event.time()).substr(0, 12),
                                  "  ", event.text()),
                     event.level() == "error"});
  }
  return lines;
}

std::vector<std::string> TopView::Lines(Size size, bool color) const {
  std::vector<std::string> lines = {Title(size.width, color)};
  const auto add = [&](const std::string& text, Style style = Style::kPlain) {
    lines.push_back(Paint(style, Fit(text, size.width), color));
  };
  if (!problem_.empty()) add(absl::StrCat("! ", problem_), Style::kBad);
  if (state_) {
    add(CallsLine());
    add(OperationLine());
    const int free = std::max(size.height - kFixedLines, 0);
    // A third of the screen is for what happened.
    const int cpus =
        std::min(state_->cluster().cpus_size(), std::max(free - free / 3, 1));
    for (std::string& row : CpuRows(cpus, size, color)) {
      lines.push_back(std::move(row));
    }
    add("");
    for (const Line& line : Tail(free - cpus)) {
      add(line.text, line.bad ? Style::kBad : Style::kDim);
    }
  }
  const auto last = static_cast<std::size_t>(std::max(size.height - 1, 0));
  lines.resize(std::min(lines.size(), last));
  lines.resize(last);
  const std::string keys =
      message_.empty() ? kKeys : absl::StrCat(message_, "   ", kKeys);
  lines.push_back(Paint(Style::kDim, Fit(keys, size.width), color));
  return lines;
}

}  // namespace belfry::client
