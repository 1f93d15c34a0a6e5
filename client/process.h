// Child processes, and whether a process that somebody started still lives.
#ifndef BELFRY_CLIENT_PROCESS_H_
#define BELFRY_CLIENT_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace belfry::client {

// A pid alone names another process after a while; with the time at which the
// process started it does not, until the host boots again.
struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;

  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

// What /proc/PID/stat says.
struct ProcStat {
  char state = '?';
  std::uint64_t start_time = 0;
};
// Nothing when the text is not of that form. The name in it may hold anything.
std::optional<ProcStat> ParseProcStat(absl::string_view text);

// False for a zombie: it runs nothing, whoever has yet to reap it.
bool IsAlive(const ProcessId& process);

// The process that has this pid now, if its program's name begins so.
absl::StatusOr<ProcessId> FindRunning(pid_t pid, absl::string_view program);

// Empty where the host does not tell.
std::string BootId();

enum class Lifetime {
  // It outlives us.
  kOwn,
  // It is killed when we end, however we end.
  kOurs,
};

// Starts a program in a session of its own, with nothing to read, and its
// output added to the file `log`. With kOurs, call it on a thread that lives as
// long as the program. `network` is the file of the network namespace that it
// runs in; empty: in ours.
absl::StatusOr<ProcessId> Spawn(const std::vector<std::string>& argv,
                                const std::string& log,
                                Lifetime lifetime = Lifetime::kOwn,
                                const std::string& network = "");

// Nothing is done when the process is dead.
void SendSignal(const ProcessId& process, int number);

// True when all are dead before the time is over. Reaps those that are ours.
bool WaitForDeath(const std::vector<ProcessId>& processes,
                  absl::Duration timeout);

// How a child of ours ended, "signal 9" or "exit code 1"; empty when it has not
// or is not ours.
std::string Reap(const ProcessId& process);

// The program beside our own, else the one in PATH.
absl::StatusOr<std::string> FindProgram(absl::string_view name);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_PROCESS_H_
