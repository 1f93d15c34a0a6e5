// grpc.health.v1 on the loop. gRPC brings one, but with threads of its own, and
// whatever thread looks at the network looks for all: each message would go
// from one of them to the loop's (docs/PERFORMANCE.md).
#ifndef BELFRY_RPC_HEALTH_H_
#define BELFRY_RPC_HEALTH_H_

#include <grpc/health/v1/health.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <set>

namespace belfry::rpc {

// Of the server as a whole, the service without a name; others are not known.
// Everything on the loop's thread, or before it runs.
class Health {
 public:
  Health();
  ~Health();

  // To be registered with the server, which it must outlive.
  grpc::Service* service() { return &service_; }
  // Call once, when the server has been started.
  void Serve(grpc::ServerCompletionQueue* cq);
  // What it answers, and tells those who watch. Not serving at first.
  void SetServing(bool serving);

 private:
  class Watch;
  using Response = grpc::health::v1::HealthCheckResponse;

  Response StateOf(const grpc::health::v1::HealthCheckRequest& request) const;
  void AcceptWatch();

  grpc::health::v1::Health::AsyncService service_;
  grpc::ServerCompletionQueue* cq_ = nullptr;
  bool serving_ = false;
  // Each is kept by what it has under way.
  std::set<Watch*> watches_;
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_HEALTH_H_
