#include "client/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/protobuf/util/json_util.h"

namespace belfry::client {
namespace {

constexpr absl::Duration kProgressInterval = absl::Seconds(5);
constexpr int kDefaultWidth = 100;

bool IsSet(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

// Of the variables that name the character set the first one decides. Where
// none does, terminals of today know UTF-8.
bool IsAsciiLocale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (!IsSet(name)) continue;
    const std::string locale = absl::AsciiStrToLower(std::getenv(name));
    return !absl::StrContains(locale, "utf-8") &&
           !absl::StrContains(locale, "utf8");
  }
  return false;
}

int TerminalWidth() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  return kDefaultWidth;
}

}  // namespace

bool UseColor(ColorMode mode, int fd) {
  if (mode != ColorMode::kAuto) return mode == ColorMode::kAlways;
  if (IsSet("NO_COLOR") || IsSet("BELFRY_NO_COLOR")) return false;
  const char* term = std::getenv("TERM");
  if (term == nullptr || absl::string_view(term) == "dumb") return false;
  return isatty(fd) == 1;
}

Output::Output(std::ostream& data, std::ostream& messages,
               const GlobalOptions& options)
    : data_(data),
      messages_(messages),
      format_(options.format),
      headers_(options.headers),
      color_(UseColor(options.color, STDOUT_FILENO)),
      messages_color_(UseColor(options.color, STDERR_FILENO)),
      messages_terminal_(isatty(STDERR_FILENO) == 1),
      ascii_(IsAsciiLocale()),
      width_(TerminalWidth()),
      next_progress_(absl::Now() + kProgressInterval) {}

void Output::Data(absl::string_view text) {
  EndProgress();
  // Flushed, so that data and messages come in the order in which they were
  // said, also through a pipe.
  data_ << text << std::flush;
}

void Output::Line(absl::string_view text) { Data(absl::StrCat(text, "\n")); }

void Output::Print(const Table& table) { Data(table.Text(headers_, color_)); }

void Output::Json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) {
    // Only a string that is no UTF-8 leads here.
    Error(
        absl::StrCat("not printable as JSON: ", std::string(status.message())));
    return;
  }
  Data(text);
}

std::string Output::Painted(Style style, absl::string_view text) const {
  return Paint(style, text, color_);
}

void Output::Error(absl::string_view message) {
  EndProgress();
  messages_ << Paint(Style::kBad, "belfry:", messages_color_) << " " << message
            << std::endl;
}

void Output::Note(absl::string_view message) {
  EndProgress();
  messages_ << message << std::endl;
}

void Output::Progress(absl::string_view text) {
  if (messages_terminal_) {
    messages_ << "\r\033[K" << text << std::flush;
    in_progress_ = true;
  } else if (absl::Now() >= next_progress_) {
    messages_ << text << std::endl;
    next_progress_ = absl::Now() + kProgressInterval;
  }
}

void Output::EndProgress() {
  if (in_progress_) messages_ << "\r\033[K" << std::flush;
  in_progress_ = false;
}

}  // namespace belfry::client
