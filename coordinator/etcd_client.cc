#include "coordinator/etcd_client.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "rpc/channel.h"

namespace belfry::coordinator {
namespace {

using std::chrono::milliseconds;

// Between two tries of a transaction whose caller waits.
constexpr milliseconds kPauseFirst{10};
constexpr milliseconds kPauseMax{100};

}  // namespace

EtcdClient::EtcdClient(const std::vector<std::string>& endpoints)
    : backoff_(kPauseFirst, kPauseMax) {
  for (const std::string& endpoint : endpoints) {
    const auto channel = rpc::OpenChannel(endpoint);
    members_.push_back({.endpoint = endpoint,
                        .kv = etcdserverpb::KV::NewStub(channel),
                        .lease = etcdserverpb::Lease::NewStub(channel),
                        .watch = etcdserverpb::Watch::NewStub(channel)});
  }
}

void EtcdClient::Failed(const Member& member) {
  if (&member == &members_[current_]) {
    current_ = (current_ + 1) % members_.size();
  }
}

absl::StatusOr<etcdserverpb::TxnResponse> EtcdClient::Txn(
    const etcdserverpb::TxnRequest& request, milliseconds timeout) {
  const auto end = std::chrono::system_clock::now() + timeout;
  backoff_.Reset();
  while (true) {
    const Member& asked = member();
    grpc::ClientContext context;
    context.set_deadline(
        std::min(end, std::chrono::system_clock::now() + timeout / 3));
    etcdserverpb::TxnResponse response;
    const grpc::Status status = asked.kv->Txn(&context, request, &response);
    if (status.ok()) return response;
    Failed(asked);
    const milliseconds pause = backoff_.Jittered();
    const bool may_answer_yet =
        status.error_code() == grpc::StatusCode::UNAVAILABLE ||
        status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
    if (!may_answer_yet || std::chrono::system_clock::now() + pause >= end) {
      return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                          absl::StrCat("etcd at ", asked.endpoint, ": ",
                                       status.error_message()));
    }
    std::this_thread::sleep_for(pause);
    backoff_.Grow();
  }
}

void CompareCreateRevision(const std::string& key, std::int64_t revision,
                           etcdserverpb::TxnRequest* txn) {
  etcdserverpb::Compare* compare = txn->add_compare();
  compare->set_result(etcdserverpb::Compare::EQUAL);
  compare->set_target(etcdserverpb::Compare::CREATE);
  compare->set_key(key);
  compare->set_create_revision(revision);
}

void CompareVersion(const std::string& key, std::int64_t version,
                    etcdserverpb::TxnRequest* txn) {
  etcdserverpb::Compare* compare = txn->add_compare();
  compare->set_result(etcdserverpb::Compare::EQUAL);
  compare->set_target(etcdserverpb::Compare::VERSION);
  compare->set_key(key);
  compare->set_version(version);
}

void PutKey(const std::string& key, const std::string& value,
            std::int64_t lease, etcdserverpb::RequestOp* op) {
  etcdserverpb::PutRequest* put = op->mutable_request_put();
  put->set_key(key);
  put->set_value(value);
  put->set_lease(lease);
}

void GetKey(const std::string& key, etcdserverpb::RequestOp* op) {
  op->mutable_request_range()->set_key(key);
}

void GetKeysBelow(const std::string& prefix, etcdserverpb::RequestOp* op) {
  std::string end = prefix;
  ++end.back();
  op->mutable_request_range()->set_key(prefix);
  op->mutable_request_range()->set_range_end(end);
}

mvccpb::KeyValue FirstKey(const etcdserverpb::TxnResponse& response) {
  if (response.responses().empty() ||
      response.responses(0).response_range().kvs().empty()) {
    return {};
  }
  return response.responses(0).response_range().kvs(0);
}

}  // namespace belfry::coordinator
