// Where on which etcd the coordinators of one machine keep their journal.
#ifndef BELFRY_COORDINATOR_ETCD_PLACE_H_
#define BELFRY_COORDINATOR_ETCD_PLACE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace belfry::coordinator {

struct EtcdPlace {
  // "host:port" of the cluster's members.
  std::vector<std::string> endpoints;
  // Before every key; machines with different ones share an etcd.
  std::string prefix;

  // The key that whoever leads holds.
  std::string leader_key() const { return prefix + "/leader"; }
  // Before every record of the journal.
  std::string journal_prefix() const { return prefix + "/journal/"; }
};

// "etcd:HOST:PORT,HOST:PORT,...[/PREFIX]"; the prefix is /belfry where none is
// named.
absl::StatusOr<EtcdPlace> ParseEtcdPlace(const std::string& store);

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_ETCD_PLACE_H_
