// The coordinator that the command line talks to.
#ifndef BELFRY_CLIENT_COORDINATOR_H_
#define BELFRY_CLIENT_COORDINATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "belfry/v1/coordinator.grpc.pb.h"
#include "client/options.h"
#include "client/stub.h"

namespace belfry::client {

class Coordinator {
 public:
  using Stub = v1::CoordinatorService::Stub;

  // What to do when nobody answers: looked into only then, for until then its
  // process may well live. Ends the message.
  using Remedy = std::function<std::string()>;

  Coordinator(std::string address, absl::Duration timeout, Remedy remedy);

  const std::string& address() const { return address_; }
  absl::Duration timeout() const { return timeout_; }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Ask(UnaryMethod<Stub, Request, Response> method,
                               const Request& request) {
    return Ask(method, request, timeout_);
  }
  template <typename Request, typename Response>
  absl::StatusOr<Response> Ask(UnaryMethod<Stub, Request, Response> method,
                               const Request& request, absl::Duration timeout) {
    absl::StatusOr<Response> response =
        Invoke(*stub_, method, request, timeout);
    if (!response.ok()) return Explained(response.status());
    return response;
  }

  absl::StatusOr<v1::Cluster> GetCluster();

 private:
  absl::Status Explained(const absl::Status& status) const;

  std::string address_;
  absl::Duration timeout_;
  Remedy remedy_;
  std::unique_ptr<Stub> stub_;
};

// The one that --coordinator names, else the one of the state directory.
absl::StatusOr<Coordinator> Connect(const GlobalOptions& options);

// The row of one CPU; INVALID_ARGUMENT names those that there are.
absl::StatusOr<v1::CpuInfo> FindCpuInfo(const v1::Cluster& cluster,
                                        std::uint32_t cpu);

// Whether the machine has all these CPUs: what names others is the command
// line's mistake, and nothing is done.
absl::Status CheckPossible(Coordinator& coordinator,
                           const std::vector<std::uint32_t>& cpus);

// "1" for the lowest online one; nothing when none is online.
std::optional<std::uint32_t> LowestOnline(const v1::Cluster& cluster);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_COORDINATOR_H_
