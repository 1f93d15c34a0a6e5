// What happened lately, for the log and for the live page.
#ifndef BELFRY_COORDINATOR_EVENTS_H_
#define BELFRY_COORDINATOR_EVENTS_H_

#include <cstddef>
#include <deque>

#include "absl/strings/string_view.h"
#include "belfry/v1/report.pb.h"
#include "rpc/log.h"

namespace belfry::coordinator {

// Everything on the loop's thread.
class Events {
 public:
  // Writes a line to the log, too.
  void Add(rpc::Level level, absl::string_view text);

  // The last 50, the newest last.
  const std::deque<v1::LiveState::Event>& all() const { return events_; }

 private:
  static constexpr std::size_t kKept = 50;

  std::deque<v1::LiveState::Event> events_;
};

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_EVENTS_H_
