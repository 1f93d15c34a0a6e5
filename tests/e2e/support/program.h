// Programs, run as a shell would run them: with arguments, a bounded time, and
// all that they say kept.
#ifndef BELFRY_TESTS_E2E_SUPPORT_PROGRAM_H_
#define BELFRY_TESTS_E2E_SUPPORT_PROGRAM_H_

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace belfry::e2e {

// Longer than anything takes, also under a sanitizer on a busy host: who waits
// so long has found a hang.
inline constexpr std::chrono::seconds kPatience{60};

// True as soon as the condition is; false when the time is over.
bool WaitFor(const std::function<bool()>& condition,
             std::chrono::milliseconds timeout = kPatience);

// A folder for one test, removed with all that is in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string File(absl::string_view name) const;

 private:
  std::string path_;
};

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, absl::string_view content);

// What a program that has ended left.
struct Outcome {
  // As a shell has it: 128 + N when signal N ended it.
  int exit_code = -1;
  // It was killed because its time was over.
  bool timed_out = false;
  std::string out;
  std::string err;
};

// For messages of failed expectations.
std::ostream& operator<<(std::ostream& stream, const Outcome& outcome);

// A program in the background. It and all that it has started end with this
// object at the latest.
class Program {
 public:
  // Given `input` to read, and `environment` ("NAME=value") on top of ours.
  explicit Program(std::vector<std::string> argv, absl::string_view input = "",
                   std::vector<std::string> environment = {});
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int number) const;
  // What it has said until now.
  std::string out() const;
  std::string err() const;
  // Kills it when the time is over.
  Outcome Wait(std::chrono::milliseconds timeout = kPatience);

 private:
  bool TryReap();

  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  bool reaped_ = false;
  int status_ = 0;
};

Outcome RunProgram(std::vector<std::string> argv, absl::string_view input = "",
                   std::chrono::milliseconds timeout = kPatience);

// The document at the URL as a browser has it, once its scripts have run; a
// failure of the test when there is none.
std::string OpenInBrowser(const std::string& url);

// One of the programs that are tested.
std::string BinaryPath(absl::string_view name);

// Also of a process that is not ours: true when it has ended in time.
bool SignalAndAwaitDeath(pid_t pid, int number,
                         std::chrono::milliseconds timeout = kPatience);
bool IsAlive(pid_t pid);

// Kills every process whose environment has the variable, as those that a
// program of the test left behind.
void KillAllWith(const std::string& variable);

}  // namespace belfry::e2e

#endif  // BELFRY_TESTS_E2E_SUPPORT_PROGRAM_H_
