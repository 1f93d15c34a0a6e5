#include "coordinator/etcd_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace belfry::coordinator {
namespace {

// Beside the records, and no record itself.
constexpr char kVersionKey[] = "version";

}  // namespace

EtcdStore::EtcdStore(EtcdClient* client, EtcdPlace place, LeaderKey key,
                     std::chrono::milliseconds timeout)
    : client_(client), place_(std::move(place)), key_(key), timeout_(timeout) {}

std::string EtcdStore::name() const {
  return absl::StrCat("etcd:", absl::StrJoin(place_.endpoints, ","),
                      place_.prefix);
}

absl::StatusOr<Store::Records> EtcdStore::Read() {
  etcdserverpb::TxnRequest txn;
  CompareCreateRevision(place_.leader_key(), key_.create_revision, &txn);
  GetKeysBelow(place_.journal_prefix(), txn.add_success());
  const auto answer = client_->Txn(txn, timeout_);
  if (!answer.ok()) return Unanswered(answer.status());
  if (!answer->succeeded()) return Fenced();
  Records records;
  for (const mvccpb::KeyValue& kv :
       answer->responses(0).response_range().kvs()) {
    records[kv.key().substr(place_.journal_prefix().size())] = kv.value();
  }
  fresh_ = records.empty();
  if (fresh_) return records;
  const std::string version = std::exchange(records[kVersionKey], "");
  records.erase(kVersionKey);
  if (version == absl::StrCat(kStoreVersion)) return records;
  return WrongVersion(name(), version.empty() ? "none" : version);
}

absl::Status EtcdStore::Write(const Records& records) {
  const std::string leader = place_.leader_key();
  etcdserverpb::TxnRequest txn;
  CompareCreateRevision(leader, key_.create_revision, &txn);
  CompareVersion(leader, key_.version, &txn);
  etcdserverpb::PutRequest* again = txn.add_success()->mutable_request_put();
  again->set_key(leader);
  again->set_ignore_value(true);
  again->set_ignore_lease(true);
  const auto put = [&](const std::string& key, const std::string& value) {
    PutKey(place_.journal_prefix() + key, value, 0, txn.add_success());
  };
  for (const auto& [key, value] : records) put(key, value);
  if (fresh_) put(kVersionKey, absl::StrCat(kStoreVersion));
  GetKey(leader, txn.add_failure());

  const auto answer = client_->Txn(txn, timeout_);
  if (!answer.ok()) return Unanswered(answer.status());
  if (!answer->succeeded()) {
    // Only this very write can have counted one up: a try without an answer.
    const mvccpb::KeyValue found = FirstKey(*answer);
    if (found.create_revision() != key_.create_revision ||
        found.version() != key_.version + 1) {
      return Fenced();
    }
  }
  ++key_.version;
  fresh_ = false;
  return absl::OkStatus();
}

absl::Status EtcdStore::Unanswered(const absl::Status& status) const {
  return absl::Status(
      status.code(),
      absl::StrCat("the journal ", name(), " cannot be written or read: ",
                   std::string(status.message())));
}

absl::Status EtcdStore::Fenced() const {
  return absl::AbortedError(
      absl::StrCat("the journal ", name(),
                   " refuses this coordinator: it does not lead any "
                   "more"));
}

}  // namespace belfry::coordinator
