// A lease on etcd, renewed on the coordinator's own loop: a process whose loop
// stands still loses it, and should.
#ifndef BELFRY_COORDINATOR_LEASE_H_
#define BELFRY_COORDINATOR_LEASE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "coordinator/etcd_client.h"
#include "rpc/backoff.h"
#include "rpc/loop.h"
#include "rpc/stream.h"

namespace belfry::coordinator {

// Everything on the loop's thread.
class Lease : public rpc::StreamUser<etcdserverpb::LeaseKeepAliveResponse,
                                     etcdserverpb::LeaseKeepAliveRequest> {
 public:
  struct Callbacks {
    // There is a lease.
    std::function<void()> on_granted;
    // held() has just become false.
    std::function<void()> on_lapsed;
    // etcd has ended it; another is asked for, and on_granted follows.
    std::function<void()> on_gone;
    // It cannot be asked for, and why; it will be again.
    std::function<void(const grpc::Status&)> on_unanswered;
  };

  Lease(rpc::Loop* loop, EtcdClient* client, std::chrono::seconds time,
        Callbacks callbacks);
  ~Lease() override;

  void Start();
  void Stop();

  // 0: there is none.
  std::int64_t id() const { return id_; }
  // By this host's clock alone, and a good while before it ends on etcd: etcd
  // counts from when it got a request, this from when it was sent. Clocks may
  // differ in what they show, not much in how fast they run.
  bool held() const { return std::chrono::steady_clock::now() < end_; }

  void OnOpen() override {}
  void OnMessage(etcdserverpb::LeaseKeepAliveResponse& response) override;
  bool NextMessage(etcdserverpb::LeaseKeepAliveRequest* request) override;
  void OnClosed(const grpc::Status& status) override;

 private:
  using Clock = std::chrono::steady_clock;
  using Stream = rpc::ClientStream<etcdserverpb::LeaseKeepAliveRequest,
                                   etcdserverpb::LeaseKeepAliveResponse>;

  void Ask();
  void Renew(std::int64_t id);
  void OpenStream();
  void CloseStream();
  void RenewedAt(Clock::time_point sent);

  rpc::Loop* loop_;
  EtcdClient* client_;
  // As asked for, then as granted.
  std::chrono::seconds time_;
  Callbacks callbacks_;
  rpc::Backoff backoff_;
  std::int64_t id_ = 0;
  Clock::time_point end_;
  bool stopped_ = false;

  std::shared_ptr<Stream> stream_;
  // Whose stream it is.
  const EtcdClient::Member* member_ = nullptr;
  // A renewal is to be sent; it was, then, and is not answered.
  bool due_ = false;
  bool waiting_ = false;
  Clock::time_point sent_;
};

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_LEASE_H_
