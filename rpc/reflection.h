// grpc.reflection.v1alpha on the loop, so that grpcurl and its like find what a
// process serves. On the loop for the reason that rpc/health.h gives.
#ifndef BELFRY_RPC_REFLECTION_H_
#define BELFRY_RPC_REFLECTION_H_

#include <grpc/reflection/v1alpha/reflection.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <set>
#include <string>
#include <vector>

namespace belfry::rpc {

class Reflection {
 public:
  // To be registered with the server, which it must outlive.
  grpc::Service* service() { return &service_; }
  // Call once, when the server has been started. `services` by their full
  // names.
  void Serve(std::vector<std::string> services,
             grpc::ServerCompletionQueue* cq);

 private:
  grpc::reflection::v1alpha::ServerReflection::AsyncService service_;
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_REFLECTION_H_
