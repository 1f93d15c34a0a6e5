// The address that others are told, for a thread that may not wait.
#ifndef BELFRY_RPC_KEPT_ADDRESS_H_
#define BELFRY_RPC_KEPT_ADDRESS_H_

#include <memory>
#include <string>

namespace belfry::rpc {

// ReachableAddress(), as it was a few seconds ago at most, or when names could
// last be looked up: that may take a minute where nobody answers. Where there
// is a name to look up, a thread of its own does. Thread-safe.
class KeptAddress {
 public:
  // Looks it up for the first time.
  KeptAddress(std::string advertise, std::string listening);
  // Does not wait for a look-up.
  ~KeptAddress();
  KeptAddress(const KeptAddress&) = delete;
  KeptAddress& operator=(const KeptAddress&) = delete;

  std::string Get() const;

 private:
  struct State;

  // The thread's as well.
  std::shared_ptr<State> state_;
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_KEPT_ADDRESS_H_
