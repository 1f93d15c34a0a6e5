// What `belfry top` shows, as lines of text. It knows no terminal.
#ifndef BELFRY_CLIENT_TOP_VIEW_H_
#define BELFRY_CLIENT_TOP_VIEW_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "belfry/v1/coordinator.pb.h"

namespace belfry::client {

class TopView {
 public:
  explicit TopView(std::string coordinator)
      : coordinator_(std::move(coordinator)) {}

  void Update(v1::LiveState state);
  // Why there is nothing new; empty: there is.
  void set_problem(std::string problem) { problem_ = std::move(problem); }
  // What the last key did.
  void set_message(std::string message) { message_ = std::move(message); }

  // The next CPU, or the one before.
  void MoveSelection(int by);
  // Null before the first Update().
  const v1::CpuInfo* selected() const;

  struct Size {
    int width = 80;
    int height = 24;
  };
  // At most `height` lines of at most `width` columns; colour sequences take
  // none. What does not fit is left out: rows of CPUs scroll to the selected
  // one, of the events the newest stay.
  std::vector<std::string> Lines(Size size, bool color) const;

 private:
  // Of one CPU's calls, since the report before.
  struct Rate {
    double issued = 0;
    double refused = 0;
  };
  struct Line {
    std::string text;
    bool bad = false;
  };

  void UpdateRates(const v1::LiveState& state);
  Rate SumOfRates() const;
  std::string Title(int width, bool color) const;
  std::string CallsLine() const;
  std::string OperationLine() const;
  std::vector<std::string> CpuRows(int rows, Size size, bool color) const;
  std::vector<Line> Tail(int rows) const;

  std::string coordinator_;
  std::optional<v1::LiveState> state_;
  std::map<std::uint32_t, Rate> rates_;
  int selected_ = 0;
  std::string problem_;
  std::string message_;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_TOP_VIEW_H_
