#include "client/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace belfry::client {
namespace {

// xterm's, and so everybody's: the other screen; the cursor; clear.
constexpr char kEnter[] = "\033[?1049h\033[?25l";
constexpr char kLeave[] = "\033[?25h\033[?1049l";
constexpr char kHome[] = "\033[H";
constexpr char kClearRest[] = "\033[K";
constexpr char kClearBelow[] = "\033[J";
constexpr int kDefaultWidth = 80;
constexpr int kDefaultHeight = 24;

extern "C" void IgnoreWindowChange(int) {}

// What the terminal does not take at once is drawn anew with the next screen.
void Say(absl::string_view text) {
  [[maybe_unused]] const ssize_t written =
      write(STDOUT_FILENO, text.data(), text.size());
}

winsize Size() {
  winsize size{};
  ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
  return size;
}

}  // namespace

absl::StatusOr<Terminal> Terminal::Open() {
  termios found{};
  if (isatty(STDOUT_FILENO) != 1 || tcgetattr(STDIN_FILENO, &found) != 0) {
    return absl::FailedPreconditionError("no terminal");
  }
  return Terminal(found);
}

Terminal::Terminal(const termios& found) : found_(found) {
  // Poll must return when the size changes: so the signal has a handler, and
  // that does nothing.
  struct sigaction action {};
  action.sa_handler = &IgnoreWindowChange;
  sigemptyset(&action.sa_mask);
  sigaction(SIGWINCH, &action, &old_winch_);
  termios raw = found;
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON);
  // A stopped program would leave the screen as it is.
  raw.c_cc[VSUSP] = _POSIX_VDISABLE;
  tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  Say(kEnter);
}

Terminal::Terminal(Terminal&& other) noexcept
    : found_(other.found_),
      old_winch_(other.old_winch_),
      owner_(std::exchange(other.owner_, false)) {}

Terminal::~Terminal() {
  if (!owner_) return;
  Say(kLeave);
  tcsetattr(STDIN_FILENO, TCSANOW, &found_);
  sigaction(SIGWINCH, &old_winch_, nullptr);
}

int Terminal::width() const {
  const winsize size = Size();
  return size.ws_col > 0 ? size.ws_col : kDefaultWidth;
}

int Terminal::height() const {
  const winsize size = Size();
  return size.ws_row > 0 ? size.ws_row : kDefaultHeight;
}

// In one write, so that nothing flickers.
void Terminal::Draw(const std::vector<std::string>& lines) const {
  std::string screen = kHome;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    absl::StrAppend(&screen, i == 0 ? "" : "\r\n", lines[i], kClearRest);
  }
  Say(absl::StrCat(screen, kClearBelow));
}

// One key of what was typed, which may be several at once.
Terminal::Press Terminal::TakeKey() {
  constexpr std::pair<absl::string_view, Key> kSequences[] = {
      {"\033[A", Key::kUp},   {"\033OA", Key::kUp}, {"\033[B", Key::kDown},
      {"\033OB", Key::kDown}, {"\r", Key::kEnter},  {"\n", Key::kEnter}};
  for (const auto& [sequence, key] : kSequences) {
    if (!absl::StartsWith(typed_, sequence)) continue;
    typed_.erase(0, sequence.size());
    return {key};
  }
  const Press press{Key::kCharacter, typed_.front()};
  typed_.erase(0, 1);
  return press;
}

Terminal::Press Terminal::Read(absl::Duration timeout) {
  if (!typed_.empty()) return TakeKey();
  pollfd input{STDIN_FILENO, POLLIN, 0};
  const auto millis = static_cast<int>(absl::ToInt64Milliseconds(timeout));
  if (poll(&input, 1, millis) <= 0) return {};
  char text[64];
  const ssize_t length = read(STDIN_FILENO, text, sizeof(text));
  if (length <= 0) return {Key::kCharacter, 'q'};
  typed_.assign(text, static_cast<std::size_t>(length));
  return TakeKey();
}

}  // namespace belfry::client
