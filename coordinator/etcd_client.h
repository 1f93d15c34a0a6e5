// The members of an etcd cluster, any of which can be asked: what one does not
// answer the next may.
#ifndef BELFRY_COORDINATOR_ETCD_CLIENT_H_
#define BELFRY_COORDINATOR_ETCD_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "etcd/rpc.grpc.pb.h"
#include "rpc/async_call.h"
#include "rpc/backoff.h"
#include "rpc/loop.h"

namespace belfry::coordinator {

// Everything on one thread.
class EtcdClient {
 public:
  struct Member {
    std::string endpoint;
    std::unique_ptr<etcdserverpb::KV::Stub> kv;
    std::unique_ptr<etcdserverpb::Lease::Stub> lease;
    std::unique_ptr<etcdserverpb::Watch::Stub> watch;
  };

  explicit EtcdClient(const std::vector<std::string>& endpoints);

  // The one that is asked now.
  const Member& member() const { return members_[current_]; }
  // It did not answer: another is asked from now on. Said late of one that is
  // not asked any more, it changes nothing.
  void Failed(const Member& member);

  // Asks once, on the loop. `start(member, context)` is PrepareAsync<Method> of
  // one of the member's stubs.
  template <typename Response, typename Start, typename Done>
  void Ask(rpc::Loop* loop, const Start& start,
           std::chrono::milliseconds timeout, Done done) {
    const Member* asked = &member();
    rpc::AsyncCall<Response>::Run(
        loop,
        [asked, &start](grpc::ClientContext* context) {
          return start(*asked, context);
        },
        timeout,
        [this, asked, done = std::move(done)](const grpc::Status& status,
                                              const Response& response) {
          if (!status.ok()) Failed(*asked);
          done(status, response);
        });
  }

  // Waits for the answer, of one member after the other, up to `timeout` in all
  // and a third of it for each. One that did not answer may carry the
  // transaction out all the same, even after this has returned: it must compare
  // something that makes a second time harmless.
  absl::StatusOr<etcdserverpb::TxnResponse> Txn(
      const etcdserverpb::TxnRequest& request,
      std::chrono::milliseconds timeout);

 private:
  std::vector<Member> members_;
  std::size_t current_ = 0;
  rpc::Backoff backoff_;
};

// ---- The parts of a transaction.

// The key was made at this revision; 0: it is not there.
void CompareCreateRevision(const std::string& key, std::int64_t revision,
                           etcdserverpb::TxnRequest* txn);
// It was put so often since.
void CompareVersion(const std::string& key, std::int64_t version,
                    etcdserverpb::TxnRequest* txn);
void PutKey(const std::string& key, const std::string& value,
            std::int64_t lease, etcdserverpb::RequestOp* op);
void GetKey(const std::string& key, etcdserverpb::RequestOp* op);
void GetKeysBelow(const std::string& prefix, etcdserverpb::RequestOp* op);

// What GetKey() found, as the first answer of the transaction; a key that is
// not there has create_revision 0.
mvccpb::KeyValue FirstKey(const etcdserverpb::TxnResponse& response);

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_ETCD_CLIENT_H_
