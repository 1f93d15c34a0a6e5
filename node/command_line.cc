// The node's flags. Apart, because CLI11 is slow to compile.
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <utility>

#include "node/node.h"
#include "rpc/address.h"
#include "rpc/log.h"
#include "rpc/memory.h"
#include "rpc/signals.h"
#include "rpc/version.h"

namespace belfry::node {
namespace {

void AddFlags(CLI::App* app, Options* options, std::string* coordinators) {
  app->add_option("--coordinator", *coordinators,
                  "where the coordinator is: host:port or unix:PATH; several "
                  "with commas between, where some stand by")
      ->envname("BELFRY_COORDINATOR")
      ->required();
  app->add_option("--cpu", options->cpu,
                  "the CPU number to be; without it, any that is free")
      ->envname("BELFRY_CPU");
  app->add_option("--listen", options->listen,
                  "where to serve calls: host:port (port 0: any) or unix:PATH")
      ->envname("BELFRY_LISTEN")
      ->capture_default_str();
  app->add_option("--metrics-listen", options->metrics_listen,
                  "where to serve /metrics: host:port")
      ->envname("BELFRY_METRICS_LISTEN")
      ->capture_default_str();
  app->add_option("--advertise", options->advertise,
                  "what other CPUs are told to call: host[:port]; of a name's "
                  "addresses the one that is this host's; default: --listen")
      ->envname("BELFRY_ADVERTISE");
  app->add_option("--advertise-metrics", options->advertise_metrics,
                  "the same for /metrics; default: --metrics-listen")
      ->envname("BELFRY_ADVERTISE_METRICS");
  app->add_option("--address-file", options->address_file,
                  "write address=, metrics= and pid= here when ready");
  app->add_flag("--gates", options->gates,
                "let clients hold the protocol at named points")
      ->envname("BELFRY_GATES");
  app->add_option("--trace-events", options->trace_events,
                  "protocol events that the ring keeps; 0: none")
      ->check(CLI::Range(0U, rpc::kMaxTraceEvents))
      ->capture_default_str();
  app->set_version_flag("--version", rpc::Version());
}

int Serve(Options options, Functions functions) {
  rpc::Signals signals;
  auto node = Node::Start(std::move(options), std::move(functions));
  if (!node.ok()) {
    rpc::Log(rpc::Level::kError, "node", node.status().message());
    return 1;
  }
  // The third signal ends a process that two could not.
  signals.Watch([&node, count = 0](int) mutable {
    if (++count > 2) ::_exit(1);
    (*node)->Stop();
  });
  const absl::Status status = (*node)->Run();
  signals.Stop();
  if (!status.ok()) rpc::Log(rpc::Level::kError, "node", status.message());
  const int exit_code = status.ok() ? 0 : 1;
  if ((*node)->runs_function()) {
    rpc::Log(rpc::Level::kWarning, "node", "ends in the middle of a function");
    ::_exit(exit_code);
  }
  return exit_code;
}

}  // namespace

int Main(int argc, char** argv, Functions functions) {
  // One heap for the loop's thread and one for gRPC's, which do little: else
  // each has its own, and there are hundreds of nodes on a host.
  ::mallopt(M_ARENA_MAX, 2);
  rpc::EndWhenOutOfMemory();
  Options options;
  std::string coordinators;
  CLI::App app("belfry-node: one CPU of an emulated machine");
  app.footer(
      "Example:\n  belfry-node --coordinator 127.0.0.1:7070 --cpu 3\n\n"
      "SIGTERM takes the CPU offline by hotplug first; a second one ends at "
      "once.");
  AddFlags(&app, &options, &coordinators);
  // CLI11 reports by exceptions and exit codes of its own; they end here.
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  auto addresses = rpc::ParseAddresses("--coordinator", coordinators);
  if (!addresses.ok()) {
    rpc::Log(rpc::Level::kError, "node", addresses.status().message());
    return 2;
  }
  options.coordinators = *std::move(addresses);
  return Serve(std::move(options), std::move(functions));
}

}  // namespace belfry::node
