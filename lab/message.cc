#include "lab/message.h"

#include "absl/strings/str_cat.h"
#include "kernel/event_text.h"

namespace belfry::lab {

std::string MessageText(const Lane& lane, const Message& message) {
  if (lane.kind == Lane::Kind::kAttach) {
    return absl::StrCat("attach ", lane.from);
  }
  if (const auto* e = std::get_if<kernel::CpuEvent>(&message.event)) {
    return kernel::EventText(*e, {lane.to});
  }
  return kernel::EventText(std::get<kernel::CoordinatorEvent>(message.event));
}

}  // namespace belfry::lab
