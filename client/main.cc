#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "client/command_line.h"
#include "client/commands.h"
#include "client/exit_code.h"

namespace {

// A descriptor that is closed would be the number of the next file or socket
// that is opened, and what we print would go there. Reading from these and
// writing to them fails, as it does with the closed ones.
void ReserveStandardDescriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) != -1) continue;
    // The lowest free number is this one.
    if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) {
      std::exit(belfry::client::kExitFailed);
    }
  }
}

int Main(int argc, char** argv) {
  const auto parsed =
      belfry::client::ParseCommandLine(argc, argv, std::cout, std::cerr);
  if (parsed.exit_code.has_value()) return *parsed.exit_code;
  return belfry::client::RunCommand(parsed.global, parsed.command);
}

}  // namespace

int main(int argc, char** argv) {
  ReserveStandardDescriptors();
  // A file that may not grow is an error of the write.
  std::signal(SIGXFSZ, SIG_IGN);
  // gRPC would write of every refused connection; we say it ourselves.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  const int exit_code = Main(argc, argv);
  if (std::cout.flush()) return exit_code;
  // An answer that nobody got is none.
  std::cerr << "belfry: cannot write to standard output" << std::endl;
  return exit_code == belfry::client::kExitOk ? belfry::client::kExitFailed
                                              : exit_code;
}
