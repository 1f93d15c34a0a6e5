#include "client/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "client/files.h"

namespace belfry::client {
namespace {

// Of /proc/PID/stat, counted from the state, which follows the name.
constexpr std::size_t kStartTimeField = 19;

// The rest runs in the child, between fork and exec, where nothing but system
// calls is safe: another thread may have held any lock.

void TakeFiles(const char* log) {
  const int input = open("/dev/null", O_RDONLY);
  const int output = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
}

// As a shell would give them, not as we have them.
void ResetSignals() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
    signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool EnterNetwork(const char* network) {
  if (network[0] == '\0') return true;
  const int file = open(network, O_RDONLY);
  return file >= 0 && setns(file, CLONE_NEWNET) == 0;
}

// Returns only when the program could not be started. `failure` is closed by
// exec, or else told the errno.
void Become(char* const* argv, const char* log, pid_t parent, Lifetime lifetime,
            const char* network, int failure) {
  setsid();
  if (lifetime == Lifetime::kOurs) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // It may have ended before that.
    if (getppid() != parent) _exit(1);
  }
  TakeFiles(log);
  ResetSignals();
  // None of our other files; the failure's is closed by exec.
  close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  if (EnterNetwork(network)) execv(argv[0], argv);
  const int error = errno;
  (void)!write(failure, &error, sizeof(error));
  _exit(1);
}

// ---- And here is the parent again.

std::optional<ProcStat> ReadProcStat(pid_t pid) {
  const auto text = ReadFile(absl::StrCat("/proc/", pid, "/stat"));
  if (!text.ok()) return std::nullopt;
  return ParseProcStat(*text);
}

absl::Status CannotStart(const std::string& program, int error) {
  return absl::InternalError(
      absl::StrCat("cannot start ", program, ": ", std::strerror(error)));
}

}  // namespace

std::optional<ProcStat> ParseProcStat(absl::string_view text) {
  // The name stands in parentheses and may hold any of them itself.
  const std::size_t name_end = text.rfind(") ");
  if (name_end == absl::string_view::npos) return std::nullopt;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(text.substr(name_end + 2), ' ');
  ProcStat stat;
  if (fields.size() <= kStartTimeField || fields[0].size() != 1 ||
      !absl::SimpleAtoi(fields[kStartTimeField], &stat.start_time)) {
    return std::nullopt;
  }
  stat.state = fields[0][0];
  return stat;
}

bool IsAlive(const ProcessId& process) {
  if (process.pid <= 0) return false;
  const std::optional<ProcStat> stat = ReadProcStat(process.pid);
  return stat.has_value() && stat->start_time == process.start_time &&
         stat->state != 'Z' && stat->state != 'X';
}

absl::StatusOr<ProcessId> FindRunning(pid_t pid, absl::string_view program) {
  const auto name = ReadFile(absl::StrCat("/proc/", pid, "/comm"));
  const std::optional<ProcStat> stat = ReadProcStat(pid);
  if (!name.ok() || !stat.has_value() || !absl::StartsWith(*name, program)) {
    return absl::NotFoundError(
        absl::StrCat("process ", pid, " is no ", program));
  }
  return ProcessId{.pid = pid, .start_time = stat->start_time};
}

std::string BootId() {
  const auto text = ReadFile("/proc/sys/kernel/random/boot_id");
  return text.ok() ? std::string(absl::StripAsciiWhitespace(*text)) : "";
}

absl::StatusOr<ProcessId> Spawn(const std::vector<std::string>& argv,
                                const std::string& log, Lifetime lifetime,
                                const std::string& network) {
  std::vector<char*> arguments;
  for (const std::string& argument : argv) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  int failure[2];
  if (pipe2(failure, O_CLOEXEC) != 0) return CannotStart(argv[0], errno);
  const pid_t parent = getpid();
  ProcessId process;
  process.pid = fork();
  if (process.pid == 0) {
    Become(arguments.data(), log.c_str(), parent, lifetime, network.c_str(),
           failure[1]);
  }
  const int fork_error = errno;
  close(failure[1]);
  const absl::Cleanup close_failure = [&failure] { close(failure[0]); };
  if (process.pid < 0) return CannotStart(argv[0], fork_error);
  // Ends when the program runs, or has said why not.
  int error = 0;
  if (read(failure[0], &error, sizeof(error)) == sizeof(error)) {
    waitpid(process.pid, nullptr, 0);
    return CannotStart(argv[0], error);
  }
  // It cannot be gone before we reap it.
  const std::optional<ProcStat> stat = ReadProcStat(process.pid);
  if (stat.has_value()) process.start_time = stat->start_time;
  return process;
}

void SendSignal(const ProcessId& process, int number) {
  if (IsAlive(process)) kill(process.pid, number);
}

bool WaitForDeath(const std::vector<ProcessId>& processes,
                  absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  while (true) {
    const bool alive =
        std::any_of(processes.begin(), processes.end(),
                    [](const ProcessId& process) { return IsAlive(process); });
    if (!alive) break;
    if (absl::Now() >= end) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  for (const ProcessId& process : processes) Reap(process);
  return true;
}

std::string Reap(const ProcessId& process) {
  int status = 0;
  if (waitpid(process.pid, &status, WNOHANG) != process.pid) return "";
  if (WIFSIGNALED(status)) return absl::StrCat("signal ", WTERMSIG(status));
  return absl::StrCat("exit code ", WEXITSTATUS(status));
}

absl::StatusOr<std::string> FindProgram(absl::string_view name) {
  std::error_code error;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", error);
  std::vector<std::string> folders;
  if (!error) folders.push_back(own.parent_path().string());
  if (const char* path = std::getenv("PATH"); path != nullptr) {
    for (absl::string_view folder : absl::StrSplit(path, ':')) {
      folders.emplace_back(folder);
    }
  }
  for (const std::string& folder : folders) {
    const std::string candidate = absl::StrCat(folder, "/", name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return absl::NotFoundError(
      absl::StrCat(name,
                   " is neither beside belfry nor in PATH; both belong to one "
                   "installation"));
}

}  // namespace belfry::client
