// belfry top on a terminal of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "client/exit_code.h"
#include "tests/e2e/support/cluster.h"

namespace belfry::e2e {
namespace {

using ::testing::HasSubstr;

// A program on a pseudo-terminal of 80 columns and 24 lines.
class OnTerminal {
 public:
  OnTerminal(const std::string& program, const Arguments& arguments) {
    winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    pid_ = forkpty(&terminal_, nullptr, nullptr, &size);
    if (pid_ != 0) return;
    std::vector<char*> argv = {const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments) {
      argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    execv(program.c_str(), argv.data());
    _exit(127);
  }
  ~OnTerminal() {
    if (pid_ > 0) kill(pid_, SIGKILL);
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
    close(terminal_);
  }

  void Type(const std::string& keys) {
    EXPECT_EQ(write(terminal_, keys.data(), keys.size()),
              static_cast<ssize_t>(keys.size()));
  }

  void Resize(unsigned short rows, unsigned short columns) {
    const winsize size{
        .ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(ioctl(terminal_, TIOCSWINSZ, &size), 0);
  }

  // Everything written from now on until the text is in it; all that came when
  // it does not come.
  std::string ReadUntil(const std::string& text) {
    std::string seen;
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end &&
           seen.find(text) == std::string::npos) {
      pollfd ready{terminal_, POLLIN, 0};
      char buffer[4096];
      if (poll(&ready, 1, 100) <= 0) continue;
      const ssize_t length = read(terminal_, buffer, sizeof(buffer));
      if (length <= 0) break;
      seen.append(buffer, static_cast<std::size_t>(length));
    }
    return seen;
  }

  int AwaitExit() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  tcflag_t LocalModes() const {
    termios modes{};
    EXPECT_EQ(tcgetattr(terminal_, &modes), 0);
    return modes.c_lflag;
  }

 private:
  pid_t pid_ = 0;
  int terminal_ = -1;
};

TEST(TopTest, ShowsTheMachineObeysKeysAndLeavesTheTerminalAsItWas) {
  const Cluster cluster({.cpus = 3});
  const Arguments arguments = {"--state-dir", cluster.state_dir(), "top",
                               "--interval", "200ms"};
  OnTerminal top(std::string(BELFRY_BINARY_DIR) + "/bin/belfry", arguments);
  EXPECT_THAT(top.ReadUntil("> cpu/0"), HasSubstr("online 0-2 of 0-2"));
  EXPECT_EQ(top.LocalModes() & (ECHO | ICANON), 0u);
  // Three keys at once: down, down, and the CPU there goes.
  top.Type("\033[B\033[Bo");
  EXPECT_THAT(top.ReadUntil("cpu/2 offlined"), HasSubstr("cpu/2 offlined"));
  EXPECT_TRUE(cluster.AwaitState(2, v1::CPU_STATE_OFFLINE));
  top.Resize(10, 40);
  EXPECT_THAT(top.ReadUntil("> cpu/2  offline"), HasSubstr("> cpu/2  offline"));
  top.Type("o");
  EXPECT_TRUE(cluster.AwaitState(2, v1::CPU_STATE_ONLINE));
  top.Type("q");
  // Back to the screen that was there before.
  EXPECT_THAT(top.ReadUntil("\033[?1049l"), HasSubstr("\033[?25h"));
  EXPECT_EQ(top.AwaitExit(), client::kExitOk);
  EXPECT_EQ(top.LocalModes() & (ECHO | ICANON), ECHO | ICANON);
}

TEST(TopTest, WithoutATerminalItSaysWhatElseThereIs) {
  const Cluster cluster({.cpus = 2});
  const Outcome top = cluster.Run({"top"});
  EXPECT_EQ(top.exit_code, client::kExitUsage) << top;
  EXPECT_THAT(top.err, HasSubstr("top -o json"));
  const auto state = cluster.Ask<v1::LiveState>({"top"});
  EXPECT_EQ(state.cluster().cpus_size(), 2);
}

}  // namespace
}  // namespace belfry::e2e
