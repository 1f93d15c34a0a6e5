#include "client/interrupt.h"

#include <algorithm>
#include <atomic>

#include "absl/time/clock.h"
#include "client/exit_code.h"

namespace belfry::client {
namespace {

// A signal handler reaches nothing but what is global.
std::atomic<int> caught_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void CatchSignal(int number) { caught_signal.store(number); }

void Catch(int number, struct sigaction* old) {
  struct sigaction action {};
  action.sa_handler = &CatchSignal;
  // Once: the second one has its usual effect.
  action.sa_flags = SA_RESETHAND | SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, old);
}

}  // namespace

Interrupt::Interrupt() {
  caught_signal.store(0);
  Catch(SIGINT, &old_int_);
  Catch(SIGTERM, &old_term_);
  Catch(SIGHUP, &old_hup_);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &old_int_, nullptr);
  sigaction(SIGTERM, &old_term_, nullptr);
  sigaction(SIGHUP, &old_hup_, nullptr);
}

int Interrupt::signal() const { return caught_signal.load(); }

absl::Status Interrupt::Check() const {
  if (!requested()) return absl::OkStatus();
  return WithExitCode(absl::CancelledError("interrupted"),
                      kExitSignal + signal());
}

bool Interrupt::Sleep(absl::Duration duration) const {
  const absl::Time end = absl::Now() + duration;
  while (!requested() && absl::Now() < end) {
    absl::SleepFor(std::min(end - absl::Now(), absl::Milliseconds(20)));
  }
  return !requested();
}

}  // namespace belfry::client
