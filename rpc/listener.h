// The door of a server: accepts connections on threads of its own. A library's
// accept loop that meets the end of the file descriptors spins, or closes its
// door for good; this one waits, says so, and goes on.
#ifndef BELFRY_RPC_LISTENER_H_
#define BELFRY_RPC_LISTENER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

namespace prometheus {
class Registry;
}  // namespace prometheus

namespace belfry::rpc {

class Listener {
 public:
  // The last descriptors are for what the process itself opens: connections
  // wait at the door (in the kernel's backlog) before they take these.
  static constexpr int kKept = 8;

  // Listens on "host:port" (port 0: any) or "unix:PATH": from now on
  // connections wait. Unavailable when the address is taken.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(
      const std::string& listen);
  // Returns when nobody serves any more.
  ~Listener();

  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Call once. `serve` owns the descriptor, which blocks, and runs on `threads`
  // threads: so many connections are served at once.
  void Serve(int threads, std::function<void(int fd)> serve);

  // Where it listens, with the port that was found.
  const std::string& address() const { return address_; }

  // Counts belfry_listener_starved_total: how often a listener of this process
  // found that there are no more descriptors. Call before any is opened.
  static void CountIn(prometheus::Registry* registry);

 private:
  Listener() = default;

  absl::Status OpenAddress(const std::string& listen);
  absl::Status OpenUnix(const std::string& path);
  void Accept();
  // False when it was told to stop.
  bool AwaitConnection() const;
  // Closes the door for a while.
  void Starve();

  std::function<void(int fd)> serve_;
  std::string address_;
  // Of a Unix socket.
  std::string path_;
  int fd_ = -1;
  // Its write end is closed to stop.
  int stop_[2] = {-1, -1};
  std::atomic<bool> is_starved_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_LISTENER_H_
