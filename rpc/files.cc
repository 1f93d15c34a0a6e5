#include "rpc/files.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace belfry::rpc {
namespace {

// The error of the last call; nothing stays behind.
absl::Status GiveUp(const std::string& part, const std::string& path) {
  const int error = errno;
  std::remove(part.c_str());
  return absl::ErrnoToStatus(error, absl::StrCat("cannot write ", path));
}

}  // namespace

absl::Status WriteFileAtomically(const std::string& path,
                                 const std::string& content) {
  const std::string part = absl::StrCat(path, ".part");
  {
    std::ofstream file(part, std::ios::trunc);
    file << content;
    if (!file.flush()) return GiveUp(part, path);
  }
  if (std::rename(part.c_str(), path.c_str()) != 0) return GiveUp(part, path);
  return absl::OkStatus();
}

absl::Status WriteAddressFile(const std::string& path,
                              const std::string& address,
                              const std::string& metrics) {
  return WriteFileAtomically(
      path, absl::StrCat("address=", address, "\nmetrics=", metrics,
                         "\npid=", ::getpid(), "\n"));
}

}  // namespace belfry::rpc
