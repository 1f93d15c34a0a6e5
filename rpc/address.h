// How a process says where it is reached.
#ifndef BELFRY_RPC_ADDRESS_H_
#define BELFRY_RPC_ADDRESS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace belfry::rpc {

// What a server of ours can be told to listen on: "host:port", the port from 0
// (any) to 65535, or "unix:PATH". InvalidArgument says what is wrong with it.
absl::Status CheckListenAddress(const std::string& listen);

// "host:port,unix:PATH,...": addresses to connect to, at least one. `what`
// names the list in the error: "--coordinator".
absl::StatusOr<std::vector<std::string>> ParseAddresses(
    const std::string& what, const std::string& list);
// "[::1]:7000" is {"::1", "7000"}.
std::pair<std::string, std::string> SplitAddress(const std::string& address);

// The address that others are told, "host:port" or "unix:PATH".
//
// `advertise` is what the user wants told; empty: `listening`, which is where a
// server of ours listens, with this host's name in place of a wildcard address.
// A port 0, or none, in `advertise` is the one of `listening`. Where the host
// is a name with several addresses, of which one is this host's own, that one
// is told: so all replicas of a container can share one network alias as
// `advertise`. A name that cannot be resolved here is told as it is.
std::string ReachableAddress(const std::string& advertise,
                             const std::string& listening);
// Whether that asks the resolver, who may take his time.
bool LooksUpAName(const std::string& advertise, const std::string& listening);

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_ADDRESS_H_
