// The store of coordinators on several machines: etcd. Only the one that leads
// has such a store, and only as long as it leads:
//
// - *fenced*: every write is one transaction that compares the create_revision
//   of the leader's key. Whoever leads later has made the key anew, so that a
//   write of an earlier leader, however late it comes, changes nothing.
// - *in order*: each write also puts the leader's key again, with the value and
//   the lease that it has, and compares its version, which so counts the
//   writes. A try that got no answer can be repeated: it is carried out once,
//   and never behind a later write.
//
// A write waits for its answer on the coordinator's one thread, as SQLite's do:
// 1 ms beside an etcd on the same host, and at most half of the lease; then it
// fails, and the coordinator ends. So a coordinator whose etcd has lost its
// majority stands still no longer than that, and stops before another leads.
#ifndef BELFRY_COORDINATOR_ETCD_STORE_H_
#define BELFRY_COORDINATOR_ETCD_STORE_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "coordinator/etcd_client.h"
#include "coordinator/etcd_place.h"
#include "coordinator/store.h"

namespace belfry::coordinator {

// By what the leader's key is known for one's own.
struct LeaderKey {
  std::int64_t create_revision = 0;
  std::int64_t version = 0;
};

class EtcdStore : public Store {
 public:
  EtcdStore(EtcdClient* client, EtcdPlace place, LeaderKey key,
            std::chrono::milliseconds timeout);

  std::string name() const override;
  absl::StatusOr<Records> Read() override;
  absl::Status Write(const Records& records) override;

 private:
  // For messages, of a transaction that came to nothing.
  absl::Status Unanswered(const absl::Status& status) const;
  absl::Status Fenced() const;

  EtcdClient* client_;
  EtcdPlace place_;
  LeaderKey key_;
  std::chrono::milliseconds timeout_;
  // Nothing is there yet: the first write says of which version it is.
  bool fresh_ = false;
};

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_ETCD_STORE_H_
