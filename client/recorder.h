// Reads the rings of all processes of a cluster again and again.
#ifndef BELFRY_CLIENT_RECORDER_H_
#define BELFRY_CLIENT_RECORDER_H_

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "belfry/v1/coordinator.pb.h"
#include "belfry/v1/report.pb.h"
#include "client/coordinator.h"
#include "trace/recording.h"

namespace belfry::client {

// Often enough that no ring turns round in between.
inline constexpr absl::Duration kRecordEvery = absl::Milliseconds(200);

class Recorder {
 public:
  explicit Recorder(Coordinator* coordinator) : coordinator_(coordinator) {}

  // Fails when the coordinator does not answer.
  absl::Status Poll();

  // As the last Poll() found it.
  const v1::Cluster& cluster() const { return cluster_; }
  std::size_t events() const { return recording_.events(); }
  v1::TraceReport Trace() const;
  // A new trace begins where this one ends.
  void Forget();

 private:
  void Read(const std::vector<trace::Recording::Ring>& rings,
            const std::vector<std::string>& addresses);
  void Problem(std::uint32_t cpu, absl::string_view message);

  Coordinator* coordinator_;
  v1::Cluster cluster_;
  trace::Recording recording_;
  bool has_beginning_ = true;
  // Each is told once.
  std::set<std::string> problems_;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_RECORDER_H_
