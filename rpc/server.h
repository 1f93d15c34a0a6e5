// A gRPC server on a loop: one listening address, health, reflection, and the
// debug service that every Belfry process has.
#ifndef BELFRY_RPC_SERVER_H_
#define BELFRY_RPC_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "belfry/v1/debug.grpc.pb.h"
#include "rpc/clock.h"
#include "rpc/gates.h"
#include "rpc/health.h"
#include "rpc/listener.h"
#include "rpc/loop.h"
#include "rpc/reflection.h"

namespace belfry::rpc {

// What the debug service shows of its process.
struct DebugTarget {
  Gates* gates;
  LamportClock* clock;
  // A gate's own name, or InvalidArgument.
  std::function<absl::StatusOr<std::string>(const std::string&)> parse_gate;
  std::function<v1::ReadTraceResponse(std::uint64_t after_lamport)> read_trace;
};

// By its full name, which reflection tells.
struct NamedService {
  std::string name;
  grpc::Service* service;
};

class Server {
 public:
  // Listens on "host:port" (port 0: any) or "unix:PATH". Unavailable when the
  // address is taken. The services must outlive the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const std::string& listen, std::vector<NamedService> services);
  ~Server();

  Loop& loop() { return *loop_; }
  grpc::ServerCompletionQueue* cq() const { return cq_; }
  // Where it is reached: with the real port.
  const std::string& address() const { return address_; }

  // Call once, before Run().
  void ServeDebug(DebugTarget target);
  // What the health service answers. Not serving at first. On the loop's
  // thread, or before it runs.
  void SetServing(bool serving);
  // On the loop's thread: finishes what runs within `grace`, then ends the
  // loop.
  void Shutdown(std::chrono::milliseconds grace);

 private:
  Server() = default;

  // Bound to the queue of loop_: destroyed in the reverse order.
  std::unique_ptr<Loop> loop_;
  v1::DebugService::AsyncService debug_;
  Health health_;
  Reflection reflection_;
  std::unique_ptr<grpc::Server> server_;
  grpc::ServerCompletionQueue* cq_ = nullptr;
  std::string address_;
  std::thread stopper_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_SERVER_H_
