#include "node/control_link.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "rpc/log.h"

namespace belfry::node {
namespace {

constexpr std::chrono::milliseconds kDelayFirst{50};
constexpr std::chrono::milliseconds kDelayMax{1000};

}  // namespace

ControlLink::ControlLink(rpc::Loop* loop, rpc::LamportClock* clock,
                         const std::string& coordinator, Callbacks callbacks)
    : loop_(loop),
      clock_(clock),
      coordinator_(coordinator),
      callbacks_(std::move(callbacks)),
      stub_(v1::CoordinatorService::NewStub(rpc::OpenChannel(coordinator))) {}

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
}

void ControlLink::Send(v1::NodeMessage message) {
  if (!open_) return;
  pending_.push_back(std::move(message));
  stream_->Wake();
}

void ControlLink::Break() {
  if (!open_) return;
  std::exchange(stream_, nullptr)->Abandon();
  OnClosed(grpc::Status::CANCELLED);
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
  delay_ = kDelayFirst;
  complained_ = false;
  clock_->Witness(message.lamport());
  callbacks_.on_message(message);
}

bool ControlLink::NextMessage(v1::NodeMessage* message) {
  if (pending_.empty()) return false;
  *message = std::move(pending_.front());
  pending_.pop_front();
  message->set_lamport(clock_->Tick());
  return true;
}

void ControlLink::OnClosed(const grpc::Status& status) {
  const bool was_open = std::exchange(open_, false);
  if (stopped_) return;
  if (leaving_) {
    if (was_open) callbacks_.on_left();
    return;
  }
  if (!std::exchange(complained_, true)) {
    rpc::Log(rpc::Level::kWarning, "node",
             absl::StrCat(was_open ? "lost the coordinator at "
                                   : "no coordinator answers at ",
                          coordinator_, ": ", status.error_message(),
                          "; trying again"));
  }
  if (was_open) callbacks_.on_lost();
  const auto wait = delay_ + std::chrono::milliseconds(random_() % 50);
  delay_ = std::min(delay_ * 2, kDelayMax);
  loop_->After(wait, [this] { Connect(); });
}

}  // namespace belfry::node
