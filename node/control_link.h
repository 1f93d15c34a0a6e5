// The node's end of the control link: finds the coordinator that leads,
// registers the CPU with it, carries orders down and reports up, and looks for
// it again when the link breaks, or when nothing has been heard of a
// coordinator that could be replaced.
#ifndef BELFRY_NODE_CONTROL_LINK_H_
#define BELFRY_NODE_CONTROL_LINK_H_

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "belfry/v1/coordinator.grpc.pb.h"
#include "rpc/backoff.h"
#include "rpc/clock.h"
#include "rpc/coordinators.h"
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
              std::vector<std::string> coordinators, Callbacks callbacks);
  ~ControlLink() override;

  // Where the one is that leads, as far as is known.
  const std::string& coordinator() const { return coordinators_.current(); }

  void Connect();
  // While the link is down what is sent is dropped: the coordinator asks again.
  void Send(v1::NodeMessage message);
  // Nothing waits for the wire.
  bool idle() const { return pending_.empty(); }
  // As if the wire had.
  void Break(const grpc::Status& why = grpc::Status::CANCELLED);
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
  using Stream = rpc::ClientStream<v1::NodeMessage, v1::CoordinatorMessage>;

  void Open();
  void GiveUp(const grpc::Status& why);
  // Every half `lease` while this stream is open: has anything been heard
  // since?
  void Listen(const std::weak_ptr<Stream>& stream,
              std::chrono::nanoseconds lease);

  rpc::Loop* loop_;
  rpc::LamportClock* clock_;
  rpc::Coordinators coordinators_;
  Callbacks callbacks_;
  std::unique_ptr<v1::CoordinatorService::Stub> stub_;
  std::shared_ptr<Stream> stream_;
  bool open_ = false;
  // It has been heard of since.
  bool attached_ = false;
  bool leaving_ = false;
  bool stopped_ = false;
  bool complained_ = false;
  std::deque<v1::NodeMessage> pending_;
  rpc::Backoff backoff_;
  // How often in a row Listen() found that nothing had been.
  int silent_ = 0;
};

}  // namespace belfry::node

#endif  // BELFRY_NODE_CONTROL_LINK_H_
