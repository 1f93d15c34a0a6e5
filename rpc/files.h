// Files by which processes of one host find each other.
#ifndef BELFRY_RPC_FILES_H_
#define BELFRY_RPC_FILES_H_

#include <string>

#include "absl/status/status.h"

namespace belfry::rpc {

// Writes the file whole or not at all: a reader never sees half of it.
absl::Status WriteFileAtomically(const std::string& path,
                                 const std::string& content);

// "address=...", "metrics=...", "pid=..." of this process.
absl::Status WriteAddressFile(const std::string& path,
                              const std::string& address,
                              const std::string& metrics);

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_FILES_H_
