#include <cstdlib>
#include <iostream>

#include "client/command_line.h"
#include "client/commands.h"

int main(int argc, char** argv) {
  // gRPC would write of every refused connection; we say it ourselves.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  const auto parsed =
      belfry::client::ParseCommandLine(argc, argv, std::cout, std::cerr);
  if (parsed.exit_code.has_value()) return *parsed.exit_code;
  return belfry::client::RunCommand(parsed.global, parsed.command);
}
