// Columns that align, in plain text.
#ifndef BELFRY_CLIENT_TABLE_H_
#define BELFRY_CLIENT_TABLE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace belfry::client {

enum class Style { kPlain, kGood, kWarn, kBad, kDim, kBold };

// The text in the terminal's colour for the style; unchanged without `color`.
std::string Paint(Style style, absl::string_view text, bool color);

// Columns on a terminal: characters of UTF-8, without colour sequences in it.
std::size_t DisplayWidth(absl::string_view text);

struct Cell {
  // Implicit, so that a row is a list of strings with an exception here and
  // there.
  Cell(std::string cell_text, Style cell_style = Style::kPlain)
      : text(std::move(cell_text)), style(cell_style) {}
  Cell(const char* cell_text) : text(cell_text) {}

  std::string text;
  Style style = Style::kPlain;
};

class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string header;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns);

  // One cell for each column; an empty one shows as "-".
  void Add(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }

  // Two spaces between columns, none at the end of a line.
  std::string Text(bool headers, bool color) const;

 private:
  std::vector<std::size_t> Widths(bool headers) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_TABLE_H_
