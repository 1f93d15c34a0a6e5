// The coordinator over HTTP: Prometheus' scrape and its list of targets, the
// live page, and the alerts that come back.
#ifndef BELFRY_COORDINATOR_WEB_H_
#define BELFRY_COORDINATOR_WEB_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "belfry/v1/report.pb.h"
#include "rpc/http_server.h"
#include "rpc/loop.h"

namespace belfry::coordinator {

// Called on the loop's thread.
struct WebCallbacks {
  std::function<v1::LiveState()> state;
  // An alert about the canary has come back. Not OK: it was for the coordinator
  // that leads.
  std::function<grpc::Status()> on_canary_detected;
};

//   GET  /            the live page
//   GET  /api/state   what it shows: LiveState as JSON
//   GET  /targets     Prometheus' HTTP service discovery: every live process
//   GET  /metrics
//   POST /alerts      Alertmanager's webhook. One that stands by answers 503 to
//                     the canary's: Alertmanager sends it again, and elsewhere,
//                     where the name that it sends to has several addresses
std::vector<rpc::HttpRoute> WebRoutes(
    rpc::Loop* loop, std::shared_ptr<const prometheus::Collectable> metrics,
    WebCallbacks callbacks);

// The body of GET /targets. The coordinator itself is one of them.
std::string TargetsJson(const v1::Cluster& cluster);

// How many alerts that fire in an Alertmanager notification are about the
// canary; or what is wrong with the body.
absl::StatusOr<int> CountCanaryAlerts(const std::string& body);

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_WEB_H_
