// Between the wire's messages and the protocol's values, both ways. Total: what
// cannot be decoded is an InvalidArgument that says what is wrong, never a
// crash.
#ifndef BELFRY_RPC_CODEC_H_
#define BELFRY_RPC_CODEC_H_

#include <chrono>

#include "absl/status/statusor.h"
#include "belfry/v1/coordinator.pb.h"
#include "belfry/v1/types.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "kernel/control.h"
#include "kernel/coordinator_event.h"
#include "trace/codec.h"

namespace belfry::rpc {

google::protobuf::Duration ToDuration(std::chrono::nanoseconds duration);
std::chrono::nanoseconds FromDuration(
    const google::protobuf::Duration& duration);

absl::StatusOr<kernel::View> FromProto(const v1::View& view);

// Profiles, views, operations and trace events.
using trace::FromProto;
using trace::FromTimestamp;
using trace::ToProto;
using trace::ToTimestamp;

// The control link. PeerIs has no message of its own: it travels in Peers, with
// the address.
v1::Handover ToProto(const kernel::Handover& handover);
kernel::Handover FromProto(const v1::Handover& handover);

v1::CoordinatorMessage ToProto(const kernel::ToCpu& message);
v1::NodeMessage ToProto(const kernel::FromCpu& message);
absl::StatusOr<kernel::FromCpu> FromProto(const v1::NodeMessage& message);
// Messages that are no order to the CPU's machine (Welcome, Peers, Rejected)
// are InvalidArgument.
absl::StatusOr<kernel::ToCpu> FromProto(const v1::CoordinatorMessage& message);

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_CODEC_H_
