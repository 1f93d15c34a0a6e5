// Which of several coordinators leads: the one whose lease holds the leader's
// key on etcd. All others stand by: they keep a lease of their own alive, so
// that they can take the key at once, watch it, and know who holds it.
//
// A coordinator leads once in its life. When it has lost the key, or cannot
// know that it has it, the process ends, and with it all that it might still do
// as a leader; whoever started it starts another, which stands by.
#ifndef BELFRY_COORDINATOR_ELECTION_H_
#define BELFRY_COORDINATOR_ELECTION_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "coordinator/etcd_client.h"
#include "coordinator/etcd_place.h"
#include "coordinator/etcd_store.h"
#include "coordinator/lease.h"
#include "coordinator/store.h"
#include "rpc/log.h"
#include "rpc/loop.h"
#include "rpc/stream.h"

namespace belfry::coordinator {

// Everything on the loop's thread.
class Election : public rpc::StreamUser<etcdserverpb::WatchResponse,
                                        etcdserverpb::WatchRequest> {
 public:
  struct Callbacks {
    // This process leads now; the store is valid as long as the election lives.
    std::function<void(std::unique_ptr<Store>)> on_elected;
    // It does not any more, and why. Nothing follows.
    std::function<void(absl::Status)> on_lost;
    std::function<void(rpc::Level, const std::string&)> say;
  };

  // `address` is where this process serves: the others tell it.
  Election(rpc::Loop* loop, EtcdPlace place, std::chrono::seconds lease,
           std::string address, Callbacks callbacks);
  ~Election() override;

  void Start();

  // False from some time before another can lead: by this host's clock, so also
  // in a process that has just been paused, and of which nobody could have told
  // that it was over.
  bool leads() const { return leads_ && lease_.held(); }
  // Where the one serves that leads, as far as is known; empty for none.
  const std::string& leader() const { return leader_; }

  // No callbacks from now on, and nothing that the loop would wait for.
  void Stop();
  // After the loop's end, when nothing of this process can act as a leader any
  // more: gives the lease back, so that nobody has to wait for its end.
  void Resign();

  void OnOpen() override {}
  void OnMessage(etcdserverpb::WatchResponse& response) override;
  bool NextMessage(etcdserverpb::WatchRequest* request) override;
  void OnClosed(const grpc::Status& status) override;

 private:
  using Stream = rpc::ClientStream<etcdserverpb::WatchRequest,
                                   etcdserverpb::WatchResponse>;

  void Look();
  void Campaign();
  void Answered(const etcdserverpb::TxnResponse& response);
  void Won(LeaderKey key);
  void StandBy(const std::string& leader);
  void Lose(const std::string& why);
  void Watch(std::int64_t revision);
  void Complain(const grpc::Status& status);

  rpc::Loop* loop_;
  EtcdPlace place_;
  std::string address_;
  std::chrono::milliseconds period_;
  Callbacks callbacks_;
  EtcdClient client_;
  Lease lease_;

  bool leads_ = false;
  // The revision of etcd that its key is since; 0 while it has none.
  std::int64_t created_ = 0;
  bool stopped_ = false;
  bool asking_ = false;
  bool complained_ = false;
  std::string leader_;

  // Of the key's end.
  std::shared_ptr<Stream> watch_;
  std::int64_t watch_from_ = 0;
  bool watch_asked_ = false;
};

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_ELECTION_H_
