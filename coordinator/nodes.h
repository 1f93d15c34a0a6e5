// The nodes' control links, seen from the coordinator: who is attached, where
// it is reached, what it last reported.
#ifndef BELFRY_COORDINATOR_NODES_H_
#define BELFRY_COORDINATOR_NODES_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "belfry/v1/coordinator.grpc.pb.h"
#include "kernel/coordinator.h"
#include "rpc/clock.h"
#include "rpc/hello.h"
#include "rpc/log.h"
#include "rpc/loop.h"
#include "rpc/server.h"

namespace belfry::coordinator {

class NodeLink;

// What is known of the process that has, or had, a CPU's number.
struct NodeInfo {
  v1::NodeHello hello;
  v1::NodeReport report;
  std::chrono::system_clock::time_point report_time;
};

// Everything on the loop's thread.
class Nodes {
 public:
  struct Callbacks {
    // Not OK: this process stands by, and no node may attach.
    std::function<grpc::Status()> check_leads;
    std::function<void(kernel::CoordinatorEvent)> feed;
    // The welcome of a CPU.
    std::function<v1::Welcome(kernel::CpuId)> welcome;
    // The view's number now.
    std::function<std::uint64_t()> view_number;
    // The number for a process that names none: the one that it has already,
    // else a free one. ResourceExhausted: there is none. Unavailable: it is not
    // known yet which are free.
    std::function<absl::StatusOr<kernel::CpuId>(kernel::Incarnation)>
        number_for;
    // The process that has the number, as the machine knows it; 0: none.
    std::function<kernel::Incarnation(kernel::CpuId)> incarnation_of;
    // A process has claimed the number: to be remembered before it is welcome.
    std::function<void(kernel::CpuId, kernel::Incarnation)> on_claimed;
    // A process was turned away for good.
    std::function<void(const absl::Status& why)> on_rejected;
    std::function<void(rpc::Level, const std::string&)> say;
  };

  Nodes(rpc::Loop* loop, rpc::LamportClock* clock, std::uint32_t possible,
        prometheus::Registry* registry, Callbacks callbacks);
  ~Nodes();

  // The last process of each CPU that was declared dead, from the journal: call
  // before any process is let in.
  void SetFences(std::map<kernel::CpuId, kernel::Incarnation> fences) {
    fenced_ = std::move(fences);
  }
  void Serve(v1::CoordinatorService::AsyncService* service,
             grpc::ServerCompletionQueue* cq);

  // Dropped when that process' link is down: the machine repeats what matters.
  void Send(kernel::CpuId cpu, kernel::Incarnation incarnation,
            const kernel::ToCpu& message);

  // Of an attached CPU: report a leak that is none for so long; 0 ends it.
  void SetCanary(kernel::CpuId cpu, std::chrono::nanoseconds lifetime);

  // To all that are attached, who else would not notice that this host is gone.
  void Beat();

  // That process is to be held for dead: it may not come back. False when it
  // has come back meanwhile.
  bool Bury(const kernel::ProcessLost& lost);

  // Null when no process ever had the number.
  const NodeInfo* Find(kernel::CpuId cpu) const;
  bool attached(kernel::CpuId cpu) const { return links_.contains(cpu); }

  void Stop();

 private:
  friend class NodeLink;

  absl::StatusOr<kernel::CpuId> Claim(const v1::NodeHello& hello) const;
  std::uint64_t IncarnationFor(kernel::CpuId cpu,
                               const v1::NodeHello& hello) const;
  kernel::Incarnation FenceOf(kernel::CpuId cpu) const;
  void Attach(NodeLink* link, const v1::NodeHello& hello);
  // False when the CPU has another link by now, or never had this one.
  bool Remove(const NodeLink* link);
  // Sends the introductions that wait, unless something else has taken them
  // along.
  void IntroduceSoon();
  // The link broke: its process may come back.
  void Detach(const NodeLink* link);
  // Its process says that it ends.
  void Leave(const NodeLink* link);
  rpc::Loop* loop_;
  rpc::LamportClock* clock_;
  std::uint32_t possible_;
  rpc::Hellos hellos_;
  Callbacks callbacks_;
  bool stopped_ = false;
  bool introducing_ = false;
  std::map<kernel::CpuId, NodeInfo> infos_;
  // Owned by their streams.
  std::map<kernel::CpuId, NodeLink*> links_;
  // How often its link broke.
  std::map<kernel::CpuId, std::uint64_t> breaks_;
  // The last incarnation that was declared dead: it may not come back.
  std::map<kernel::CpuId, kernel::Incarnation> fenced_;
};

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_NODES_H_
