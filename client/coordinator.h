// The coordinator that the command line talks to: the one that leads, where
// there are several.
#ifndef BELFRY_CLIENT_COORDINATOR_H_
#define BELFRY_CLIENT_COORDINATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "belfry/v1/coordinator.grpc.pb.h"
#include "client/options.h"
#include "client/stub.h"
#include "rpc/backoff.h"
#include "rpc/coordinators.h"

namespace belfry::client {

// Asking twice does no harm. Of all else nobody knows whether a coordinator
// that died had begun with it.
template <typename Request>
inline constexpr bool kMayRepeat =
    std::is_same_v<Request, v1::GetClusterRequest> ||
    std::is_same_v<Request, v1::GetCanaryRequest> ||
    std::is_same_v<Request, v1::ListOperationsRequest> ||
    std::is_same_v<Request, v1::WaitOperationRequest> ||
    std::is_same_v<Request, v1::CancelOperationRequest>;

class Coordinator {
 public:
  using Stub = v1::CoordinatorService::Stub;

  // What to do when nobody answers: looked into only then, for until then its
  // process may well live. Ends the message.
  using Remedy = std::function<std::string()>;

  // At least one address.
  Coordinator(std::vector<std::string> addresses, absl::Duration timeout,
              Remedy remedy);

  // Of the one that leads, as far as is known.
  const std::string& address() const { return coordinators_.current(); }
  absl::Duration timeout() const { return timeout_; }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Ask(UnaryMethod<Stub, Request, Response> method,
                               const Request& request) {
    return Ask(method, request, timeout_);
  }
  // While none leads, and as long as there is time, it looks for one.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Ask(UnaryMethod<Stub, Request, Response> method,
                               const Request& request, absl::Duration timeout) {
    const absl::Time deadline = absl::Now() + timeout;
    if constexpr (!kMayRepeat<Request>) {
      const absl::Status found = FindLeader(timeout);
      if (!found.ok()) return found;
    }
    while (true) {
      absl::StatusOr<Response> response =
          Invoke(*stub_, method, request,
                 TimeFor(deadline, /*may_repeat=*/kMayRepeat<Request>));
      if (response.ok()) return response;
      if (!TurnToNext(response.status(), deadline, kMayRepeat<Request>)) {
        return Explained(response.status());
      }
    }
  }

  absl::StatusOr<v1::Cluster> GetCluster();

 private:
  // Of several, before what may not be repeated.
  absl::Status FindLeader(absl::Duration timeout);
  // For one try: one that does not answer leaves time to ask another.
  absl::Duration TimeFor(absl::Time deadline, bool may_repeat) const;
  // Whether it is worth another try, which then goes to another coordinator,
  // after a pause.
  bool TurnToNext(const absl::Status& status, absl::Time deadline,
                  bool may_repeat);
  absl::Status Explained(const absl::Status& status) const;

  rpc::Coordinators coordinators_;
  absl::Duration timeout_;
  Remedy remedy_;
  std::unique_ptr<Stub> stub_;
  rpc::Backoff backoff_;
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
