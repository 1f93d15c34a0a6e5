// Reads the command line into plain structs.
#ifndef BELFRY_CLIENT_COMMAND_LINE_H_
#define BELFRY_CLIENT_COMMAND_LINE_H_

#include <optional>
#include <ostream>

#include "client/options.h"

namespace belfry::client {

struct CommandLine {
  // Set when there is nothing left to do: after --help, or a usage error.
  std::optional<int> exit_code;
  GlobalOptions global;
  Command command;
};

CommandLine ParseCommandLine(int argc, char** argv, std::ostream& out,
                             std::ostream& err);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_COMMAND_LINE_H_
