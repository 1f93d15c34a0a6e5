// The node's end of the control link: registers the CPU with the coordinator,
// carries orders down and reports up, and comes back when it breaks.
#ifndef BELFRY_NODE_CONTROL_LINK_H_
#define BELFRY_NODE_CONTROL_LINK_H_

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "belfry/v1/coordinator.grpc.pb.h"
#include "rpc/channel.h"
#include "rpc/clock.h"
#include "rpc/loop.h"
#include "rpc/stream.h"

namespace belfry::node {

// Everything on the loop's thread.
class ControlLink
    : public rpc::StreamUser<v1::CoordinatorMessage, v1::NodeMessage> {
 public:
  struct Callbacks {
    // What the process says of itself now.
    std::function<v1::NodeHello()> hello;
    std::function<void(v1::CoordinatorMessage&)> on_message;
    // Once each time the link breaks.
    std::function<void()> on_lost;
    // Goes on when the link may be opened: at once, or when a gate lets it
    // pass.
    std::function<void(std::function<void()> go)> on_attach;
    // Answers Leave().
    std::function<void()> on_left;
  };

  ControlLink(rpc::Loop* loop, rpc::LamportClock* clock,
              const std::string& coordinator, Callbacks callbacks);
  ~ControlLink() override;

  void Connect();
  // While the link is down what is sent is dropped: the coordinator asks again.
  void Send(v1::NodeMessage message);
  // Nothing waits for the wire.
  bool idle() const { return pending_.empty(); }
  // As if the wire had.
  void Break();
  // Tells the coordinator that this process ends. `on_left` follows: when the
  // coordinator has closed the link, or at once when there is none.
  void Leave();
  // No reconnecting from now on, and no more callbacks.
  void Stop();

  void OnOpen() override;
  void OnMessage(v1::CoordinatorMessage& message) override;
  bool NextMessage(v1::NodeMessage* message) override;
  void OnClosed(const grpc::Status& status) override;

 private:
  void Open();

  using Stream = rpc::ClientStream<v1::NodeMessage, v1::CoordinatorMessage>;

  rpc::Loop* loop_;
  rpc::LamportClock* clock_;
  std::string coordinator_;
  Callbacks callbacks_;
  std::unique_ptr<v1::CoordinatorService::Stub> stub_;
  std::shared_ptr<Stream> stream_;
  bool open_ = false;
  bool leaving_ = false;
  bool stopped_ = false;
  bool complained_ = false;
  std::deque<v1::NodeMessage> pending_;
  std::chrono::milliseconds delay_{50};
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace belfry::node

#endif  // BELFRY_NODE_CONTROL_LINK_H_
