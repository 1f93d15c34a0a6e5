// Where a verb's answer goes: data to standard output, messages to standard
// error, in the format and with the colours that were asked for.
#ifndef BELFRY_CLIENT_OUTPUT_H_
#define BELFRY_CLIENT_OUTPUT_H_

#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "client/options.h"
#include "client/table.h"
#include "google/protobuf/message.h"

namespace belfry::client {

// Of one stream: on a terminal unless NO_COLOR, BELFRY_NO_COLOR or TERM=dumb.
bool UseColor(ColorMode mode, int fd);

class Output {
 public:
  Output(std::ostream& data, std::ostream& messages,
         const GlobalOptions& options);

  Format format() const { return format_; }
  bool json() const { return format_ == Format::kJson; }
  bool table() const { return format_ == Format::kTable; }
  bool color() const { return color_; }
  // The locale says that it knows nothing else.
  bool ascii() const { return ascii_; }
  // Columns of the terminal; 100 where there is none.
  int width() const { return width_; }

  // Data. Text ends with its own newline.
  void Data(absl::string_view text);
  void Line(absl::string_view text);
  void Print(const Table& table);
  // Protobuf JSON with all fields, by the names of the .proto files.
  void Json(const google::protobuf::Message& message);

  std::string Painted(Style style, absl::string_view text) const;

  // "belfry: ..." on standard error.
  void Error(absl::string_view message);
  void Note(absl::string_view message);

  // A line that the next one replaces on a terminal. Elsewhere one is written
  // every five seconds, so that a log shows that something moves.
  void Progress(absl::string_view text);
  void EndProgress();

 private:
  std::ostream& data_;
  std::ostream& messages_;
  Format format_;
  bool headers_;
  bool color_;
  bool messages_color_;
  bool messages_terminal_;
  bool ascii_;
  int width_;
  bool in_progress_ = false;
  absl::Time next_progress_;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_OUTPUT_H_
