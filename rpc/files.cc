#include "rpc/files.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace belfry::rpc {

absl::Status WriteFileAtomically(const std::string& path,
                                 const std::string& content) {
  const std::string part = absl::StrCat(path, ".part");
  {
    std::ofstream file(part, std::ios::trunc);
    file << content;
    if (!file.flush()) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", part));
    }
  }
  if (std::rename(part.c_str(), path.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  }
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
