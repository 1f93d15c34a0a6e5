#include "client/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace belfry::client {
namespace {

absl::string_view Sequence(Style style) {
  switch (style) {
    case Style::kPlain:
      return "";
    case Style::kGood:
      return "\033[32m";
    case Style::kWarn:
      return "\033[33m";
    case Style::kBad:
      return "\033[31m";
    case Style::kDim:
      return "\033[2m";
    case Style::kBold:
      return "\033[1m";
  }
  return "";
}

std::string Padded(const Cell& cell, Table::Align align, std::size_t width,
                   bool last, bool color) {
  const std::string fill(width - std::min(width, DisplayWidth(cell.text)), ' ');
  const std::string text = Paint(cell.style, cell.text, color);
  if (align == Table::Align::kRight) return absl::StrCat(fill, text);
  return last ? text : absl::StrCat(text, fill);
}

}  // namespace

std::string Paint(Style style, absl::string_view text, bool color) {
  if (!color || style == Style::kPlain) return std::string(text);
  return absl::StrCat(Sequence(style), text, "\033[0m");
}

std::size_t DisplayWidth(absl::string_view text) {
  // Every byte but the followers of a UTF-8 character.
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (c & 0xC0) != 0x80; });
}

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::Add(std::vector<Cell> row) {
  row.resize(columns_.size(), Cell(""));
  for (Cell& cell : row) {
    if (cell.text.empty()) cell.text = "-";
  }
  rows_.push_back(std::move(row));
}

std::vector<std::size_t> Table::Widths(bool headers) const {
  std::vector<std::size_t> widths(columns_.size(), 0);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (headers) widths[i] = DisplayWidth(columns_[i].header);
    for (const std::vector<Cell>& row : rows_) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i].text));
    }
  }
  return widths;
}

std::string Table::Text(bool headers, bool color) const {
  const std::vector<std::size_t> widths = Widths(headers);
  std::string text;
  const auto add_line = [&](const auto& cell_at) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const bool last = i + 1 == columns_.size();
      absl::StrAppend(
          &text, i == 0 ? "" : "  ",
          Padded(cell_at(i), columns_[i].align, widths[i], last, color));
    }
    text += '\n';
  };
  if (headers) {
    add_line(
        [&](std::size_t i) { return Cell(columns_[i].header, Style::kBold); });
  }
  for (const std::vector<Cell>& row : rows_) {
    add_line([&](std::size_t i) { return row[i]; });
  }
  return text;
}

}  // namespace belfry::client
