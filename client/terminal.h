// The whole screen of a terminal, for as long as the object lives.
#ifndef BELFRY_CLIENT_TERMINAL_H_
#define BELFRY_CLIENT_TERMINAL_H_

#include <signal.h>
#include <termios.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace belfry::client {

// At most one at a time: the change of the window's size is a signal.
class Terminal {
 public:
  // FailedPrecondition when standard input or output is none.
  static absl::StatusOr<Terminal> Open();
  Terminal(Terminal&& other) noexcept;
  Terminal& operator=(Terminal&&) = delete;
  // The terminal is as it was found.
  ~Terminal();

  int width() const;
  int height() const;

  // From the top; what was there before is gone.
  void Draw(const std::vector<std::string>& lines) const;

  enum class Key { kNone, kUp, kDown, kEnter, kCharacter };
  struct Press {
    Key key = Key::kNone;
    char character = 0;
  };
  // kNone when the time is over, the window has another size, or a signal came.
  Press Read(absl::Duration timeout);

 private:
  explicit Terminal(const termios& found);
  Press TakeKey();

  termios found_;
  struct sigaction old_winch_ {};
  // Read, and not taken yet.
  std::string typed_;
  bool owner_ = true;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_TERMINAL_H_
