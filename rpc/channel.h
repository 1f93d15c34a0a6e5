// Channels between Belfry's processes.
#ifndef BELFRY_RPC_CHANNEL_H_
#define BELFRY_RPC_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

namespace belfry::rpc {

// To "host:port" or "unix:PATH", for long-lived streams: with keepalive, and a
// connection of its own. Connects when it is first used.
std::shared_ptr<grpc::Channel> OpenChannel(const std::string& address);

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_CHANNEL_H_
