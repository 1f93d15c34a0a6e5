#include "coordinator/events.h"

#include <chrono>
#include <string>
#include <utility>

#include "rpc/codec.h"

namespace belfry::coordinator {

void Events::Add(rpc::Level level, absl::string_view text) {
  rpc::Log(level, "coordinator", text);
  v1::LiveState::Event event;
  *event.mutable_time() = rpc::ToTimestamp(std::chrono::system_clock::now());
  event.set_level(std::string(rpc::LevelName(level)));
  event.set_text(std::string(text));
  events_.push_back(std::move(event));
  if (events_.size() > kKept) events_.pop_front();
}

}  // namespace belfry::coordinator
