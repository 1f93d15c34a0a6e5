// Which Belfry this is.
#ifndef BELFRY_RPC_VERSION_H_
#define BELFRY_RPC_VERSION_H_

namespace belfry::rpc {

// "0.1.0".
const char* Version();
// The commit it was configured at, shortened; "unknown" outside of a checkout.
const char* Revision();

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_VERSION_H_
