#include "trace/codec.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace belfry::trace {
namespace {

constexpr std::int64_t kNanos = 1'000'000'000;

v1::Operation::Kind ToProto(kernel::OpKind kind) {
  switch (kind) {
    case kernel::OpKind::kOnline:
    case kernel::OpKind::kBoot:
      return v1::Operation::KIND_ONLINE;
    case kernel::OpKind::kOffline:
      return v1::Operation::KIND_OFFLINE;
    case kernel::OpKind::kStop:
      return v1::Operation::KIND_STOP_MACHINE;
  }
  return v1::Operation::KIND_UNSPECIFIED;
}

}  // namespace

google::protobuf::Timestamp ToTimestamp(
    std::chrono::system_clock::time_point time) {
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(
                         time.time_since_epoch())
                         .count();
  google::protobuf::Timestamp result;
  result.set_seconds(nanos / kNanos);
  result.set_nanos(static_cast<std::int32_t>(nanos % kNanos));
  return result;
}

std::chrono::system_clock::time_point FromTimestamp(
    const google::protobuf::Timestamp& time) {
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(
          std::chrono::seconds(time.seconds()) +
          std::chrono::nanoseconds(time.nanos())));
}

v1::Profile ToProto(const kernel::Profile& profile) {
  v1::Profile result;
  result.set_name(profile.name);
  const auto knobs = kernel::Knobs();
  for (std::size_t i = 0; i < knobs.size(); ++i) {
    v1::Knob* knob = result.add_knobs();
    knob->set_name(std::string(knobs[i].name));
    knob->set_value(std::string(kernel::KnobValue(profile, i)));
  }
  return result;
}

std::string ProfileText(const v1::Profile& profile) {
  const absl::StatusOr<kernel::Profile> preset =
      kernel::PresetByName(profile.name());
  if (!preset.ok()) return profile.name();
  const v1::Profile plain = ToProto(*preset);
  std::vector<std::string> changed;
  for (int i = 0; i < profile.knobs_size() && i < plain.knobs_size(); ++i) {
    const v1::Knob& knob = profile.knobs(i);
    if (knob.value() == plain.knobs(i).value()) continue;
    changed.push_back(absl::StrCat(knob.name(), "=", knob.value()));
  }
  if (changed.empty()) return profile.name();
  return absl::StrCat(profile.name(), " with ", absl::StrJoin(changed, ", "));
}

absl::StatusOr<kernel::Profile> FromProto(const v1::Profile& profile) {
  kernel::Profile result{.name = profile.name()};
  for (const v1::Knob& knob : profile.knobs()) {
    const absl::Status status =
        kernel::SetKnob(&result, knob.name(), knob.value());
    if (!status.ok()) return status;
  }
  return result;
}

v1::View ToProto(const kernel::View& view) {
  v1::View result;
  result.set_number(view.number);
  result.set_online(kernel::FormatCpuList(view.online));
  return result;
}

absl::StatusOr<kernel::CpuEvent> FromProto(const v1::CpuAct& act) {
  switch (act.act_case()) {
    case v1::CpuAct::kReadLock:
      return kernel::ReadLock{};
    case v1::CpuAct::kReadUnlock:
      return kernel::ReadUnlock{};
    case v1::CpuAct::kArmTimer:
      return kernel::ArmTimer{{act.arm_timer()}};
    case v1::CpuAct::kThrottle:
      return kernel::Throttle{};
    case v1::CpuAct::kExpireTimers:
      return kernel::ExpireTimers{};
    default:
      return absl::InvalidArgumentError(
          "an act is one of read_lock, read_unlock, arm_timer, throttle, "
          "expire_timers");
  }
}

v1::Operation ToProto(const kernel::Operation& op) {
  v1::Operation result;
  result.set_id(op.id.value);
  result.set_kind(ToProto(op.kind));
  result.set_cpus(op.kind == kernel::OpKind::kStop
                      ? kernel::FormatCpuList(op.active)
                      : absl::StrCat(op.cpu.value));
  result.set_control_cpu(op.control.value);
  result.set_done(op.leg == kernel::Leg::kDone);
  result.set_leg(op.rollback && op.leg != kernel::Leg::kDone
                     ? "rollback"
                     : std::string(kernel::LegName(op.leg)));
  if (result.done())
    result.set_result(std::string(kernel::ErrnoName(op.error)));
  result.set_message(op.message);
  result.set_calls_flushed(op.flushed);
  result.set_unchanged(op.unchanged);
  result.set_rounds(op.rounds);
  return result;
}

bool HasFunction(const kernel::TraceEvent& event) {
  return event.csd.has_value() || event.kind == kernel::TraceKind::kCsdRefused;
}

v1::TraceEvent ToProto(std::optional<kernel::CpuId> cpu,
                       const kernel::TraceEvent& event,
                       const std::string& function) {
  v1::TraceEvent result;
  if (cpu) result.set_cpu(cpu->value);
  result.set_name(std::string(kernel::TraceName(event.kind)));
  if (event.about) result.set_about_cpu(event.about->value);
  if (HasFunction(event)) result.set_function(function);
  if (event.csd) {
    result.set_src_cpu(event.csd->src.value);
    result.set_src_incarnation(event.csd->src_incarnation.value);
    result.set_seq(event.csd->seq);
  }
  result.set_value(event.value);
  result.set_value2(event.value2);
  result.set_state(event.state);
  result.set_detail(event.detail);
  result.set_irqs_masked(event.irqs_masked);
  return result;
}

}  // namespace belfry::trace
