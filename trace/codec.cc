#include "trace/codec.h"

#include <cstddef>

namespace belfry::trace {

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

absl::StatusOr<kernel::Profile> FromProto(const v1::Profile& profile) {
  kernel::Profile result{.name = profile.name()};
  for (const v1::Knob& knob : profile.knobs()) {
    const absl::Status status =
        kernel::SetKnob(&result, knob.name(), knob.value());
    if (!status.ok()) return status;
  }
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
