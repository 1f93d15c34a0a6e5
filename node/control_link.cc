#include "node/control_link.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "rpc/channel.h"
#include "rpc/codec.h"
#include "rpc/log.h"
#include "rpc/status.h"

namespace belfry::node {
namespace {

constexpr std::chrono::milliseconds kDelayFirst{50};
constexpr std::chrono::milliseconds kDelayMax{1000};
// All CPUs wait for one that stands by, and that may lead at any moment.
constexpr std::chrono::milliseconds kDelayMaxOfSeveral{200};
// For the connection to one of several. gRPC bounds it (rpc/channel.cc), but
// not the look-up of a name, which may take a minute when its host is gone.
constexpr std::chrono::seconds kConnectMax{1};
// Three halves of a lease: then another coordinator leads. More than one,
// because a process that was paused itself finds messages only after this
// clock.
constexpr int kSilentMax = 3;

}  // namespace

ControlLink::ControlLink(rpc::Loop* loop, rpc::LamportClock* clock,
                         std::vector<std::string> coordinators,
                         Callbacks callbacks)
    : loop_(loop),
      clock_(clock),
      coordinators_(std::move(coordinators)),
      callbacks_(std::move(callbacks)),
      stub_(v1::CoordinatorService::NewStub(rpc::OpenChannel(coordinator()))),
      backoff_(kDelayFirst,
               coordinators_.several() ? kDelayMaxOfSeveral : kDelayMax) {}

ControlLink::~ControlLink() { Stop(); }

void ControlLink::Connect() {
  callbacks_.on_attach([this] { Open(); });
}

void ControlLink::Open() {
  if (stopped_ || leaving_) return;
  stream_ = std::make_shared<Stream>(this);
  stream_->Start([this](grpc::ClientContext* context) {
    return stub_->PrepareAsyncAttach(context, loop_->cq());
  });
  if (!coordinators_.several()) return;
  loop_->After(kConnectMax, [this, stream = std::weak_ptr(stream_)] {
    if (open_ || stopped_ || !stream_ || stream_ != stream.lock()) return;
    GiveUp(grpc::Status(grpc::StatusCode::UNAVAILABLE,
                        "no connection comes about"));
  });
}

void ControlLink::Send(v1::NodeMessage message) {
  if (!open_) return;
  pending_.push_back(std::move(message));
  stream_->Wake();
}

void ControlLink::Break(const grpc::Status& why) {
  if (open_) GiveUp(why);
}

void ControlLink::GiveUp(const grpc::Status& why) {
  std::exchange(stream_, nullptr)->Abandon();
  OnClosed(why);
}

void ControlLink::Leave() {
  leaving_ = true;
  if (!open_) return callbacks_.on_left();
  v1::NodeMessage message;
  message.mutable_leaving();
  Send(std::move(message));
}

void ControlLink::Stop() {
  stopped_ = true;
  open_ = false;
  if (stream_) std::exchange(stream_, nullptr)->Abandon();
}

void ControlLink::OnOpen() {
  open_ = true;
  pending_.clear();
  v1::NodeMessage message;
  *message.mutable_hello() = callbacks_.hello();
  pending_.push_back(std::move(message));
}

void ControlLink::OnMessage(v1::CoordinatorMessage& message) {
  backoff_.Reset();
  complained_ = false;
  silent_ = 0;
  attached_ = true;
  clock_->Witness(message.lamport());
  if (message.has_beat()) return;
  if (message.has_welcome() && message.welcome().has_leader_lease()) {
    Listen(stream_, rpc::FromDuration(message.welcome().leader_lease()));
  }
  callbacks_.on_message(message);
}

void ControlLink::Listen(const std::weak_ptr<Stream>& stream,
                         std::chrono::nanoseconds lease) {
  loop_->After(lease / 2, [this, stream, lease] {
    if (!open_ || stream_ != stream.lock()) return;
    if (++silent_ > kSilentMax) {
      return Break(grpc::Status(grpc::StatusCode::UNAVAILABLE,
                                "nothing is heard of it any more"));
    }
    Listen(stream, lease);
  });
}

bool ControlLink::NextMessage(v1::NodeMessage* message) {
  if (pending_.empty()) return false;
  *message = std::move(pending_.front());
  pending_.pop_front();
  message->set_lamport(clock_->Tick());
  return true;
}

void ControlLink::OnClosed(const grpc::Status& status) {
  stream_ = nullptr;
  const bool was_open = std::exchange(open_, false);
  const bool was_attached = std::exchange(attached_, false);
  if (stopped_) return;
  if (leaving_) {
    if (was_open) callbacks_.on_left();
    return;
  }
  if (!std::exchange(complained_, true)) {
    rpc::Log(rpc::Level::kWarning, "node",
             absl::StrCat(was_attached ? "lost the coordinator at "
                                       : "no coordinator answers at ",
                          coordinator(), ": ", status.error_message(),
                          "; trying again"));
  }
  if (was_attached) callbacks_.on_lost();
  const std::string last = coordinator();
  const bool all_asked = coordinators_.Next(rpc::LeaderOf(status));
  if (coordinator() != last) {
    stub_ = v1::CoordinatorService::NewStub(rpc::OpenChannel(coordinator()));
  }
  const auto wait = backoff_.Jittered();
  if (all_asked) backoff_.Grow();
  loop_->After(wait, [this] { Connect(); });
}

}  // namespace belfry::node
