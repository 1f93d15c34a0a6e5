// What is on its way in a lab::World.
#ifndef BELFRY_LAB_MESSAGE_H_
#define BELFRY_LAB_MESSAGE_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/string_view.h"
#include "kernel/coordinator_event.h"
#include "kernel/cpu_event.h"
#include "lab/fingerprint.h"

namespace belfry::lab {

// Where a message travels. Links are lanes in order; what lies in a *bag* comes
// in any order.
struct Lane {
  enum class Kind : std::uint8_t {
    kData,     // calls: from -> to
    kReply,    // their acknowledgements and answers: from -> to
    kRing,     // a bag: doorbells, and the news that they arrived
    kSelf,     // a bag: what a CPU owes itself, its tasks, its devices
    kControl,  // coordinator -> CPU
    kUp,       // CPU -> coordinator
    kAttach,   // a control link that is not up
    kRequest,  // operations, in the order of their numbers
    kDriver,   // a bag: what the coordinator owes itself
  };
  Kind kind{};
  std::uint32_t from = 0;
  std::uint32_t to = 0;

  bool is_bag() const {
    return kind == Kind::kRing || kind == Kind::kSelf || kind == Kind::kDriver;
  }
  // To the coordinator, not to the CPU `to`.
  bool to_coordinator() const {
    return kind == Kind::kUp || kind == Kind::kRequest || kind == Kind::kDriver;
  }

  friend auto operator<=>(const Lane&, const Lane&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Lane& l) {
    return H::combine(std::move(h), l.kind, kernel::CpuId{l.from},
                      kernel::CpuId{l.to});
  }
};

// By their kinds.
inline constexpr std::array<absl::string_view, 9> kLaneNames = {
    "data", "reply",  "ring",    "self",  "control",
    "up",   "attach", "request", "driver"};
inline constexpr std::size_t kLaneKinds = kLaneNames.size();

struct Message {
  std::variant<kernel::CpuEvent, kernel::CoordinatorEvent> event;
  // The processes that it goes between; 0 for any.
  kernel::Incarnation from;
  kernel::Incarnation to;
  // The effect's gate, for what is not gated as an event.
  std::string gate;
};

// By the names of kernel/event_text.h; "attach 1".
std::string MessageText(const Lane& lane, const Message& message);

template <>
inline constexpr int kMembers<Message> = 4;

template <>
inline constexpr int kMembers<kernel::Call> = 5;
template <>
inline constexpr int kMembers<kernel::Expire> = 1;
template <>
inline constexpr int kMembers<kernel::Enqueue> = 3;
template <>
inline constexpr int kMembers<kernel::Confirmed> = 3;
template <>
inline constexpr int kMembers<kernel::Doorbell> = 2;
template <>
inline constexpr int kMembers<kernel::Latched> = 2;
template <>
inline constexpr int kMembers<kernel::LinkUp> = 3;
template <>
inline constexpr int kMembers<kernel::FunctionReturned> = 2;
template <>
inline constexpr int kMembers<kernel::RunStep> = 2;
template <>
inline constexpr int kMembers<kernel::Overdue> = 2;
template <>
inline constexpr int kMembers<kernel::RunStage> = 1;
template <>
inline constexpr int kMembers<kernel::PowerOff> = 1;
template <>
inline constexpr int kMembers<kernel::ReadersGranted> = 1;
template <>
inline constexpr int kMembers<kernel::Readers> = 1;
template <>
inline constexpr int kMembers<kernel::SleepOnLock> = 1;
template <>
inline constexpr int kMembers<kernel::ArmTimer> = 1;
template <>
inline constexpr int kMembers<kernel::Dead> = 1;
template <>
inline constexpr int kMembers<kernel::StopPublish> = 9;
template <>
inline constexpr int kMembers<kernel::StopAbort> = 2;
template <>
inline constexpr int kMembers<kernel::LeaseOver> = 1;
template <>
inline constexpr int kMembers<kernel::WindowIs> = 2;
template <>
inline constexpr int kMembers<kernel::Kick> = 1;
template <>
inline constexpr int kMembers<kernel::BringOnline> = 1;
template <>
inline constexpr int kMembers<kernel::SetView> = 1;
template <>
inline constexpr int kMembers<kernel::PeerIs> = 2;
template <>
inline constexpr int kMembers<kernel::PeerGone> = 2;

template <>
inline constexpr int kMembers<kernel::StopAck> = 7;
template <>
inline constexpr int kMembers<kernel::StopAborted> = 2;
template <>
inline constexpr int kMembers<kernel::Alive> = 1;
template <>
inline constexpr int kMembers<kernel::StartingDone> = 1;
template <>
inline constexpr int kMembers<kernel::ViewAck> = 1;

template <>
inline constexpr int kMembers<kernel::Request> = 7;
template <>
inline constexpr int kMembers<kernel::CancelOp> = 1;
template <>
inline constexpr int kMembers<kernel::Attached> = 2;
template <>
inline constexpr int kMembers<kernel::ProcessLost> = 2;
template <>
inline constexpr int kMembers<kernel::FromCpuEvent> = 3;
template <>
inline constexpr int kMembers<kernel::Journaled> = 2;
template <>
inline constexpr int kMembers<kernel::PublishState> = 2;
template <>
inline constexpr int kMembers<kernel::StopTick> = 1;
template <>
inline constexpr int kMembers<kernel::HandoffTimeout> = 2;

}  // namespace belfry::lab

#endif  // BELFRY_LAB_MESSAGE_H_
