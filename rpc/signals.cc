#include "rpc/signals.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace belfry::rpc {

// SIGUSR1 is ours: it makes the watching thread look whether it is to end.
Signals::Signals() {
  sigemptyset(&set_);
  sigaddset(&set_, SIGTERM);
  sigaddset(&set_, SIGINT);
  sigaddset(&set_, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

Signals::~Signals() { Stop(); }

void Signals::Stop() {
  if (!thread_.joinable()) return;
  stopped_ = true;
  pthread_kill(thread_.native_handle(), SIGUSR1);
  thread_.join();
}

void Signals::Watch(std::function<void(int)> on_signal) {
  thread_ = std::thread([this, on_signal = std::move(on_signal)] {
    int signal = 0;
    while (sigwait(&set_, &signal) == 0 && !stopped_) {
      // Anybody may send one.
      if (signal != SIGUSR1) on_signal(signal);
    }
  });
}

}  // namespace belfry::rpc
