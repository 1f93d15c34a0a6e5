#include "client/exit_code.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"

namespace belfry::client {
namespace {

TEST(ExitCodeTest, OkIsZero) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(WithExitCode(absl::OkStatus(), 12)), 0);
}

TEST(ExitCodeTest, AnErrorWithoutACodeIsOne) {
  EXPECT_EQ(ExitCodeOf(absl::AbortedError("x")), 1);
}

TEST(ExitCodeTest, AnRpcErrorIs64PlusItsCode) {
  EXPECT_EQ(ExitCodeOf(WithRpcExitCode(absl::InvalidArgumentError("x"))), 67);
  EXPECT_EQ(ExitCodeOf(WithRpcExitCode(absl::FailedPreconditionError("x"))),
            73);
  EXPECT_EQ(ExitCodeOf(WithRpcExitCode(absl::UnavailableError("x"))), 78);
}

TEST(ExitCodeTest, APassedDeadlineIs124) {
  EXPECT_EQ(ExitCodeOf(WithRpcExitCode(absl::DeadlineExceededError("x"))), 124);
}

TEST(ExitCodeTest, AUsageErrorIsTwo) {
  EXPECT_EQ(ExitCodeOf(UsageError("x")), 2);
}

TEST(ExitCodeTest, TheLastCodeGivenCounts) {
  EXPECT_EQ(ExitCodeOf(WithExitCode(UsageError("x"), 130)), 130);
}

}  // namespace
}  // namespace belfry::client
