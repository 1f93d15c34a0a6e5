#include "kernel/errno.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace belfry::kernel {
namespace {

struct Row {
  Errno value;
  int host;
  std::string name;
};

TEST(ErrnoTest, NumbersNamesAndTextsAreLinux) {
  const Row rows[] = {
      {Errno::kOk, 0, "0"},
      {Errno::kEperm, EPERM, "EPERM"},
      {Errno::kEnoent, ENOENT, "ENOENT"},
      {Errno::kEio, EIO, "EIO"},
      {Errno::kEnxio, ENXIO, "ENXIO"},
      {Errno::kEagain, EAGAIN, "EAGAIN"},
      {Errno::kEnomem, ENOMEM, "ENOMEM"},
      {Errno::kEbusy, EBUSY, "EBUSY"},
      {Errno::kEinval, EINVAL, "EINVAL"},
      {Errno::kEnospc, ENOSPC, "ENOSPC"},
      {Errno::kEnosys, ENOSYS, "ENOSYS"},
      {Errno::kEopnotsupp, EOPNOTSUPP, "EOPNOTSUPP"},
      {Errno::kEnobufs, ENOBUFS, "ENOBUFS"},
      {Errno::kEtimedout, ETIMEDOUT, "ETIMEDOUT"},
      {Errno::kEcanceled, ECANCELED, "ECANCELED"},
      {Errno::kEownerdead, EOWNERDEAD, "EOWNERDEAD"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(static_cast<int>(row.value), row.host);
    EXPECT_EQ(ErrnoName(row.value), row.name);
    EXPECT_EQ(ErrnoText(row.value), std::strerror(row.host)) << row.name;
  }
  EXPECT_EQ(ErrnoName(static_cast<Errno>(9999)), "EIO");
}

}  // namespace
}  // namespace belfry::kernel
