// The coordinators that a process was told of, and which of them to ask now.
// One leads; a standby names the leader, where it knows it (rpc::NotLeader).
#ifndef BELFRY_RPC_COORDINATORS_H_
#define BELFRY_RPC_COORDINATORS_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace belfry::rpc {

class Coordinators {
 public:
  // At least one address.
  explicit Coordinators(std::vector<std::string> addresses)
      : addresses_(std::move(addresses)), current_(addresses_.front()) {}

  const std::string& current() const { return current_; }
  bool several() const { return addresses_.size() > 1; }

  // The current one is no leader: the one that it names, else the next of the
  // list. True when that begins the list anew: then it is time to wait longer.
  bool Next(const std::string& named) {
    if (!named.empty() && named != current_) {
      current_ = named;
      return false;
    }
    index_ = (index_ + 1) % addresses_.size();
    current_ = addresses_[index_];
    return index_ == 0;
  }

 private:
  std::vector<std::string> addresses_;
  std::size_t index_ = 0;
  // Not of the list, where a standby has named another.
  std::string current_;
};

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_COORDINATORS_H_
