#include "rpc/codec.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace belfry::rpc {
namespace {

using kernel::CpuId;
using kernel::CpuMask;
using kernel::Errno;
using kernel::Generation;
using kernel::OpId;

constexpr std::int64_t kNanos = 1'000'000'000;

absl::StatusOr<kernel::MultiStopState> StateFromName(const std::string& name) {
  const auto state = kernel::ParseMultiStopState(name);
  if (state) return *state;
  return absl::InvalidArgumentError(
      absl::StrCat("unknown stop_machine state '", name, "'"));
}

absl::StatusOr<kernel::ToCpu> Decode(const v1::StopPublish& m) {
  auto state = StateFromName(m.state());
  if (!state.ok()) return state.status();
  auto active = kernel::ParseCpuList(m.active());
  if (!active.ok()) return active.status();
  kernel::StopPublish publish{.generation = Generation{m.generation()},
                              .state = *state,
                              .active = *std::move(active),
                              .takedown = m.takedown(),
                              .func = m.function(),
                              .payload = m.payload()};
  if (m.has_view()) {
    auto view = FromProto(m.view());
    if (!view.ok()) return view.status();
    publish.view = *std::move(view);
  }
  publish.handover = FromProto(m.handover());
  publish.epoch = kernel::Epoch{m.epoch()};
  return publish;
}

absl::StatusOr<kernel::FromCpu> Decode(const v1::StopAck& m) {
  auto state = StateFromName(m.state());
  if (!state.ok()) return state.status();
  return kernel::StopAck{.generation = Generation{m.generation()},
                         .state = *state,
                         .error = static_cast<Errno>(m.errno_value()),
                         .result = m.result(),
                         .flushed = m.calls_flushed(),
                         .handover = FromProto(m.handover()),
                         .refused = m.refused()};
}

// One overload for each message to a CPU.
void Encode(const kernel::StopPublish& m, v1::CoordinatorMessage* out) {
  v1::StopPublish* p = out->mutable_stop_publish();
  p->set_generation(m.generation.value);
  p->set_state(std::string(kernel::MultiStopStateName(m.state)));
  p->set_active(kernel::FormatCpuList(m.active));
  p->set_takedown(m.takedown);
  p->set_function(m.func);
  p->set_payload(m.payload);
  if (m.view) *p->mutable_view() = ToProto(*m.view);
  *p->mutable_handover() = ToProto(m.handover);
  p->set_epoch(m.epoch.value);
}
void Encode(const kernel::StopAbort& m, v1::CoordinatorMessage* out) {
  out->mutable_stop_abort()->set_generation(m.generation.value);
  out->mutable_stop_abort()->set_epoch(m.epoch.value);
}
void Encode(const kernel::WalkSteps& m, v1::CoordinatorMessage* out) {
  v1::WalkSteps* p = out->mutable_walk_steps();
  p->set_walk(m.walk.value);
  p->set_cpu(m.about.value);
  p->set_from(m.from);
  p->set_to(m.to);
  p->set_target(m.target);
  p->set_fail_step(m.fail);
  *p->mutable_handover() = ToProto(m.handover);
}
void Encode(const kernel::Kick& m, v1::CoordinatorMessage* out) {
  out->mutable_kick()->set_op(m.op.value);
}
void Encode(const kernel::BringOnline& m, v1::CoordinatorMessage* out) {
  out->mutable_bring_online()->set_op(m.op.value);
}
void Encode(const kernel::SetView& m, v1::CoordinatorMessage* out) {
  *out->mutable_set_view() = ToProto(m.view);
}
void Encode(const kernel::PeerIs&, v1::CoordinatorMessage*) {}
void Encode(const kernel::PeerGone& m, v1::CoordinatorMessage* out) {
  out->mutable_cpu_lost()->set_cpu(m.cpu.value);
  out->mutable_cpu_lost()->set_incarnation(m.incarnation.value);
}

void Encode(const kernel::PowerOff& m, v1::CoordinatorMessage* out) {
  out->mutable_power_off()->set_op(m.op.value);
}

void Encode(const kernel::ReadersGranted& m, v1::CoordinatorMessage* out) {
  out->mutable_readers_granted()->set_count(m.count);
}

// One overload for each message from a CPU.
void Encode(const kernel::StopAck& m, v1::NodeMessage* out) {
  v1::StopAck* p = out->mutable_stop_ack();
  p->set_generation(m.generation.value);
  p->set_state(std::string(kernel::MultiStopStateName(m.state)));
  p->set_errno_value(static_cast<std::int32_t>(m.error));
  p->set_result(m.result);
  p->set_calls_flushed(m.flushed);
  *p->mutable_handover() = ToProto(m.handover);
  p->set_refused(m.refused);
}
void Encode(const kernel::StopAborted& m, v1::NodeMessage* out) {
  out->mutable_stop_aborted()->set_generation(m.generation.value);
  out->mutable_stop_aborted()->set_ran(m.ran);
}
void Encode(const kernel::StepsDone& m, v1::NodeMessage* out) {
  v1::StepsDone* p = out->mutable_steps_done();
  p->set_walk(m.walk.value);
  p->set_state(m.state);
  p->set_errno_value(static_cast<std::int32_t>(m.error));
  p->set_failed_step(m.failed_step);
}
void Encode(const kernel::Alive& m, v1::NodeMessage* out) {
  out->mutable_alive()->set_op(m.op.value);
}
void Encode(const kernel::StartingDone& m, v1::NodeMessage* out) {
  out->mutable_starting_done()->set_op(m.op.value);
}
void Encode(const kernel::ViewAck& m, v1::NodeMessage* out) {
  out->mutable_view_ack()->set_number(m.number);
}
void Encode(const kernel::Readers& m, v1::NodeMessage* out) {
  out->mutable_readers()->set_count(m.count);
}
void Encode(const kernel::Dead& m, v1::NodeMessage* out) {
  out->mutable_dead()->set_report_owed(m.report_owed);
}

}  // namespace

google::protobuf::Duration ToDuration(std::chrono::nanoseconds duration) {
  google::protobuf::Duration result;
  result.set_seconds(duration.count() / kNanos);
  result.set_nanos(static_cast<std::int32_t>(duration.count() % kNanos));
  return result;
}

std::chrono::nanoseconds FromDuration(
    const google::protobuf::Duration& duration) {
  return std::chrono::seconds(duration.seconds()) +
         std::chrono::nanoseconds(duration.nanos());
}

absl::StatusOr<kernel::View> FromProto(const v1::View& view) {
  auto online = kernel::ParseCpuList(view.online());
  if (!online.ok()) return online.status();
  return kernel::View{view.number(), *std::move(online)};
}

v1::Handover ToProto(const kernel::Handover& handover) {
  v1::Handover result;
  for (const CpuId submitter : handover.device_irqs) {
    result.add_device_irqs(submitter.value);
  }
  for (const CpuId wakes : handover.timers) result.add_timers(wakes.value);
  return result;
}

kernel::Handover FromProto(const v1::Handover& handover) {
  kernel::Handover result;
  for (const std::uint32_t submitter : handover.device_irqs()) {
    result.device_irqs.push_back(CpuId{submitter});
  }
  for (const std::uint32_t wakes : handover.timers()) {
    result.timers.push_back(CpuId{wakes});
  }
  return result;
}

v1::CoordinatorMessage ToProto(const kernel::ToCpu& message) {
  v1::CoordinatorMessage result;
  std::visit([&result](const auto& m) { Encode(m, &result); }, message);
  return result;
}

v1::NodeMessage ToProto(const kernel::FromCpu& message) {
  v1::NodeMessage result;
  std::visit([&result](const auto& m) { Encode(m, &result); }, message);
  return result;
}

absl::StatusOr<kernel::FromCpu> FromProto(const v1::NodeMessage& message) {
  switch (message.message_case()) {
    case v1::NodeMessage::kStopAck:
      return Decode(message.stop_ack());
    case v1::NodeMessage::kStopAborted:
      return kernel::StopAborted{
          .generation = {message.stop_aborted().generation()},
          .ran = message.stop_aborted().ran()};
    case v1::NodeMessage::kStepsDone: {
      const v1::StepsDone& m = message.steps_done();
      return kernel::StepsDone{.walk = {m.walk()},
                               .state = m.state(),
                               .error = static_cast<Errno>(m.errno_value()),
                               .failed_step = m.failed_step()};
    }
    case v1::NodeMessage::kAlive:
      return kernel::Alive{
          OpId{static_cast<std::uint32_t>(message.alive().op())}};
    case v1::NodeMessage::kStartingDone:
      return kernel::StartingDone{
          OpId{static_cast<std::uint32_t>(message.starting_done().op())}};
    case v1::NodeMessage::kViewAck:
      return kernel::ViewAck{message.view_ack().number()};
    case v1::NodeMessage::kReaders:
      return kernel::Readers{message.readers().count()};
    case v1::NodeMessage::kDead:
      return kernel::Dead{message.dead().report_owed()};
    default:
      return absl::InvalidArgumentError("not a message of a CPU's machine");
  }
}

absl::StatusOr<kernel::ToCpu> FromProto(const v1::CoordinatorMessage& message) {
  switch (message.message_case()) {
    case v1::CoordinatorMessage::kStopPublish:
      return Decode(message.stop_publish());
    case v1::CoordinatorMessage::kStopAbort:
      return kernel::StopAbort{Generation{message.stop_abort().generation()},
                               kernel::Epoch{message.stop_abort().epoch()}};
    case v1::CoordinatorMessage::kWalkSteps: {
      const v1::WalkSteps& m = message.walk_steps();
      return kernel::WalkSteps{.walk = {m.walk()},
                               .about = CpuId{m.cpu()},
                               .from = m.from(),
                               .to = m.to(),
                               .target = m.target(),
                               .fail = m.fail_step(),
                               .handover = FromProto(m.handover())};
    }
    case v1::CoordinatorMessage::kKick:
      return kernel::Kick{
          OpId{static_cast<std::uint32_t>(message.kick().op())}};
    case v1::CoordinatorMessage::kBringOnline:
      return kernel::BringOnline{
          OpId{static_cast<std::uint32_t>(message.bring_online().op())}};
    case v1::CoordinatorMessage::kSetView: {
      auto view = FromProto(message.set_view());
      if (!view.ok()) return view.status();
      return kernel::SetView{*std::move(view)};
    }
    case v1::CoordinatorMessage::kCpuLost:
      return kernel::PeerGone{
          CpuId{message.cpu_lost().cpu()},
          kernel::Incarnation{message.cpu_lost().incarnation()}};
    case v1::CoordinatorMessage::kReadersGranted:
      return kernel::ReadersGranted{message.readers_granted().count()};
    case v1::CoordinatorMessage::kPowerOff:
      return kernel::PowerOff{
          OpId{static_cast<std::uint32_t>(message.power_off().op())}};
    default:
      return absl::InvalidArgumentError("not an order to a CPU's machine");
  }
}

}  // namespace belfry::rpc
