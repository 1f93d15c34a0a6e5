// SIGTERM and SIGINT as calls on a thread.
#ifndef BELFRY_RPC_SIGNALS_H_
#define BELFRY_RPC_SIGNALS_H_

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

namespace belfry::rpc {

// Blocks both signals for the process; construct it before any other thread is
// started. Calls `on_signal` for each that comes, on a thread of its own, until
// Stop(). SIGPIPE and SIGXFSZ are ignored: the write says what is wrong.
class Signals {
 public:
  Signals();
  ~Signals();

  void Watch(std::function<void(int signal)> on_signal);
  // No more calls once it returns.
  void Stop();

 private:
  sigset_t set_;
  std::atomic<bool> stopped_ = false;
  std::thread thread_;
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_SIGNALS_H_
