// The data links of a CPU: a stream for each CPU that it calls, opened on
// demand, and those that others opened to it. Calls, their acknowledgements and
// doorbells, and what stop_two_cpus() sends; never the coordinator's control.
#ifndef BELFRY_NODE_LINKS_H_
#define BELFRY_NODE_LINKS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "belfry/v1/coordinator.pb.h"
#include "belfry/v1/node.grpc.pb.h"
#include "node/cpu_driver.h"
#include "rpc/backoff.h"
#include "rpc/hello.h"
#include "rpc/loop.h"
#include "rpc/server.h"

namespace belfry::node {

class OutLink;
class InLink;

// Everything on the loop's thread.
class Links {
 public:
  Links(rpc::Loop* loop, rpc::LamportClock* clock, Functions* functions,
        prometheus::Registry* registry);
  ~Links();

  // Call once, when the CPU is there. From then on peers may call it.
  void Start(CpuDriver* driver, v1::CpuService::AsyncService* service,
             grpc::ServerCompletionQueue* cq);

  // Of our calls to that CPU: breaks the link, and opens it again.
  void Break(kernel::CpuId dst);
  // The CPU is told that the link for its calls is up.
  void OnTold(kernel::CpuId dst);

  // Where everybody is. Tells the CPU of processes that are new.
  void SetPeers(const v1::Peers& peers);

  void Send(const kernel::SendEnqueue& m);
  void Send(const kernel::SendEnqueued& m);
  void Send(const kernel::SendDone& m);
  void Send(const kernel::SendRing& m);
  void Send(const kernel::SendLatched& m);
  void Send(const kernel::SendStopTwo& m);
  void Send(const kernel::SendStopTwoReport& m);
  // What was sent since the last time goes on the wire, in as few frames as
  // there are links.
  void Flush();

  // Closes links without calls that were idle since the last time; confirms
  // answers where nothing else is said. To be called some times a minute.
  void Tidy();
  // Breaks them all: the process ends.
  void Stop();

 private:
  friend class OutLink;
  friend class InLink;

  OutLink* Find(kernel::CpuId dst);
  OutLink* FindOrOpen(kernel::CpuId dst);
  InLink* FindInbound(kernel::CpuId src);
  void Reopen(kernel::CpuId dst);
  // Something is under way to that CPU.
  bool IsNeeded(kernel::CpuId dst) const;
  Functions* functions() const { return functions_; }

  rpc::Loop* loop_;
  rpc::LamportClock* clock_;
  Functions* functions_;
  rpc::Hellos hellos_;
  CpuDriver* driver_ = nullptr;
  bool stopped_ = false;
  std::map<kernel::CpuId, v1::Peer> peers_;
  std::map<kernel::CpuId, std::unique_ptr<OutLink>> out_;
  // The process to which the link was up when it broke.
  std::map<kernel::CpuId, std::uint64_t> broken_;
  // Owned by their streams.
  std::map<kernel::CpuId, InLink*> in_;
  // Links that have something to say since the last Flush(). By name: until
  // then a link may be gone.
  std::vector<kernel::CpuId> spoken_out_;
  std::vector<kernel::CpuId> spoken_in_;
  // Jittered, so that all callers of a CPU do not come back at once.
  std::map<kernel::CpuId, rpc::Backoff> reopen_;
};

}  // namespace belfry::node

#endif  // BELFRY_NODE_LINKS_H_
