#include "tests/e2e/support/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

// The header of glibc 2.36 forgets that it may be included from C++.
extern "C" {
#include <sys/pidfd.h>
}

extern char** environ;

namespace belfry::e2e {
namespace {

using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kPollInterval{5};

// Nobody but us and who inherits it sees the file, and it needs no cleaning up.
int MakeMemoryFile(absl::string_view content) {
  const int fd = memfd_create("belfry-e2e", MFD_CLOEXEC);
  if (fd < 0) throw std::runtime_error("memfd_create failed");
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = write(fd, content.data() + done, content.size() - done);
    if (n < 0) throw std::runtime_error("a memory file is full");
    done += static_cast<std::size_t>(n);
  }
  lseek(fd, 0, SEEK_SET);
  return fd;
}

std::string Content(int fd) {
  std::string content;
  char buffer[65536];
  while (true) {
    const ssize_t n =
        pread(fd, buffer, sizeof(buffer), static_cast<off_t>(content.size()));
    if (n <= 0) return content;
    content.append(buffer, static_cast<std::size_t>(n));
  }
}

// A test sees the same whatever the shell that runs it has set.
std::vector<std::string> Environment(std::vector<std::string> extra) {
  std::vector<std::string> all = std::move(extra);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const absl::string_view text = *entry;
    if (!absl::StartsWith(text, "BELFRY_") && !absl::StartsWith(text, "XDG_")) {
      all.emplace_back(text);
    }
  }
  return all;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& s : strings) pointers.push_back(s.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

bool WaitFor(const std::function<bool()>& condition,
             std::chrono::milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  while (!condition()) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kPollInterval);
  }
  return true;
}

TempDir::TempDir() {
  path_ = (fs::temp_directory_path() / "belfry-e2e-XXXXXX").string();
  if (mkdtemp(path_.data()) == nullptr) {
    throw std::runtime_error("cannot make a folder for the test");
  }
}

TempDir::~TempDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string TempDir::File(absl::string_view name) const {
  return absl::StrCat(path_, "/", name);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::string& path, absl::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::ostream& operator<<(std::ostream& stream, const Outcome& outcome) {
  return stream << "exit code " << outcome.exit_code
                << (outcome.timed_out ? " (its time was over)" : "")
                << "\n--- stdout\n"
                << outcome.out << "\n--- stderr\n"
                << outcome.err;
}

Program::Program(std::vector<std::string> argv, absl::string_view input,
                 std::vector<std::string> environment) {
  const int in = MakeMemoryFile(input);
  out_ = MakeMemoryFile("");
  err_ = MakeMemoryFile("");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out_, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err_, STDERR_FILENO);
  environment = Environment(std::move(environment));
  const int error =
      posix_spawnp(&pid_, argv[0].c_str(), &actions, nullptr,
                   Pointers(argv).data(), Pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  close(in);
  if (error != 0) throw std::runtime_error("cannot start " + argv[0]);
}

Program::~Program() {
  if (!reaped_) {
    Signal(SIGKILL);
    waitpid(pid_, &status_, 0);
  }
  close(out_);
  close(err_);
}

void Program::Signal(int number) const {
  if (!reaped_) kill(pid_, number);
}

std::string Program::out() const { return Content(out_); }
std::string Program::err() const { return Content(err_); }

bool Program::TryReap() {
  if (!reaped_) reaped_ = waitpid(pid_, &status_, WNOHANG) == pid_;
  return reaped_;
}

Outcome Program::Wait(std::chrono::milliseconds timeout) {
  Outcome outcome;
  outcome.timed_out = !WaitFor([this] { return TryReap(); }, timeout);
  if (outcome.timed_out) {
    Signal(SIGKILL);
    waitpid(pid_, &status_, 0);
    reaped_ = true;
  }
  outcome.exit_code =
      WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  outcome.out = out();
  outcome.err = err();
  return outcome;
}

Outcome RunProgram(std::vector<std::string> argv, absl::string_view input,
                   std::chrono::milliseconds timeout) {
  return Program(std::move(argv), input).Wait(timeout);
}

std::string OpenInBrowser(const std::string& url) {
  const TempDir profile;
  const Outcome outcome = RunProgram(
      {"chromium", "--headless", "--no-sandbox", "--disable-gpu",
       "--disable-quic", "--no-first-run", "--disable-background-networking",
       "--disable-component-update", "--disable-sync",
       absl::StrCat("--user-data-dir=", profile.path()),
       "--virtual-time-budget=3000", "--dump-dom", url});
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  return outcome.out;
}

std::string BinaryPath(absl::string_view name) {
  return absl::StrCat(BELFRY_BINARY_DIR, "/bin/", name);
}

bool SignalAndAwaitDeath(pid_t pid, int number,
                         std::chrono::milliseconds timeout) {
  // A descriptor names this very process, and becomes readable when it ends,
  // whoever has yet to reap it.
  const int fd = pidfd_open(pid, 0);
  if (fd < 0) return errno == ESRCH;
  pidfd_send_signal(fd, number, nullptr, 0);
  pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
  const bool ended = poll(&wait, 1, static_cast<int>(timeout.count())) == 1;
  close(fd);
  return ended;
}

bool IsAlive(pid_t pid) {
  std::string stat = ReadFile(absl::StrCat("/proc/", pid, "/stat"));
  const std::size_t name_end = stat.rfind(')');
  return name_end != std::string::npos && stat.size() > name_end + 2 &&
         stat[name_end + 2] != 'Z';
}

void KillAllWith(const std::string& variable) {
  std::error_code ignored;
  for (const fs::directory_entry& entry :
       fs::directory_iterator("/proc", ignored)) {
    int pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    const std::string environment =
        std::string(1, '\0') + ReadFile(entry.path() / "environ");
    const std::string wanted =
        std::string(1, '\0') + variable + std::string(1, '\0');
    if (absl::StrContains(environment, wanted)) kill(pid, SIGKILL);
  }
}

}  // namespace belfry::e2e
