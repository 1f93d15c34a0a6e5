#include "client/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "client/files.h"

extern char** environ;

namespace belfry::client {
namespace {

// Of /proc/PID/stat, counted from the state, which follows the name.
constexpr std::size_t kStartTimeField = 19;

// A program starts with the signals as a shell would give them, not as we have
// them, and with none of our files.
class SpawnSettings {
 public:
  explicit SpawnSettings(const std::string& log) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null",
                                     O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, log.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&actions_, STDOUT_FILENO, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes_);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(
        &attributes_, static_cast<short>(POSIX_SPAWN_SETSID) |
                          POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSettings() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

std::optional<ProcStat> ReadProcStat(pid_t pid) {
  const auto text = ReadFile(absl::StrCat("/proc/", pid, "/stat"));
  if (!text.ok()) return std::nullopt;
  return ParseProcStat(*text);
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

std::string BootId() {
  const auto text = ReadFile("/proc/sys/kernel/random/boot_id");
  return text.ok() ? std::string(absl::StripAsciiWhitespace(*text)) : "";
}

absl::StatusOr<ProcessId> Spawn(const std::vector<std::string>& argv,
                                const std::string& log) {
  std::vector<char*> arguments;
  for (const std::string& argument : argv) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  const SpawnSettings settings(log);
  ProcessId process;
  const int error =
      posix_spawn(&process.pid, arguments[0], settings.actions(),
                  settings.attributes(), arguments.data(), environ);
  if (error != 0) {
    return absl::InternalError(
        absl::StrCat("cannot start ", argv[0], ": ", std::strerror(error)));
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
