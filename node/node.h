// One process, one CPU. A program of one's own links this library, registers
// its functions and becomes a node:
//
//   belfry::node::Functions functions;
//   functions.Register("count_words", belfry::node::Duration::kShort, F);
//   return belfry::node::Main(argc, argv, std::move(functions));
//
// See docs/EXTENDING.md.
#ifndef BELFRY_NODE_NODE_H_
#define BELFRY_NODE_NODE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node/functions.h"
#include "rpc/trace_ring.h"

namespace belfry::node {

struct Options {
  // "host:port" or "unix:PATH"; several where one leads and others stand by.
  std::vector<std::string> coordinators;
  // The CPU number to claim; none: any that is free.
  std::optional<std::uint32_t> cpu;
  // Where to listen; port 0 is any free one.
  std::string listen = "127.0.0.1:0";
  std::string metrics_listen = "127.0.0.1:0";
  // What others are told to connect to, for calls and for /metrics; empty: the
  // address listened on. See rpc/address.h.
  std::string advertise;
  std::string advertise_metrics;
  // Written, whole, when the CPU is there: address=, metrics=, pid= lines.
  std::string address_file;
  bool gates = false;
  // Events that the trace ring keeps.
  std::uint32_t trace_events = rpc::kTraceEvents;
};

class Node {
 public:
  // Listens, and begins to look for the coordinator.
  static absl::StatusOr<std::unique_ptr<Node>> Start(Options options,
                                                     Functions functions);
  ~Node();

  // Serves until Stop(), or until the coordinator rejects this process; returns
  // why then.
  absl::Status Run();

  // From any thread. The first call lets the CPU be taken offline by hotplug
  // first, for up to 5 s; the second ends at once.
  void Stop();

  // After Run(): a function still runs, and the destructor waits for its end.
  bool runs_function() const;

 private:
  class Process;
  explicit Node(std::unique_ptr<Process> process);

  std::unique_ptr<Process> process_;
};

// Parses flags, runs a node until SIGTERM or SIGINT, returns the exit code.
int Main(int argc, char** argv, Functions functions);

}  // namespace belfry::node

#endif  // BELFRY_NODE_NODE_H_
