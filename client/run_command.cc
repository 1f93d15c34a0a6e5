#include <cstdlib>
#include <iostream>

#include "client/commands.h"
#include "client/exit_code.h"

namespace belfry::client {

int RunCommand(const GlobalOptions& options, const Command& command) {
  Output out(std::cout, std::cerr, options);
  Context context{options, out};
  const ExitCode code = std::visit(
      [&context](const auto& chosen) { return Run(context, chosen); }, command);
  out.EndProgress();
  if (code.ok()) return *code;
  out.Error(code.status().message());
  return ExitCodeOf(code.status());
}

}  // namespace belfry::client
