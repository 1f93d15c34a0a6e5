#include "rpc/memory.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <new>

#include "absl/strings/string_view.h"

namespace belfry::rpc {
namespace {

// More than is asked for at once.
constexpr std::size_t kProbe = 8 << 20;

// gRPC allocates in C, and aborts without a word, or writes to where nothing
// was given: by what could be had now it is told whether that was for want of
// memory. The line is ready: making one takes memory.
void OnEnd(int) {
  const void* probe = ::mmap(nullptr, kProbe, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  constexpr absl::string_view kLine =
      "error: out of memory: the process ends (see ulimit -v, or the "
      "container's memory limit)\n";
  if (probe != MAP_FAILED) return;
  [[maybe_unused]] const ssize_t written =
      ::write(STDERR_FILENO, kLine.data(), kLine.size());
}

}  // namespace

void EndWhenOutOfMemory() {
  struct sigaction action {};
  action.sa_handler = OnEnd;
  // Once: where this returns abort() goes on, and what has failed fails again.
  action.sa_flags = SA_RESETHAND;
  ::sigaction(SIGABRT, &action, nullptr);
  ::sigaction(SIGSEGV, &action, nullptr);
  std::set_new_handler([] { std::abort(); });
}

}  // namespace belfry::rpc
