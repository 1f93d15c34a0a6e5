#include "coordinator/lease.h"

#include <utility>

namespace belfry::coordinator {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAskAgainFirst{100};
constexpr milliseconds kAskAgainMax{1000};
// Renewals in the time of a lease: some may fail.
constexpr int kRenewals = 5;

}  // namespace

Lease::Lease(rpc::Loop* loop, EtcdClient* client, std::chrono::seconds time,
             Callbacks callbacks)
    : loop_(loop),
      client_(client),
      time_(time),
      callbacks_(std::move(callbacks)),
      backoff_(kAskAgainFirst, kAskAgainMax) {}

Lease::~Lease() { Stop(); }

void Lease::Start() { Ask(); }

void Lease::Stop() {
  stopped_ = true;
  CloseStream();
}

void Lease::Ask() {
  if (stopped_) return;
  client_->Ask<etcdserverpb::LeaseGrantResponse>(
      loop_,
      [this](const EtcdClient::Member& member, grpc::ClientContext* context) {
        etcdserverpb::LeaseGrantRequest request;
        request.set_ttl(time_.count());
        return member.lease->PrepareAsyncLeaseGrant(context, request,
                                                    loop_->cq());
      },
      milliseconds(time_) / 2,
      [this, sent = Clock::now()](
          const grpc::Status& status,
          const etcdserverpb::LeaseGrantResponse& response) {
        if (stopped_) return;
        if (!status.ok()) {
          callbacks_.on_unanswered(status);
          loop_->After(backoff_.Jittered(), [this] { Ask(); });
          return backoff_.Grow();
        }
        backoff_.Reset();
        id_ = response.id();
        time_ = std::chrono::seconds(response.ttl());
        RenewedAt(sent);
        Renew(id_);
        callbacks_.on_granted();
      });
}

void Lease::RenewedAt(Clock::time_point sent) {
  end_ = sent + milliseconds(time_) * 7 / 8;
  loop_->After(end_ - Clock::now(), [this, end = end_] {
    if (!stopped_ && end_ == end) callbacks_.on_lapsed();
  });
}

// Again and again, as long as it is this lease.
void Lease::Renew(std::int64_t id) {
  if (stopped_ || id != id_) return;
  if (waiting_) {
    client_->Failed(*member_);
    CloseStream();
  }
  due_ = true;
  if (!stream_) OpenStream();
  stream_->Wake();
  loop_->After(milliseconds(time_) / kRenewals, [this, id] { Renew(id); });
}

void Lease::OpenStream() {
  member_ = &client_->member();
  stream_ = std::make_shared<Stream>(this);
  // It counts as asked from here: a member that does not even open the stream
  // is not waited for, either.
  waiting_ = true;
  stream_->Start([this](grpc::ClientContext* context) {
    return member_->lease->PrepareAsyncLeaseKeepAlive(context, loop_->cq());
  });
}

void Lease::CloseStream() {
  waiting_ = false;
  if (stream_) std::exchange(stream_, nullptr)->Abandon();
}

bool Lease::NextMessage(etcdserverpb::LeaseKeepAliveRequest* request) {
  if (!std::exchange(due_, false)) return false;
  waiting_ = true;
  sent_ = Clock::now();
  request->set_id(id_);
  return true;
}

void Lease::OnMessage(etcdserverpb::LeaseKeepAliveResponse& response) {
  waiting_ = false;
  if (response.ttl() > 0) return RenewedAt(sent_);
  CloseStream();
  id_ = 0;
  end_ = Clock::time_point();
  callbacks_.on_gone();
  Ask();
}

void Lease::OnClosed(const grpc::Status&) {
  client_->Failed(*member_);
  waiting_ = false;
  stream_ = nullptr;
}

}  // namespace belfry::coordinator
