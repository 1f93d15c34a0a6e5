// Ctrl-C and SIGTERM as something to be asked for, so that what was started can
// be taken down in order.
#ifndef BELFRY_CLIENT_INTERRUPT_H_
#define BELFRY_CLIENT_INTERRUPT_H_

#include <signal.h>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace belfry::client {

// Catches SIGINT, SIGTERM and SIGHUP for as long as it lives; at most one at a
// time. The second signal of a kind has its usual effect: it ends the program.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // The signal that came; 0 for none.
  int signal() const;
  bool requested() const { return signal() != 0; }

  // Ok, or CANCELLED with the exit code of the signal.
  absl::Status Check() const;

  // False when a signal came before the time was over.
  bool Sleep(absl::Duration duration) const;

 private:
  struct sigaction old_int_ {};
  struct sigaction old_term_ {};
  struct sigaction old_hup_ {};
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_INTERRUPT_H_
