#include "rpc/hello.h"

namespace belfry::rpc {

Hellos::Hellos(Loop* loop, prometheus::Registry* registry,
               std::chrono::milliseconds time)
    : loop_(loop),
      time_(time),
      silent_(&prometheus::BuildCounter()
                   .Name("belfry_streams_silent_total")
                   .Help("Streams that were opened to this process, and closed "
                         "because no hello came.")
                   .Register(*registry)
                   .Add({})) {}

}  // namespace belfry::rpc
