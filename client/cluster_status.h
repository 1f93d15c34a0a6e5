// What runs, and where: `belfry status`, and the answer of `up`.
#ifndef BELFRY_CLIENT_CLUSTER_STATUS_H_
#define BELFRY_CLIENT_CLUSTER_STATUS_H_

#include <string>

#include "belfry/v1/report.pb.h"
#include "client/options.h"
#include "client/output.h"
#include "client/state_dir.h"

namespace belfry::client {

// Always answers: what is wrong is in `problems`.
v1::ClusterStatus StatusOf(const GlobalOptions& options, const StateDir& dir);

std::string StatusText(const v1::ClusterStatus& status, const Output& out);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_CLUSTER_STATUS_H_
