// ZeroMQ over TCP: calls from a DEALER to a ROUTER, a flood from PUSH to PULL.
#include <zmq.h>

#include <string>

#include "bench/peers/peer.h"

namespace belfry::bench {
namespace {

class Socket {
 public:
  explicit Socket(int type) : socket_(zmq_socket(Context(), type)) {
    Check(socket_ != nullptr, "zmq_socket");
    const int unbounded = 0;
    zmq_setsockopt(socket_, ZMQ_SNDHWM, &unbounded, sizeof unbounded);
    zmq_setsockopt(socket_, ZMQ_RCVHWM, &unbounded, sizeof unbounded);
  }
  ~Socket() { zmq_close(socket_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Port * is any.
  void Bind(const std::string& address) {
    Check(zmq_bind(socket_, address.c_str()) == 0, "zmq_bind");
    char real[256];
    std::size_t size = sizeof real;
    zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, real, &size);
    Ready(real);
  }
  void Connect(const std::string& address) {
    Check(zmq_connect(socket_, address.c_str()) == 0, "zmq_connect");
  }

  void Send(int flags = 0) {
    const char message[kMessageBytes] = {};
    Check(zmq_send(socket_, message, sizeof message, flags) >= 0, "zmq_send");
  }
  // Whether there was one.
  bool Receive(int flags = 0) {
    char message[kMessageBytes];
    return zmq_recv(socket_, message, sizeof message, flags) >= 0;
  }
  // Sends a message back to where it came from.
  void Return() {
    char from[256];
    const int size = zmq_recv(socket_, from, sizeof from, 0);
    Check(size >= 0 && Receive(), "zmq_recv");
    zmq_send(socket_, from, static_cast<std::size_t>(size), ZMQ_SNDMORE);
    Send();
  }

  // Once every socket is closed and all is sent.
  static void End() { zmq_ctx_term(Context()); }

 private:
  static void* Context() {
    static void* const context = zmq_ctx_new();
    return context;
  }

  void* socket_;
};

void Serve(const std::string& address) {
  Socket router(ZMQ_ROUTER);
  router.Bind(address);
  while (true) router.Return();
}

void Call(const std::string& address, Window window) {
  Socket dealer(ZMQ_DEALER);
  dealer.Connect(address);
  while (!window.ended()) {
    for (; window.MayIssue(); window.Issue()) dealer.Send();
    Check(dealer.Receive(), "zmq_recv");
    do {
      window.End();
    } while (dealer.Receive(ZMQ_DONTWAIT));
  }
  window.PrintAll();
}

void Sink(const std::string& address, Flood flood) {
  Socket pull(ZMQ_PULL);
  pull.Bind(address);
  do {
    Check(pull.Receive(), "zmq_recv");
  } while (!flood.Receive(1));
  flood.PrintAll();
}

void SendFlood(const std::string& address, std::uint64_t count) {
  {
    Socket push(ZMQ_PUSH);
    push.Connect(address);
    for (; count > 0; --count) push.Send();
  }
  Socket::End();
}

}  // namespace
}  // namespace belfry::bench

int main(int argc, char** argv) {
  using namespace belfry::bench;
  return Run({Serve, Call, Sink, SendFlood}, argc, argv);
}
