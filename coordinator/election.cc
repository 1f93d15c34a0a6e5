#include "coordinator/election.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace belfry::coordinator {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kResign{300};

}  // namespace

Election::Election(rpc::Loop* loop, EtcdPlace place, std::chrono::seconds lease,
                   std::string address, Callbacks callbacks)
    : loop_(loop),
      place_(std::move(place)),
      address_(std::move(address)),
      period_(lease),
      callbacks_(std::move(callbacks)),
      client_(place_.endpoints),
      lease_(loop, &client_, lease,
             {.on_granted = [this] { Campaign(); },
              .on_lapsed =
                  [this] {
                    if (leads_) Lose("its lease could not be renewed in time");
                  },
              .on_gone =
                  [this] {
                    if (leads_) Lose("etcd has ended its lease");
                  },
              .on_unanswered =
                  [this](const grpc::Status& status) { Complain(status); }}) {}

Election::~Election() { Stop(); }

void Election::Start() {
  lease_.Start();
  Look();
}

void Election::Stop() {
  stopped_ = true;
  lease_.Stop();
  if (watch_) std::exchange(watch_, nullptr)->Abandon();
}

// The watch makes it fast, the look makes it sure: a member that is cut off
// from the others keeps a watch open, and says nothing.
void Election::Look() {
  if (stopped_) return;
  if (leads_) {
    Watch(watch_from_);
  } else {
    Campaign();
  }
  loop_->After(period_, [this] { Look(); });
}

// Takes the key where nobody has it, else learns who has. A standby whose lease
// has lapsed may not: it would lead for no time.
void Election::Campaign() {
  if (stopped_ || leads_ || asking_ || !lease_.held()) return;
  asking_ = true;
  client_.Ask<etcdserverpb::TxnResponse>(
      loop_,
      [this](const EtcdClient::Member& member, grpc::ClientContext* context) {
        const std::string key = place_.leader_key();
        etcdserverpb::TxnRequest txn;
        CompareCreateRevision(key, 0, &txn);
        PutKey(key, address_, lease_.id(), txn.add_success());
        GetKey(key, txn.add_failure());
        return member.kv->PrepareAsyncTxn(context, txn, loop_->cq());
      },
      period_ / 2,
      [this](const grpc::Status& status,
             const etcdserverpb::TxnResponse& response) {
        asking_ = false;
        if (stopped_) return;
        if (!status.ok()) return Complain(status);
        complained_ = false;
        Answered(response);
      });
}

void Election::Answered(const etcdserverpb::TxnResponse& response) {
  const std::int64_t revision = response.header().revision();
  Watch(revision + 1);
  if (response.succeeded()) {
    return Won({.create_revision = revision, .version = 1});
  }
  const mvccpb::KeyValue key = FirstKey(response);
  // A campaign that had no answer was carried out all the same.
  if (key.lease() == lease_.id()) {
    return Won(
        {.create_revision = key.create_revision(), .version = key.version()});
  }
  StandBy(key.value());
}

// Where the lease has lapsed meanwhile, the next look finds the key again.
void Election::Won(LeaderKey key) {
  if (!lease_.held()) return;
  leads_ = true;
  created_ = key.create_revision;
  leader_ = address_;
  callbacks_.on_elected(
      std::make_unique<EtcdStore>(&client_, place_, key, period_ / 2));
}

void Election::StandBy(const std::string& leader) {
  if (leader_ == leader) return;
  leader_ = leader;
  callbacks_.say(rpc::Level::kInfo,
                 absl::StrCat("stands by; ", leader, " leads"));
}

void Election::Lose(const std::string& why) {
  if (stopped_) return;
  Stop();
  leads_ = false;
  leader_.clear();
  callbacks_.on_lost(absl::AbortedError(
      absl::StrCat("does not lead any more: ", why,
                   "; ends, so that another coordinator takes over")));
}

void Election::Resign() {
  if (lease_.id() == 0) return;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kResign);
  etcdserverpb::LeaseRevokeRequest request;
  request.set_id(lease_.id());
  etcdserverpb::LeaseRevokeResponse response;
  // Without an answer the lease ends by itself.
  client_.member().lease->LeaseRevoke(&context, request, &response);
}

void Election::Complain(const grpc::Status& status) {
  if (std::exchange(complained_, true)) return;
  callbacks_.say(rpc::Level::kWarning,
                 absl::StrCat("etcd does not answer: ", status.error_message(),
                              "; trying again"));
}

// ---- The watch.

void Election::Watch(std::int64_t revision) {
  if (watch_) return;
  watch_from_ = revision;
  watch_asked_ = false;
  watch_ = std::make_shared<Stream>(this);
  watch_->Start([this](grpc::ClientContext* context) {
    return client_.member().watch->PrepareAsyncWatch(context, loop_->cq());
  });
}

bool Election::NextMessage(etcdserverpb::WatchRequest* request) {
  if (std::exchange(watch_asked_, true)) return false;
  etcdserverpb::WatchCreateRequest* create = request->mutable_create_request();
  create->set_key(place_.leader_key());
  create->set_start_revision(watch_from_);
  create->add_filters(etcdserverpb::WatchCreateRequest::NOPUT);
  return true;
}

void Election::OnMessage(etcdserverpb::WatchResponse& response) {
  if (response.canceled()) {
    return std::exchange(watch_, nullptr)->Abandon();
  }
  // A watch may have been opened long before, at a member that was cut off
  // since and now tells of a predecessor's key.
  const bool is_news =
      std::any_of(response.events().begin(), response.events().end(),
                  [this](const mvccpb::Event& event) {
                    return event.kv().mod_revision() > created_;
                  });
  if (!is_news) return;
  if (leads_) return Lose("its key on etcd is gone");
  leader_.clear();
  Campaign();
}

void Election::OnClosed(const grpc::Status&) { watch_ = nullptr; }

}  // namespace belfry::coordinator
